#include "ports/object_store.h"

#include <fmt/format.h>

#include <charconv>

namespace barrio {

BARRIO_JSON_HERE(ports::ObjectMeta)

namespace ports {

namespace {

constexpr size_t version_id_bytes = 16;

}  // namespace

std::string ObjectVersion::id() const {
  return numbered ? fmt::format("{:016x}", static_cast<uint64_t>(INT64_MAX - order)) : "null";
}

std::optional<ObjectVersion> ObjectVersion::of_id(std::string_view id) {
  if (id == "null") return ObjectVersion{};
  // One id for each version: no capitals, no signs.
  if (id.size() != version_id_bytes || id.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return std::nullopt;
  }
  uint64_t behind = 0;
  std::from_chars(id.data(), id.data() + id.size(), behind, version_id_bytes);
  if (behind > INT64_MAX) return std::nullopt;
  return ObjectVersion{static_cast<int64_t>(INT64_MAX - behind), true};
}

}  // namespace ports

}  // namespace barrio
