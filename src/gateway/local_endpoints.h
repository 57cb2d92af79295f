#pragma once
// The addresses of this site's replicas, read from their text once. Lives on the gateway's loop.

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "net/endpoint.h"

namespace barrio::gateway {

class LocalEndpoints {
 public:
  static constexpr size_t most = 4096;  // over it all are forgotten: replicas come and go

  /// Null: no address. Valid until the next call.
  const net::Endpoint* find(std::string_view text) {
    auto found = known_.find(text);
    if (found == known_.end()) {
      if (known_.size() >= most) known_.clear();
      const auto address = net::SocketAddress::parse(text);
      found =
          known_.try_emplace(std::string(text), address ? std::optional<net::Endpoint>(*address) : std::nullopt).first;
    }
    return found->second ? &*found->second : nullptr;
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, std::optional<net::Endpoint>, Hash, std::equal_to<>> known_;
};

}  // namespace barrio::gateway
