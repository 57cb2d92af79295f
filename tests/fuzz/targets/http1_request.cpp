// HTTP/1 requests: the result does not depend on how the bytes were split, and what was read, written again, is read
// as the same.

#include "base/check.h"
#include "http1_transcript.h"
#include "net/http1_writer.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

using net::Header;
using net::same_name;

bool about_the_connection(std::string_view name) {
  for (const std::string_view own :
       {"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "trailer", "te"}) {
    if (same_name(name, own)) return true;
  }
  return false;
}

/// The end-to-end fields in their order; the first Host alone counts.
std::string fields_of(std::span<const Header> headers) {
  std::string text;
  for (const Header& field : headers) {
    if (!about_the_connection(field.name)) text.append(field.name).append(": ").append(field.value).append("\n");
  }
  return text;
}

void write_and_read_again(std::string_view input) {
  net::http1::RequestParser parser({});
  parser.feed(input);
  if (!parser.complete()) return;
  const net::RequestHead& head = parser.head();
  const bool chunked = parser.framing() == net::http1::Framing::chunked;
  std::string written;
  net::http1::append_request_head(written,
                                  {.method = head.method,
                                   .target = head.target,
                                   .host = "h",
                                   .length = chunked ? std::nullopt : std::optional(head.content_length.value_or(0))},
                                  head.headers);
  // Longer than it came: "Host: h" may be new, and a blank after each colon.
  net::http1::RequestParser again({.bytes = 64 * 1024, .fields = 128});
  CHECK(again.feed(written) == written.size());
  CHECK(again.complete());
  CHECK(again.head().method == head.method && again.head().target == head.target);
  CHECK(again.framing() == parser.framing());
  CHECK(again.head().content_length.value_or(0) == head.content_length.value_or(0));
  const bool host_added = !net::find_header(head.headers, "host");
  CHECK(fields_of(again.head().headers) == fields_of(head.headers) + (host_added ? "Host: h\n" : ""));
}

}  // namespace

void run_target(std::string_view input) {
  const Requests whole = read_requests(input, Split::whole());
  CHECK(read_requests(input, Split::bytewise()).text == whole.text);
  CHECK(read_requests(input, Split::random(seed_of(input))).text == whole.text);
  // Limits are met at the same byte in every split.
  const net::http1::HeadLimits small{.bytes = 96, .fields = 3};
  CHECK(read_requests(input, Split::bytewise(), small).text == read_requests(input, Split::whole(), small).text);
  write_and_read_again(input);
}

}  // namespace barrio::fuzz
