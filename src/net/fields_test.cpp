#include "net/fields.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cctype>

#include "net/http1_parser.h"

namespace barrio::net::fields_test {
namespace {

TEST_CASE("a field's name is known in any case of its letters, and nothing else is taken for it") {
  CHECK(field_of("te") == Field::te);
  CHECK(field_of("Content-Length") == Field::content_length);
  CHECK(field_of("CONTENT-LENGTH") == Field::content_length);
  CHECK(field_of("proxy-authorization") == Field::proxy_authorization);
  CHECK(Header("Transfer-Encoding", "chunked").field == Field::transfer_encoding);
  CHECK(Header("", "").field == Field::other);
  // What differs from a name in a bit that only letters may differ in.
  for (const std::string_view near :
       {std::string_view("content\rlength"), std::string_view("Content_Length"), std::string_view("content-length "),
        std::string_view("content-lengt"), std::string_view("c\x4fntent-lengt\x08"), std::string_view("\x14\x05"),
        std::string_view("proxy-authorizatioN\x80"), std::string_view("\xe7ontent-length")}) {
    CHECK_MESSAGE(field_of(near) == Field::other, near);
  }
}

TEST_CASE("names are the same when they differ in the case of ASCII letters alone, whatever their bytes") {
  CHECK(rc::check([](const std::string& text, const std::string& other) {
    const auto lower = [](std::string all) {
      for (char& c : all) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      return all;
    };
    std::string upper = text;
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    RC_ASSERT(same_name(text, upper));
    RC_ASSERT(same_name(text, other) == (lower(text) == lower(other)));
    for (size_t i = 0; i < text.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string changed = text;
        changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
        RC_ASSERT(same_name(text, changed) == (lower(text) == lower(changed)));
      }
    }
  }));
}

TEST_CASE("what was read was checked, and what an application makes is checked when it is sent") {
  http1::RequestParser parser({});
  const std::string_view request = "GET / HTTP/1.1\r\nHost: a\r\nX-Any: thing\r\nConnection: close\r\n\r\n";
  CHECK(parser.feed(request) == request.size());
  for (const Header& header : parser.head().headers) {
    CHECK(header.checked);
    CHECK(may_send(header) == (header.name != "Connection"));
  }
  CHECK_FALSE(Header("X-Any", "thing").checked);
  CHECK_FALSE(may_send({"X-Any", "thing\r\nX: y"}));
}

TEST_CASE("what is about the connection is not an application's to send") {
  for (const char* name : {"Connection", "content-length", "TE", "Trailer", "transfer-encoding", "Keep-Alive"}) {
    CHECK_FALSE_MESSAGE(may_send({name, "x"}), name);
    CHECK_FALSE_MESSAGE(may_be_trailer(name), name);
  }
  CHECK(may_send({"Content-Type", "text/plain"}));
  CHECK(may_send({"X-Any", "thing"}));
  CHECK_FALSE(may_send({"X Any", "thing"}));
  CHECK_FALSE(may_send({"Content-Type", "text\r\nX: y"}));
  for (const char* name : {"content-type", "If-None-Match", "authorization", "host", "Set-Cookie", "proxy-thing"}) {
    CHECK_FALSE_MESSAGE(may_be_trailer(name), name);
  }
  CHECK(may_be_trailer("grpc-status"));
}

}  // namespace
}  // namespace barrio::net::fields_test
