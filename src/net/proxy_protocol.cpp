#include "net/proxy_protocol.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace barrio::net {

namespace {

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t fixed_size = 16;
/// Addresses take 36 bytes at most here; the rest is TLVs, which nobody needs kilobytes of.
constexpr size_t most_variable = 1024;
constexpr size_t inet_size = 12;
constexpr size_t inet6_size = 36;

size_t byte_at(std::string_view text, size_t index) {
  return static_cast<unsigned char>(text[index]);
}

}  // namespace

size_t ProxyHeaderReader::wanted() const {
  if (text_.size() < fixed_size) return fixed_size;
  return fixed_size + byte_at(text_, 14) * 256 + byte_at(text_, 15);
}

size_t ProxyHeaderReader::feed(std::string_view input) {
  size_t used = 0;
  while (!complete_ && !failed_ && used < input.size()) {
    const size_t take = std::min(input.size() - used, wanted() - text_.size());
    text_.append(input.substr(used, take));
    used += take;
    check_start();
    if (!failed_ && text_.size() >= fixed_size && text_.size() == wanted()) read_addresses();
  }
  return used;
}

void ProxyHeaderReader::check_start() {
  const std::string_view text = text_;
  const size_t compared = std::min(text.size(), signature.size());
  failed_ = text.substr(0, compared) != signature.substr(0, compared);
  if (failed_ || text.size() < fixed_size) return;
  const size_t command = byte_at(text, 12);
  failed_ = (command != 0x20 && command != 0x21) || wanted() > fixed_size + most_variable;
}

void ProxyHeaderReader::read_addresses() {
  complete_ = true;
  if (byte_at(text_, 12) == 0x20) return;  // LOCAL: whatever follows is to be ignored
  const size_t family = byte_at(text_, 13);
  const size_t size = text_.size() - fixed_size;
  const char* data = text_.data() + fixed_size;
  sockaddr_storage storage{};
  if (family == 0x11 && size >= inet_size) {
    auto* native = reinterpret_cast<sockaddr_in*>(&storage);
    native->sin_family = AF_INET;
    std::memcpy(&native->sin_addr, data, 4);
    std::memcpy(&native->sin_port, data + 8, 2);
    source_ = SocketAddress::from_native(storage, sizeof(sockaddr_in));
  } else if (family == 0x21 && size >= inet6_size) {
    auto* native = reinterpret_cast<sockaddr_in6*>(&storage);
    native->sin6_family = AF_INET6;
    std::memcpy(&native->sin6_addr, data, 16);
    std::memcpy(&native->sin6_port, data + 32, 2);
    source_ = SocketAddress::from_native(storage, sizeof(sockaddr_in6));
  } else {
    complete_ = false;
    failed_ = true;
  }
}

std::string proxy_header(const SocketAddress& source, const SocketAddress& destination) {
  std::string header(signature);
  const bool proxied = source.family() == destination.family() && !source.is_unix() && source.family() != AF_UNSPEC;
  auto raw = [&header](const void* data, size_t size) { header.append(static_cast<const char*>(data), size); };
  if (!proxied) return header + std::string("\x20\x00\x00\x00", 4);
  if (source.family() == AF_INET) {
    const auto* from = reinterpret_cast<const sockaddr_in*>(source.native());
    const auto* to = reinterpret_cast<const sockaddr_in*>(destination.native());
    header += std::string("\x21\x11\x00\x0c", 4);
    raw(&from->sin_addr, 4);
    raw(&to->sin_addr, 4);
    raw(&from->sin_port, 2);
    raw(&to->sin_port, 2);
    return header;
  }
  const auto* from = reinterpret_cast<const sockaddr_in6*>(source.native());
  const auto* to = reinterpret_cast<const sockaddr_in6*>(destination.native());
  header += std::string("\x21\x21\x00\x24", 4);
  raw(&from->sin6_addr, 16);
  raw(&to->sin6_addr, 16);
  raw(&from->sin6_port, 2);
  raw(&to->sin6_port, 2);
  return header;
}

}  // namespace barrio::net
