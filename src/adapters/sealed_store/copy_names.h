#pragma once
// Names of what a bucket holds (ports/object_copies.h), read.

#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"
#include "ports/object_copies.h"

namespace barrio::adapters::sealed_store {

inline constexpr std::string_view object_prefix = "o/";
inline constexpr std::string_view setting_prefix = "s/";
inline constexpr std::string_view upload_prefix = "u/";

/// What of the names with this prefix is behind `after`: those behind the text; none: there is nothing left.
inline std::optional<std::string> part_behind(const std::string& after, std::string_view prefix) {
  if (after < prefix) return "";
  return after.starts_with(prefix) ? std::optional(after.substr(prefix.size())) : std::nullopt;
}

/// Without its prefix. None: it is no name of a version.
inline std::optional<std::pair<std::string, ports::ObjectVersion>> version_named(const std::string& name) {
  const size_t zero = name.find('\0');
  if (zero == std::string::npos) return std::pair(name, ports::ObjectVersion());
  const auto version = ports::ObjectVersion::of_id(std::string_view(name).substr(zero + 1));
  if (!version) return std::nullopt;
  return std::pair(name.substr(0, zero), *version);
}

/// Without its prefix: an upload's id, and a part's number; 0: the upload itself.
inline std::pair<std::string, int> part_named(const std::string& name) {
  const size_t zero = name.find('\0');
  if (zero == std::string::npos) return {name, 0};
  return {name.substr(0, zero), static_cast<int>(parse_uint(std::string_view(name).substr(zero + 1)).value_or(0))};
}

}  // namespace barrio::adapters::sealed_store
