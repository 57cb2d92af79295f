#pragma once
// How orders and the snapshot stand on a site's disk: a line with the SHA-256 of the rest, then JSON. A file that was
// damaged is told apart from one that was never written.

#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/json.h"

namespace barrio::agent {

inline constexpr const char* orders_file = "orders.json";
inline constexpr const char* snapshot_file = "snapshot.json";

template <class T>
std::string to_disk_text(const T& value) {
  std::string json = print_json(to_json(value));
  return sha256_hex(json) + "\n" + json;
}

/// Errors: invalid.
template <class T>
Result<T> from_disk_text(std::string_view text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return fail(Code::invalid, "has no line with a hash");
  const std::string_view json = text.substr(end + 1);
  if (sha256_hex(json) != text.substr(0, end)) return fail(Code::invalid, "is damaged: its hash differs");
  TRY(auto value, parse_json(json));
  return from_json<T>(value);
}

}  // namespace barrio::agent
