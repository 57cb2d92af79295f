// Archives of programs.

#include <cstdio>
#include <cstring>

#include "base/check.h"
#include "base/tar.h"
#include "base/text.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

constexpr size_t block = 512;

/// With the checksums that the headers should have: else hardly any change gets beyond them.
std::string with_checksums(std::string tar) {
  for (size_t at = 0; at + block <= tar.size(); at += block) {
    if (tar.compare(at + 257, 5, "ustar") != 0) continue;
    std::memset(&tar[at + 148], ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < block; ++i) sum += static_cast<unsigned char>(tar[at + i]);
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06o", sum);
    std::memcpy(&tar[at + 148], digits, 7);
  }
  return tar;
}

void check_archive(std::string_view tar) {
  const auto entries = read_tar(tar);
  if (!entries) return;
  CHECK(tar.empty() || tar.front() == '\0' || is_tar(tar));
  size_t total = 0;
  for (const TarEntry& entry : *entries) {
    for (const std::string_view part : split(entry.name, '/')) CHECK(!part.empty() && part != "." && part != "..");
    CHECK(entry.content.empty() || (entry.content.data() >= tar.data() &&
                                    entry.content.data() + entry.content.size() <= tar.data() + tar.size()));
    total += entry.content.size();
  }
  CHECK(total <= tar.size());
  const auto packed = write_tar(*entries);
  if (!packed) return;
  const auto again = read_tar(*packed);
  CHECK(again && again->size() == entries->size());
  for (size_t i = 0; i < entries->size(); ++i) {
    CHECK((*again)[i].name == (*entries)[i].name && (*again)[i].kind == (*entries)[i].kind);
    CHECK((*again)[i].target == (*entries)[i].target);
  }
}

}  // namespace

void run_target(std::string_view input) {
  check_archive(input);
  check_archive(with_checksums(std::string(input)));
}

}  // namespace barrio::fuzz
