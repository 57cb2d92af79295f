#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <optional>

#include "base/text.h"

namespace barrio::net {

namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::string_view namespace_prefix = "netns:";

tl::unexpected<Error> bad(std::string_view text) {
  return fail(Code::invalid,
              "'" + std::string(text) + "' is not an address like 127.0.0.1:8080, [::1]:8080 or unix:/path");
}

/// "PID:INODE"
std::optional<NetworkNamespace> parse_namespace(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto pid = parse_uint(text.substr(0, colon));
  const auto inode = parse_uint(text.substr(colon + 1));
  if (!pid || *pid == 0 || *pid > INT32_MAX || !inode) return std::nullopt;
  return NetworkNamespace{static_cast<uint32_t>(*pid), *inode};
}

}  // namespace

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  SocketAddress address;
  if (text.starts_with(namespace_prefix)) {
    const size_t at = std::min(text.find('@'), text.size() - 1);
    const auto where =
        parse_namespace(text.substr(namespace_prefix.size(), at - std::min(at, namespace_prefix.size())));
    const std::string_view rest = text.substr(at + 1);
    if (!where || rest.starts_with(unix_prefix) || rest.starts_with(namespace_prefix)) return bad(text);
    TRY(address, parse(rest));
    address.namespace_ = *where;
    return address;
  }
  if (text.starts_with(unix_prefix)) {
    const std::string_view path = text.substr(unix_prefix.size());
    auto* native = reinterpret_cast<sockaddr_un*>(&address.storage_);
    if (path.empty() || path.find('\0') != std::string_view::npos) return bad(text);
    if (path.size() >= sizeof(native->sun_path)) {
      return fail(Code::invalid, "socket path '" + std::string(path) + "' is longer than 107 bytes");
    }
    native->sun_family = AF_UNIX;
    std::memcpy(native->sun_path, path.data(), path.size());
    address.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad(text);
  const auto port = parse_uint(text.substr(colon + 1));
  if (!port || *port > 65535) return bad(text);
  std::string host(text.substr(0, colon));
  const uint16_t network_port = htons(static_cast<uint16_t>(*port));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    auto* native = reinterpret_cast<sockaddr_in6*>(&address.storage_);
    if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &native->sin6_addr) != 1) return bad(text);
    native->sin6_family = AF_INET6;
    native->sin6_port = network_port;
    address.length_ = sizeof(sockaddr_in6);
    return address;
  }
  auto* native = reinterpret_cast<sockaddr_in*>(&address.storage_);
  if (inet_pton(AF_INET, host.c_str(), &native->sin_addr) != 1) return bad(text);
  native->sin_family = AF_INET;
  native->sin_port = network_port;
  address.length_ = sizeof(sockaddr_in);
  return address;
}

SocketAddress SocketAddress::from_native(const sockaddr_storage& storage, socklen_t length) {
  SocketAddress address;
  address.storage_ = storage;
  address.length_ = length;
  return address;
}

std::string SocketAddress::ip() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, text, sizeof(text));
  } else if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, text, sizeof(text));
  }
  return text;
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  return 0;
}

std::string SocketAddress::str() const {
  if (is_unix()) {
    // An unnamed peer has no path at all.
    if (length_ <= offsetof(sockaddr_un, sun_path)) return std::string(unix_prefix);
    return std::string(unix_prefix) + reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path;
  }
  std::string prefix;
  if (namespace_.pid != 0) {
    prefix.append(namespace_prefix).append(std::to_string(namespace_.pid)).append(":");
    prefix.append(std::to_string(namespace_.inode)).append("@");
  }
  if (family() == AF_INET6) return prefix + "[" + ip() + "]:" + std::to_string(port());
  return prefix + ip() + ":" + std::to_string(port());
}

}  // namespace barrio::net
