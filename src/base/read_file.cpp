#include "base/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/crypto.h"

namespace barrio {

namespace {

constexpr size_t most_bytes = size_t{1} << 30;

tl::unexpected<Error> unreadable(const std::string& path) {
  return fail(errno == ENOENT ? Code::not_found : Code::unavailable,
              std::string("cannot be read: ") + std::strerror(errno), path);
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return unreadable(path);
  std::string content;
  char piece[65536];
  ssize_t got = 0;
  do {
    got = ::read(fd, piece, sizeof piece);
    if (got > 0) content.append(piece, static_cast<size_t>(got));
  } while ((got > 0 && content.size() < most_bytes) || (got < 0 && errno == EINTR));
  const auto failed = unreadable(path);
  ::close(fd);
  if (got < 0) return failed;
  if (content.size() >= most_bytes) return fail(Code::exhausted, "is larger than 1 GiB", path);
  return content;
}

Result<std::string> read_verified_file(const std::string& path, const std::string& sha256) {
  TRY(auto content, read_file(path));
  if (sha256_hex(content) != sha256) return fail(Code::denied, "is not what was uploaded: its SHA-256 differs", path);
  return content;
}

}  // namespace barrio
