#pragma once
// Which header fields an application may send, and which may stand in a trailer section. Names about the connection or
// the framing come from net/ alone, so nothing that an application passes on can split a message.

#include <span>

#include "base/text.h"
#include "net/http.h"

namespace barrio::net {

/// More trailer fields than this, names and values added up, are refused when they come and dropped when they go.
inline constexpr size_t most_trailer_bytes = 4096;

/// A well-formed field that is not about the connection or the framing.
bool may_send(const Header& header);
/// RFC 9110 6.5.1: nothing about framing, routing, authentication or the content, and nothing that must be known before
/// the body.
bool may_be_trailer(std::string_view name);

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
