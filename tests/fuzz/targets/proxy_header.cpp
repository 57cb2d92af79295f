// PROXY protocol v2 headers: independent of the split, never longer than announced, and ours are read back.

#include "base/check.h"
#include "http1_transcript.h"
#include "net/proxy_protocol.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

std::string read(std::string_view input, Split split) {
  net::ProxyHeaderReader reader;
  size_t total = 0;
  while (!input.empty() && !reader.complete() && !reader.failed()) {
    const std::string_view piece = input.substr(0, split.next(input.size()));
    const size_t used = reader.feed(piece);
    CHECK(used <= piece.size());
    CHECK(used == piece.size() || reader.complete() || reader.failed());
    total += used;
    input.remove_prefix(used);
  }
  CHECK(!(reader.complete() && reader.failed()));
  if (reader.failed()) return "failed";
  if (!reader.complete()) return "incomplete";
  CHECK(total >= 16 && total <= 16 + 1024);
  return std::to_string(total) + (reader.source() ? " " + reader.source()->str() : " local");
}

}  // namespace

void run_target(std::string_view input) {
  const std::string whole = read(input, Split::whole());
  CHECK(read(input, Split::bytewise()) == whole);
  CHECK(read(input, Split::random(seed_of(input))) == whole);
  net::ProxyHeaderReader reader;
  reader.feed(input);
  if (!reader.complete() || !reader.source()) return;
  const std::string written = net::proxy_header(*reader.source(), *reader.source());
  net::ProxyHeaderReader again;
  CHECK(again.feed(written) == written.size());
  CHECK(again.complete() && again.source() && again.source()->str() == reader.source()->str());
}

}  // namespace barrio::fuzz
