#pragma once
// Socket addresses: "127.0.0.1:8080", "[::1]:8080" or "unix:/path/to/socket".

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio::net {

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
  /// The same bytes.
  bool operator==(const SocketAddress& other) const { return bytes() == other.bytes(); }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(&storage_), length_}; }

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

}  // namespace barrio::net
