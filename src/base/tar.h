#pragma once
// Finding files in a tar archive (POSIX.1-1988, ustar) that is in memory whole.

#include <optional>
#include <string_view>

namespace barrio {

/// The content of the first file of this name, of at most 100 bytes. None: it is not there, or this is no tar archive.
std::optional<std::string_view> file_in_tar(std::string_view tar, std::string_view wanted);

}  // namespace barrio
