#include "cli/image_archive.h"

#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

constexpr size_t block = 512;  // of a tar file (POSIX.1-1988, ustar)

std::optional<size_t> octal(std::string_view text) {
  size_t value = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\0') break;
    if (c < '0' || c > '7' || value >> 40 != 0) return std::nullopt;
    value = value * 8 + static_cast<size_t>(c - '0');
  }
  return value;
}

/// None: it is not there, or this is no tar file.
std::optional<std::string_view> file_in_tar(std::string_view tar, std::string_view wanted) {
  while (tar.size() >= block) {
    const std::string_view head = tar.substr(0, block);
    const std::string_view name = head.substr(0, std::min<size_t>(head.find('\0'), 100));
    const auto size = octal(head.substr(124, 12));
    tar.remove_prefix(block);
    if (!size || *size > tar.size()) return std::nullopt;
    if (name == wanted) return tar.substr(0, *size);
    tar.remove_prefix(std::min(tar.size(), (*size + block - 1) / block * block));
  }
  return std::nullopt;
}

}  // namespace

Result<std::string> image_digest(std::string_view archive) {
  const auto index = file_in_tar(archive, "index.json");
  if (!index) {
    return fail(Code::invalid, "is no OCI archive (podman save --format oci-archive makes one): it has no index.json");
  }
  TRY(auto json, parse_json(*index));
  const JsonArray& manifests = items(json, "manifests");
  if (manifests.size() != 1) {
    return fail(Code::invalid, "must hold one image, it holds " + std::to_string(manifests.size()));
  }
  return text_at(manifests.front(), "digest");
}

}  // namespace barrio::cli
