#include "base/tar.h"

#include <algorithm>

namespace barrio {

namespace {

constexpr size_t tar_block = 512;

std::optional<size_t> octal(std::string_view text) {
  size_t value = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\0') break;
    if (c < '0' || c > '7' || value >> 40 != 0) return std::nullopt;
    value = value * 8 + static_cast<size_t>(c - '0');
  }
  return value;
}

}  // namespace

std::optional<std::string_view> file_in_tar(std::string_view tar, std::string_view wanted) {
  while (tar.size() >= tar_block) {
    const std::string_view head = tar.substr(0, tar_block);
    const std::string_view name = head.substr(0, std::min<size_t>(head.find('\0'), 100));
    const auto size = octal(head.substr(124, 12));
    tar.remove_prefix(tar_block);
    if (!size || *size > tar.size()) return std::nullopt;
    if (name == wanted) return tar.substr(0, *size);
    tar.remove_prefix(std::min(tar.size(), (*size + tar_block - 1) / tar_block * tar_block));
  }
  return std::nullopt;
}

}  // namespace barrio
