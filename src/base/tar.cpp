#include "base/tar.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <map>

#include "base/text.h"

namespace barrio {

namespace {

constexpr size_t tar_block = 512;

/// As in the archive: fields end at a zero byte, or are full; numbers are octal.
struct UstarHeader {
  std::array<char, 100> name{};
  std::array<char, 8> mode{};
  std::array<char, 8> uid{};
  std::array<char, 8> gid{};
  std::array<char, 12> size{};
  std::array<char, 12> mtime{};
  std::array<char, 8> checksum{};
  char type = '0';
  std::array<char, 100> target{};
  std::array<char, 8> magic{};  // with the version
  std::array<char, 32> user{};
  std::array<char, 32> group{};
  std::array<char, 16> device{};
  std::array<char, 155> prefix{};
  std::array<char, 12> padding{};
};
static_assert(sizeof(UstarHeader) == tar_block);

template <size_t N>
std::string text_of(const std::array<char, N>& field) {
  const std::string_view all(field.data(), N);
  return std::string(all.substr(0, all.find('\0')));
}

template <size_t N>
void put_text(std::array<char, N>& field, std::string_view text) {
  std::ranges::copy(text.substr(0, N), field.begin());
}

template <size_t N>
void put_octal(std::array<char, N>& field, size_t value) {
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "%0*zo", static_cast<int>(N - 1), value);
  put_text(field, digits.data());
}

std::optional<size_t> octal(std::string_view text) {
  size_t value = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\0') break;
    if (c < '0' || c > '7' || value >> 40 != 0) return std::nullopt;
    value = value * 8 + static_cast<size_t>(c - '0');
  }
  return value;
}

size_t checksum_of(UstarHeader header) {
  header.checksum.fill(' ');
  std::array<unsigned char, tar_block> bytes{};
  std::memcpy(bytes.data(), &header, tar_block);
  size_t sum = 0;
  for (const unsigned char byte : bytes) sum += byte;
  return sum;
}

std::optional<UstarHeader> header_at(std::string_view tar) {
  if (tar.size() < tar_block) return std::nullopt;
  UstarHeader header;
  std::memcpy(&header, tar.data(), tar_block);
  // "ustar\0" of POSIX, or "ustar " of GNU.
  if (!std::string_view(header.magic.data(), 5).starts_with("ustar")) return std::nullopt;
  const auto checksum = octal({header.checksum.data(), header.checksum.size()});
  if (!checksum || *checksum != checksum_of(header)) return std::nullopt;
  return header;
}

size_t padded(size_t size) {
  return (size + tar_block - 1) / tar_block * tar_block;
}

