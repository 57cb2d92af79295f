#pragma once
// Socket addresses: "127.0.0.1:8080", "[::1]:8080" or "unix:/path/to/socket"; and "netns:PID:INODE@127.0.0.1:8080": the
// same in the network namespace of that process, if it still is the one with this inode.

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio::net {

/// Of a process; the inode tells it from that of a later process with the same number.
struct NetworkNamespace {
  uint32_t pid = 0;  // 0: our own
  uint64_t inode = 0;
  bool operator==(const NetworkNamespace&) const = default;
};

class SocketAddress {
 public:
  SocketAddress() = default;
  /// Numeric addresses only: nothing here asks a name server. Errors: invalid.
  static Result<SocketAddress> parse(std::string_view text);
  static SocketAddress from_native(const sockaddr_storage& storage, socklen_t length);
  std::string str() const;
  /// The IP address without the port; empty for Unix sockets.
  std::string ip() const;
  uint16_t port() const;
  bool is_unix() const { return storage_.ss_family == AF_UNIX; }
  const sockaddr* native() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t native_length() const { return length_; }
  int family() const { return storage_.ss_family; }
  const NetworkNamespace& network_namespace() const { return namespace_; }
  /// The same bytes, in the same namespace.
  bool operator==(const SocketAddress& other) const {
    return bytes() == other.bytes() && namespace_ == other.namespace_;
  }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(&storage_), length_}; }

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
  NetworkNamespace namespace_;
};

}  // namespace barrio::net
