#include "net/addresses.h"

namespace barrio::net {

Result<std::vector<SocketAddress>> parse_addresses(std::string_view text) {
  std::vector<SocketAddress> all;
  while (true) {
    const size_t comma = text.find(',');
    TRY(auto address, SocketAddress::parse(text.substr(0, comma)));
    all.push_back(address);
    if (comma == std::string_view::npos) return all;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace barrio::net