/// Without what says nothing: "./a/" is "a". None: it leaves the folder.
std::optional<std::string> clean_name(std::string_view name) {
  if (name.starts_with('/')) return std::nullopt;
  std::string clean;
  for (const std::string_view part : split(name, '/')) {
    if (part == "..") return std::nullopt;
    if (part.empty() || part == ".") continue;
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

Result<TarEntry> entry_of(const UstarHeader& header, std::string_view content) {
  const bool gnu = header.magic[5] == ' ';  // there is something else in the place of the prefix
  const std::string prefix = gnu ? "" : text_of(header.prefix);
  const std::string name = (prefix.empty() ? "" : prefix + "/") + text_of(header.name);
  const auto clean = clean_name(name);
  if (!clean) return fail(Code::invalid, "must be within the folder, without '..'", harmless(name, 200));
  const auto mode = octal({header.mode.data(), header.mode.size()}).value_or(0);
  switch (header.type) {
    case '0':
    case '\0': return TarEntry{*clean, TarEntry::Kind::file, (mode & 0111) != 0, content};
    case '2':
      if (text_of(header.target).empty())
        return fail(Code::invalid, "must lead somewhere: a symbolic link without a target", harmless(name, 200));
      return TarEntry{*clean, TarEntry::Kind::link, false, {}, text_of(header.target)};
    case '5': return TarEntry{*clean, TarEntry::Kind::folder};
    default:
      return fail(Code::invalid,
                  "is neither a file, a folder nor a symbolic link with a name that ustar can hold "
                  "(tar --format=ustar --hard-dereference)",
                  harmless(name, 200));
  }
}

/// Whether one may unpack it without leaving the folder: nothing lies below a link or a file.
Result<void> check_places(const std::vector<TarEntry>& entries) {
  std::map<std::string_view, TarEntry::Kind> kinds;
  for (const TarEntry& entry : entries) {
    const auto [known, is_new] = kinds.try_emplace(entry.name, entry.kind);
    const bool folder_again = entry.kind == TarEntry::Kind::folder && known->second == TarEntry::Kind::folder;
    if (!is_new && !folder_again) return fail(Code::invalid, "is there twice", harmless(entry.name, 200));
  }
  for (const TarEntry& entry : entries) {
    const std::string_view name = entry.name;
    for (size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/', slash + 1)) {
      const auto above = kinds.find(name.substr(0, slash));
      if (above != kinds.end() && above->second != TarEntry::Kind::folder)
        return fail(Code::invalid, "lies below what is no folder", harmless(name, 200));
    }
  }
  return {};
}

Result<UstarHeader> header_for(const TarEntry& entry) {
  UstarHeader header;
  std::string_view name = entry.name;
  if (name.size() > header.name.size()) {
    // The longest prefix that fits, so that the rest does.
    const size_t slash = name.rfind('/', header.prefix.size());
    if (slash == std::string_view::npos || name.size() - slash - 1 > header.name.size())
      return fail(Code::invalid, "is too long a name for a tar archive", harmless(name, 300));
    put_text(header.prefix, name.substr(0, slash));
    name.remove_prefix(slash + 1);
  }
  if (entry.target.size() > header.target.size())
    return fail(Code::invalid, "links to too long a name for a tar archive", harmless(name, 300));
  put_text(header.name, name);
  put_text(header.target, entry.target);
  put_octal(header.mode, entry.kind == TarEntry::Kind::file && !entry.executable ? 0644 : 0755);
  put_octal(header.uid, 0);
  put_octal(header.gid, 0);
  put_octal(header.size, entry.content.size());
  put_octal(header.mtime, 0);
  put_text(header.magic, std::string_view("ustar\00000", 8));
  header.type = entry.kind == TarEntry::Kind::file ? '0' : entry.kind == TarEntry::Kind::link ? '2' : '5';
  put_octal(header.checksum, checksum_of(header));
  return header;
}

}  // namespace

bool is_tar(std::string_view bytes) {
  return header_at(bytes).has_value();
}

Result<std::vector<TarEntry>> read_tar(std::string_view tar) {
  std::vector<TarEntry> entries;
  while (!tar.empty() && tar.front() != '\0') {
    const auto header = header_at(tar);
    const auto size = header ? octal({header->size.data(), header->size.size()}) : std::nullopt;
    if (!size || *size > tar.size() - tar_block) {
      return fail(Code::invalid, "is no whole tar archive (ustar): it breaks off after " +
                                     std::to_string(entries.size()) + " entries");
    }
    const std::string_view content = tar.substr(tar_block, *size);
    tar.remove_prefix(std::min(tar.size(), tar_block + padded(*size)));
    if (header->type == 'g') continue;  // of all entries, like a comment
    TRY(auto entry, entry_of(*header, content));
    if (entry.name.empty()) continue;  // the folder itself
    if (entries.size() == most_tar_entries)
      return fail(Code::invalid, "must be at most " + std::to_string(most_tar_entries) + " entries");
    entries.push_back(std::move(entry));
  }
  TRY_DO(check_places(entries));
  return entries;
}

Result<std::string> write_tar(const std::vector<TarEntry>& entries) {
  std::string tar;
  for (const TarEntry& entry : entries) {
    TRY(const UstarHeader header, header_for(entry));
    tar.append(reinterpret_cast<const char*>(&header), sizeof header);
    tar += entry.content;
    tar.resize(padded(tar.size()));
  }
  tar.append(2 * tar_block, '\0');
  return tar;
}

std::optional<std::string_view> file_in_tar(std::string_view tar, std::string_view wanted) {
  while (tar.size() >= tar_block) {
    const std::string_view head = tar.substr(0, tar_block);
    const std::string_view name = head.substr(0, std::min<size_t>(head.find('\0'), 100));
    const auto size = octal(head.substr(124, 12));
    tar.remove_prefix(tar_block);
    if (!size || *size > tar.size()) return std::nullopt;
    if (name == wanted) return tar.substr(0, *size);
    tar.remove_prefix(std::min(tar.size(), padded(*size)));
  }
  return std::nullopt;
}

}  // namespace barrio
