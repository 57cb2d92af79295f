// Queries and percent escapes.

#include "base/check.h"
#include "base/text.h"
#include "net/address.h"
#include "net/http.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    escaped += '%';
    escaped += "0123456789abcdef"[byte >> 4];
    escaped += "0123456789ABCDEF"[byte & 15];
  }
  return escaped;
}

}  // namespace

void run_target(std::string_view input) {
  CHECK(net::percent_decode(escape(input)) == input);
  const auto decoded = net::percent_decode(input);
  CHECK(!decoded || decoded->size() <= input.size());
  net::query_value(input, "app");
  CHECK(net::query_value("a=b&app=" + escape(input), "app") == input);
  CHECK(from_base64url(base64url(input)) == input);
  const auto address = net::SocketAddress::parse(input);
  if (!address) return;
  const auto again = net::SocketAddress::parse(address->str());
  CHECK(again && again->str() == address->str());
}

}  // namespace barrio::fuzz
