#pragma once
// Which header fields an application may send, and which may stand in a trailer section. Names about the connection or
// the framing come from net/ alone, so nothing that an application passes on can split a message.

#include <span>

#include "net/http.h"

namespace barrio::net {

/// More trailer fields than this, names and values added up, are refused when they come and dropped when they go.
inline constexpr size_t most_trailer_bytes = 4096;

/// A well-formed field that is not about the connection or the framing.
bool may_send(const Header& header);
/// RFC 9110 6.5.1: nothing about framing, routing, authentication or the content, and nothing that must be known before
/// the body.
bool may_be_trailer(std::string_view name);

/// Eight characters with A-Z, and nothing else, made small.
inline uint64_t small_letters(uint64_t eight) {
  constexpr uint64_t ones = 0x0101010101010101;
  const uint64_t low = eight & (ones * 0x7f);  // so that no addition below carries into the next character
  const uint64_t from_a = low + ones * (0x80 - 'A');
  const uint64_t beyond_z = low + ones * (0x7f - 'Z');
  const uint64_t upper = (from_a ^ beyond_z) & ~eight & (ones * 0x80);
  return eight | (upper >> 2);
}

/// The fields that can be sent as trailers, up to most_trailer_bytes.
template <class Take>
void each_trailer(std::span<const Header> trailers, Take take) {
  size_t bytes = 0;
  for (const Header& header : trailers) {
    if (!may_send(header) || !may_be_trailer(header.name)) continue;
    bytes += header.name.size() + header.value.size();
    if (bytes > most_trailer_bytes) return;
    take(header);
  }
}

}  // namespace barrio::net
