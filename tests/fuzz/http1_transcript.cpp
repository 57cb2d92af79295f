#include "http1_transcript.h"

#include <algorithm>

#include "base/check.h"

namespace barrio::fuzz {

using namespace net;
using http1::BodyReader;
using http1::Framing;
using http1::RequestParser;

namespace {

bool clean(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

/// What no accepted head may be, whatever was sent.
void check_head(const RequestParser& parser) {
  const RequestHead& head = parser.head();
  CHECK(http1::is_token(head.method));
  CHECK(head.target.find_first_of(" \t#") == std::string_view::npos && clean(head.target) && !head.target.empty());
  CHECK(head.target.substr(0, head.path.size()) == head.path);
  size_t lengths = 0;
  size_t codings = 0;
  size_t hosts = 0;
  for (const Header& field : head.headers) {
    CHECK(http1::is_token(field.name) && clean(field.value));
    CHECK(field.value.empty() || (field.value.front() != ' ' && field.value.back() != ' '));
    lengths += same_name(field.name, "content-length");
    codings += same_name(field.name, "transfer-encoding");
    hosts += same_name(field.name, "host");
  }
  CHECK(lengths + codings <= 1);
  CHECK(hosts == 1 || (hosts == 0 && head.minor_version == 0));
  CHECK((codings == 1) == (parser.framing() == Framing::chunked));
  CHECK((lengths == 1) == head.content_length.has_value());
  CHECK(parser.framing() != Framing::until_close);
}

}  // namespace

void write_head(const RequestHead& head, std::string& text) {
  text.append(head.method).append(" ").append(head.target).append(head.minor_version == 1 ? " 1\n" : " 0\n");
  for (const Header& field : head.headers) text.append(field.name).append("=").append(field.value).append("\n");
}

size_t Split::next(size_t left) {
  const size_t size = step_ > 0 ? step_ : seed_ == 0 ? left : 1 + static_cast<size_t>(rng_.below(24));
  return std::min(size, left);
}

Requests read_requests(std::string_view input, Split split, http1::HeadLimits limits) {
  Requests seen;
  RequestParser parser(limits);
  BodyReader body;
  uint64_t body_bytes = 0;
  bool in_body = false;
  while (!input.empty()) {
    std::string_view piece = input.substr(0, split.next(input.size()));
    input.remove_prefix(piece.size());
    while (!piece.empty() || (in_body && body.done())) {
      if (in_body && body.done()) {
        const auto length = parser.head().content_length;
        CHECK(!length || *length == body_bytes);
        seen.text += "|\n";
        ++seen.complete;
        parser.reset();
        in_body = false;
        continue;
      }
      if (in_body) {
        const auto step = body.step(piece);
        CHECK(step.consumed <= piece.size() && step.piece.size() <= step.consumed);
        CHECK(step.consumed > 0 || body.failure() != nullptr);
        piece.remove_prefix(step.consumed);
        seen.text.append(step.piece);
        body_bytes += step.piece.size();
        CHECK(body_bytes <= parser.head().content_length.value_or(body_bytes));
        if (body.failure() != nullptr) {
          seen.rejected = true;
          seen.text += "rejected body";
          return seen;
        }
        continue;
      }
      const size_t used = parser.feed(piece);
      CHECK(used <= piece.size());
      if (parser.failure().status != 0) {
        CHECK(!parser.complete());
        seen.rejected = true;
        seen.text += "rejected " + std::to_string(parser.failure().status);
        return seen;
      }
      CHECK(used == piece.size() || parser.complete());
      piece.remove_prefix(used);
      if (!parser.complete()) continue;
      check_head(parser);
      write_head(parser.head(), seen.text);
      body.reset(parser.framing(), parser.head().content_length.value_or(0));
      body_bytes = 0;
      in_body = true;
    }
  }
  seen.text += in_body || parser.started() ? "incomplete" : "";
  return seen;
}

uint64_t seed_of(std::string_view input) {
  uint64_t seed = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : input) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return seed;
}

}  // namespace barrio::fuzz
