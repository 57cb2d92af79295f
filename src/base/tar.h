#pragma once
// Tar archives (POSIX.1-1988, ustar) that are in memory whole.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace barrio {

struct TarEntry {
  enum class Kind { file, folder, link };
  std::string name;  // relative, "a/b": no part of it is empty, "." or ".."
  Kind kind = Kind::file;
  bool executable = false;        // a file
  std::string_view content = {};  // of a file; a part of the archive
  std::string target = {};        // of a link, as it stands there: it may be any
};

constexpr size_t most_tar_entries = 20'000;

/// By its first header.
bool is_tar(std::string_view bytes);
/// All of it, for what is to be unpacked: each name once, below no link of the archive, and only files, folders and
/// symbolic links. Errors: invalid, naming the entry.
Result<std::vector<TarEntry>> read_tar(std::string_view tar);
/// The same bytes for the same entries: nobody's, of no time. Errors: invalid (a name is too long).
Result<std::string> write_tar(const std::vector<TarEntry>& entries);

/// The content of the first file of this name, of at most 100 bytes. None: it is not there, or this is no tar archive.
std::optional<std::string_view> file_in_tar(std::string_view tar, std::string_view wanted);

}  // namespace barrio
