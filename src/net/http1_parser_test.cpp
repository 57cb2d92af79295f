#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "net/http1_parser.h"

namespace barrio::net::http1::http1_parser_test {
namespace {

using namespace std::string_literals;

/// Feeds in pieces of `step` bytes; what came of it, as text, so that two ways of feeding can be compared.
std::string outcome(std::string_view input, size_t step, HeadLimits limits = {}) {
  RequestParser parser(limits);
  BodyReader body;
  std::string seen;
  bool in_body = false;
  while (!input.empty()) {
    std::string_view piece = input.substr(0, step);
    input.remove_prefix(piece.size());
    while (!piece.empty()) {
      if (!in_body) {
        piece.remove_prefix(parser.feed(piece));
        if (parser.failure().status != 0) return seen + "rejected " + std::to_string(parser.failure().status);
        if (!parser.complete()) break;
        seen += std::string(parser.head().method) + " " + std::string(parser.head().target) + ";";
        for (const Header& header : parser.head().headers) {
          seen += std::string(header.name) + "=" + std::string(header.value) + ";";
        }
        body.reset(parser.framing(), parser.head().content_length.value_or(0));
        in_body = true;
      } else {
        const auto got = body.step(piece);
        piece.remove_prefix(got.consumed);
        seen += got.piece;
        if (body.failure() != nullptr) return seen + "rejected body";
      }
      if (in_body && body.done()) {
        seen += "|";
        parser.reset();
        in_body = false;
      }
    }
  }
  return seen + (in_body || parser.started() ? "incomplete" : "");
}

std::string whole(std::string_view input) {
  return outcome(input, input.size());
}

std::string with(std::string_view fields) {
  return "POST /x HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

TEST_CASE("what could be read in two ways is rejected") {
  for (const std::string& request : {
           "GET / HTTP/1.1\nHost: a\n\n"s,
           "GET / HTTP/1.1\r\nHost: a\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"s,
           "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"s,
           "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "GET / http/1.1\r\nHost: a\r\n\r\n"s,
           "GET / HTTP/1.1\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"s,
           "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "GET * HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "GET /#f HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "G{T / HTTP/1.1\r\nHost: a\r\n\r\n"s,
           with("X: a\r\n b\r\n"),
           with("X : a\r\n"),
           with(" X: a\r\n"),
           with(": a\r\n"),
           with("X\r\n"),
           with("X: a\0b\r\n"s),
           with("X: a\x01\r\n"),
           with("X: a\x7f\r\n"),
           with("Content-Length: 1\r\nContent-Length: 1\r\n"),
           with("Content-Length: 1, 1\r\n"),
           with("Content-Length: +1\r\n"),
           with("Content-Length: -1\r\n"),
           with("Content-Length: 0x1\r\n"),
           with("Content-Length: 1 1\r\n"),
           with("Content-Length:\r\n"),
           with("Content-Length: 99999999999999999999\r\n"),
           with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
           with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
           with("Transfer-Encoding: gzip, chunked\r\n"),
           with("Transfer-Encoding: chunked, identity\r\n"),
           with("Transfer-Encoding: identity\r\n"),
           with("Transfer-Encoding: xchunked\r\n"),
           with("Transfer-Encoding:\x0b"
                "chunked\r\n"),
           "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"s,
       }) {
    INFO(request);
    CHECK(whole(request) == "rejected 400");
  }
}

TEST_CASE("other versions, unknown expectations and long heads have their own status") {
  CHECK(whole("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == "rejected 505");
  CHECK(whole(with("Expect: tea\r\n")) == "rejected 417");
  CHECK(outcome(with("X: " + std::string(100, 'a') + "\r\n"), 1000, {.bytes = 100, .fields = 64}) == "rejected 431");
  CHECK(outcome(with("X: a\r\nY: b\r\n"), 1000, {.bytes = 1000, .fields = 2}) == "rejected 431");
}

TEST_CASE("good requests are read exactly") {
  CHECK(whole("GET /a?b HTTP/1.1\r\nHost: [::1]:80\r\nX:  a b\t\r\n\r\n") == "GET /a?b;Host=[::1]:80;X=a b;|");
  CHECK(whole("OPTIONS * HTTP/1.1\r\nhOST:\r\n\r\n") == "OPTIONS *;hOST=;|");
  CHECK(whole("GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n") == "GET /;|GET /2;|");
  CHECK(whole(with("Content-Length: 3\r\n") + "abcGET") == "POST /x;Host=a;Content-Length=3;abc|incomplete");
}

const std::string chunked = with("Transfer-Encoding: chunked\r\n");
const std::string chunked_head = "POST /x;Host=a;Transfer-Encoding=chunked;";

TEST_CASE("chunks are read exactly, with extensions and trailers dropped") {
  CHECK(whole(chunked + "3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nT: u\r\n\r\n") ==
        chunked_head + "abc0123456789|");
  CHECK(whole(chunked + "0\r\n\r\n") == chunked_head + "|");
}

TEST_CASE("bad chunks are rejected") {
  for (const std::string& body : {"\r\n"s,
                                  "g\r\n"s,
                                  "-1\r\n"s,
                                  "+1\r\n"s,
                                  "0x1\r\n"s,
                                  " 1\r\n"s,
                                  "1 \r\n"s,
                                  "1\n"s,
                                  "1\ra"s,
                                  "1\r\nab\r\n"s,
                                  "1\r\na\n"s,
                                  "1\r\na\rb"s,
                                  "1000000000000000\r\n"s,
                                  "1;" + std::string(5000, 'x'),
                                  "1;a\nb\r\n"s,
                                  "1;\0\r\n"s,
                                  "0\r\n X: a\r\n\r\n"s,
                                  "0\r\nX : a\r\n\r\n"s,
                                  "0\r\n\ra"s,
                                  "0\r\nX: a\n\r\n"s}) {
    INFO(body);
    const std::string result = whole(chunked + body);
    CHECK(result.ends_with("rejected body"));
  }
}

TEST_CASE("control characters and colons are found wherever they stand in a line, and lines wherever they end") {
  for (size_t size = 1; size < 50; ++size) {
    const std::string good(size, 'v');
    const std::string fields = std::string(size, 'n') + ": " + good + "\r\nX:\t" + good + "\x80 :\r\n";
    const std::string request = with(fields);
    const std::string seen = whole(request);
    CHECK(seen == "POST /x;Host=a;" + std::string(size, 'n') + "=" + good + ";X=" + good + "\x80 :;|");
    for (size_t cut = 1; cut < request.size(); ++cut) {
      RequestParser parser({});
      CHECK(parser.feed(request.substr(0, cut)) == cut);
      CHECK(parser.feed(request.substr(cut)) == request.size() - cut);
      CHECK(parser.complete());
    }
    CHECK(whole(with(std::string(size, 'n') + "\r\nX: " + good + "\r\n")) == "rejected 400");
    for (size_t at = 0; at < size; ++at) {
      for (const char control : {'\0', '\x01', '\r', '\x1f', '\x7f'}) {
        std::string bad = good;
        bad[at] = control;
        // CR, LF is a line's end.
        const std::string refused = with("X: " + bad + "\r\n");
        CHECK(whole(refused) == "rejected 400");
        CHECK(outcome(refused, 1) == "rejected 400");
        CHECK(whole("GET /" + bad + " HTTP/1.1\r\nHost: a\r\n\r\n") == "rejected 400");
      }
    }
  }
}

TEST_CASE("how the bytes are split makes no difference") {
  const std::vector<std::string> parts = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                          chunked,
                                          "5\r\nhello\r\n",
                                          "0\r\n\r\n",
                                          "\r\n",
                                          "\n",
                                          "\r",
                                          "Content-Length: 2\r\n",
                                          "POST /y HTTP/1.1\r\nHost: b\r\n",
                                          "ab",
                                          " ",
                                          "X: y\r\n",
                                          "\0"s,
                                          "0\r\nT: v\r\n\r\n",
                                          "GET / HTTP/3.7\r\n"};
  const bool ok = rc::check([&] {
    std::string input;
    for (const size_t i : *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, parts.size()))) {
      input += parts[i];
    }
    const size_t step = *rc::gen::inRange<size_t>(1, 20);
    RC_ASSERT(outcome(input, step, {.bytes = 200, .fields = 3}) ==
              outcome(input, input.size(), {.bytes = 200, .fields = 3}));
  });
  CHECK(ok);
}

std::string answer(std::string_view text, bool to_head = false) {
  ResponseParser parser({});
  parser.reset(to_head);
  parser.feed(text);
  if (parser.failure().status != 0) return "rejected";
  if (!parser.complete()) return "incomplete";
  const char* framings[] = {"none", "length", "chunked", "until_close"};
  return std::to_string(parser.head().status) + " " + framings[static_cast<int>(parser.framing())] +
         (parser.keep_alive() ? " keep" : " close");
}

TEST_CASE("an answer's framing follows its status, its fields and the question") {
  CHECK(answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n") == "200 length keep");
  CHECK(answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true) == "200 none keep");
  CHECK(answer("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nConnection: x, close\r\n\r\n") == "200 chunked close");
  CHECK(answer("HTTP/1.1 204 No Content\r\n\r\n") == "204 none keep");
  CHECK(answer("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n") == "204 none close");
  CHECK(answer("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n") == "204 none keep");
  CHECK(answer("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n") == "204 none close");
  CHECK(answer("HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\n") == "304 none keep");
  CHECK(answer("HTTP/1.1 100 Continue\r\n\r\n") == "100 none keep");
  CHECK(answer("HTTP/1.0 200 OK\r\n\r\n") == "200 until_close close");
  CHECK(answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n") == "rejected");
  CHECK(answer("HTTP/1.1 20 OK\r\n\r\n") == "rejected");
  CHECK(answer("HTTP/1.1 099 OK\r\n\r\n") == "rejected");
  CHECK(answer("HTTP/2 200 OK\r\n\r\n") == "rejected");
  CHECK(answer("<html>") == "incomplete");
}

}  // namespace
}  // namespace barrio::net::http1::http1_parser_test
