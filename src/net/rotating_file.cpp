#include "net/rotating_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/check.h"

namespace barrio::net {

namespace {

constexpr int most_tries = 3;  // to open a file that others keep moving

std::string numbered(const std::string& path, int number) {
  return number == 0 ? path : path + "." + std::to_string(number);
}

}  // namespace

RotatingFile::RotatingFile(std::string path, RotatingFileLimits limits) : path_(std::move(path)), limits_(limits) {
  CHECK(limits_.files >= 1 && limits_.bytes > 0);
}

RotatingFile::~RotatingFile() {
  close();
}

void RotatingFile::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<void> RotatingFile::open() {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd_ < 0) return fail(Code::unavailable, std::string("cannot be opened: ") + std::strerror(errno), path_);
  return {};
}

/// The name no longer means the file that is open.
bool RotatingFile::moved() const {
  struct stat mine{};
  struct stat named{};
  if (::fstat(fd_, &mine) != 0 || ::stat(path_.c_str(), &named) != 0) return true;
  return mine.st_ino != named.st_ino || mine.st_dev != named.st_dev;
}

/// Holding a lock on the present file, so that of two processes only one moves it.
void RotatingFile::rotate() {
  ::flock(fd_, LOCK_EX);
  if (!moved()) {
    if (limits_.files == 1) ::unlink(path_.c_str());
    for (int number = limits_.files - 2; number >= 0; --number) {
      ::rename(numbered(path_, number).c_str(), numbered(path_, number + 1).c_str());
    }
  }
  ::flock(fd_, LOCK_UN);
  close();
}

Result<void> RotatingFile::append(std::string_view lines) {
  for (int attempt = 0; attempt < most_tries; ++attempt) {
    if (fd_ >= 0 && moved()) close();
    if (fd_ < 0) TRY_DO(open());
    struct stat status{};
    const bool known = ::fstat(fd_, &status) == 0;
    const auto size = known ? static_cast<uint64_t>(status.st_size) : 0;
    if (size == 0 || size + lines.size() <= limits_.bytes) break;
    rotate();
  }
  if (fd_ < 0) TRY_DO(open());
  while (!lines.empty()) {
    const ssize_t written = ::write(fd_, lines.data(), lines.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return fail(errno == ENOSPC || errno == EDQUOT ? Code::exhausted : Code::unavailable,
                  std::string("cannot be written: ") + std::strerror(errno), path_);
    }
    lines.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace barrio::net
