// The fields that a gateway reads or passes on. The input is the fields of a message, as they come over the wire.

#include "base/check.h"
#include "gateway/headers.h"
#include "net/http1_parser.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

using net::Header;
using net::same_name;

bool named_by_connection(std::span<const Header> headers, std::string_view name) {
  for (const Header& field : headers) {
    if (same_name(field.name, "connection") && same_name(field.value, name)) return true;
  }
  return false;
}

void check_passed(std::span<const Header> from, std::span<const Header> passed) {
  CHECK(passed.size() <= from.size());
  for (const Header& field : passed) {
    for (const std::string_view hop :
         {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length",
          "proxy-connection", "barrio-peer", "barrio-deadline-ms", "barrio-forwarded-by"}) {
      CHECK(!same_name(field.name, hop));
    }
    CHECK(!named_by_connection(from, field.name));
  }
}

void check_timings(std::span<const Header> headers) {
  const gateway::Timings timings = gateway::read_timings(headers);
  CHECK(timings.queue.value_or(Duration::zero()) >= Duration::zero());
  CHECK(timings.compute.value_or(Duration::zero()) >= Duration::zero());
  CHECK(timings.waiting.value_or(0) >= 0 && timings.waiting.value_or(0) < 1e6);
}

}  // namespace

void run_target(std::string_view input) {
  net::http1::HeadText text({});
  text.feed("GET / HTTP/1.1\r\n");
  text.feed(input);
  text.feed("\r\n\r\n");
  if (!text.complete()) return;
  for (const bool to_gateway : {false, true}) {
    std::vector<Header> passed;
    gateway::pass_request_headers(text.headers(), to_gateway, passed);
    check_passed(text.headers(), passed);
    if (!to_gateway) CHECK(!net::find_header(passed, "authorization"));
    passed.clear();
    gateway::pass_answer_headers(text.headers(), to_gateway, passed);
    check_passed(text.headers(), passed);
    CHECK(!net::find_header(passed, "server-timing"));
    CHECK(to_gateway || !net::find_header(passed, "barrio-load"));
  }
  check_timings(text.headers());
}

}  // namespace barrio::fuzz
