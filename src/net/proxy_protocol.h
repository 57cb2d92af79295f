#pragma once
// PROXY protocol version 2 (HAProxy's specification, 2.2): who the real client is, said by a relay that we trust.

#include <optional>
#include <string>
#include <string_view>

#include "net/address.h"

namespace barrio::net {

/// Reads the header at the start of a connection, however its bytes are split.
class ProxyHeaderReader {
 public:
  /// Takes bytes up to the end of the header; returns how many.
  size_t feed(std::string_view input);
  /// Bytes up to the end of the header, as far as is known.
  size_t missing() const { return wanted() - text_.size(); }
  bool complete() const { return complete_; }
  bool failed() const { return failed_; }
  /// The client that the relay speaks for; none when the relay speaks for itself (LOCAL).
  const std::optional<SocketAddress>& source() const { return source_; }

 private:
  size_t wanted() const;
  void check_start();
  void read_addresses();

  std::string text_;
  bool complete_ = false;
  bool failed_ = false;
  std::optional<SocketAddress> source_;
};

/// Both addresses of the same family, TCP over IPv4 or IPv6; any other pair gives a LOCAL header.
std::string proxy_header(const SocketAddress& source, const SocketAddress& destination);

}  // namespace barrio::net
