// HTTP/1 answers, to GET and to HEAD: independent of the split, and never framed in two ways.

#include "base/check.h"
#include "http1_transcript.h"
#include "net/http1_writer.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

using namespace net;
using http1::Framing;

void check_head(const http1::ResponseParser& parser, bool to_head) {
  const ResponseHead& head = parser.head();
  CHECK(head.status >= 100 && head.status <= 599);
  const auto length = find_header(head.headers, "content-length");
  const auto coding = find_header(head.headers, "transfer-encoding");
  CHECK(!length || !coding);
  const bool bodyless = to_head || head.status < 200 || head.status == 204 || head.status == 304;
  CHECK(!bodyless || parser.framing() == Framing::none);
  CHECK(parser.framing() != Framing::length || head.content_length.has_value());
  CHECK(head.has_body == (parser.framing() != Framing::none));
  for (const Header& field : head.headers) CHECK(http1::is_token(field.name) && http1::is_field_value(field.value));
}

std::string read_answer(std::string_view input, bool to_head, Split split) {
  http1::ResponseParser parser({});
  parser.reset(to_head);
  http1::BodyReader body;
  std::string text;
  while (!input.empty()) {
    std::string_view piece = input.substr(0, split.next(input.size()));
    input.remove_prefix(piece.size());
    while (!piece.empty()) {
      if (!parser.complete()) {
        const size_t used = parser.feed(piece);
        CHECK(used <= piece.size());
        if (parser.failure().status != 0) return text + "rejected";
        CHECK(used == piece.size() || parser.complete());
        piece.remove_prefix(used);
        if (!parser.complete()) continue;
        check_head(parser, to_head);
        text += std::to_string(parser.head().status) + (parser.keep_alive() ? " keep\n" : " close\n");
        for (const Header& field : parser.head().headers) text.append(field.name).append("=").append(field.value);
        body.reset(parser.framing(), parser.head().content_length.value_or(0));
        continue;
      }
      if (body.done()) return text + "|done";
      const auto step = body.step(piece);
      CHECK(step.consumed <= piece.size() && step.piece.size() <= step.consumed);
      piece.remove_prefix(step.consumed);
      text.append(step.piece);
      if (body.failure() != nullptr) return text + "rejected body";
    }
  }
  return text + (parser.complete() && body.done() ? "|done" : "incomplete");
}

void write_and_read_again(std::string_view input) {
  http1::ResponseParser parser({});
  parser.reset(false);
  parser.feed(input);
  if (!parser.complete() || parser.framing() == Framing::until_close || parser.head().status < 200) return;
  const ResponseHead& head = parser.head();
  const bool chunked = parser.framing() == Framing::chunked;
  std::string written;
  http1::append_response_head(
      written, head.status, head.headers,
      {.length = chunked ? std::nullopt : std::optional(parser.framing() == Framing::none ? 0 : *head.content_length),
       .chunked = chunked,
       .persistence = http1::Persistence::standard});
  http1::ResponseParser again({.bytes = 64 * 1024, .fields = 128});
  again.reset(false);
  CHECK(again.feed(written) == written.size());
  CHECK(again.complete());
  CHECK(again.head().status == head.status);
  CHECK(again.framing() == parser.framing());
  for (const Header& field : head.headers) {
    const bool ours = same_name(field.name, "date") || same_name(field.name, "connection");
    if (!ours && same_name(field.name, "server-timing")) CHECK(find_header(again.head().headers, field.name));
  }
}

}  // namespace

void run_target(std::string_view input) {
  for (const bool to_head : {false, true}) {
    const std::string whole = read_answer(input, to_head, Split::whole());
    CHECK(read_answer(input, to_head, Split::bytewise()) == whole);
    CHECK(read_answer(input, to_head, Split::random(seed_of(input))) == whole);
  }
  write_and_read_again(input);
}

}  // namespace barrio::fuzz
