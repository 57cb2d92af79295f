#include "cli/home_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "cli/files.h"

namespace barrio::cli {

namespace {

constexpr int most_tries = 10;
constexpr useconds_t between_tries_us = 20'000;

std::string lock_file_of(const std::string& home) {
  return home + "/lock";
}

tl::unexpected<Error> runs_here(const std::string& home) {
  const auto text = read_file(lock_file_of(home));
  const auto process = text ? parse_uint(trim(*text)) : std::nullopt;
  return fail(Code::conflict, "a network runs here" + (process ? " (process " + std::to_string(*process) + ")" : ""),
              home);
}

}  // namespace

Result<OwnedDescriptor> lock_home(const std::string& home) {
  TRY_DO(make_folder(home, 0700));
  const std::string path = lock_file_of(home);
  OwnedDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return fail(Code::unavailable, std::string("cannot be opened: ") + std::strerror(errno), path);
  int locked = ::flock(file.get(), LOCK_EX | LOCK_NB);
  // Who only looks whether one runs has it for a moment.
  for (int tries = 0; locked != 0 && errno == EWOULDBLOCK && tries < most_tries; ++tries) {
    ::usleep(between_tries_us);
    locked = ::flock(file.get(), LOCK_EX | LOCK_NB);
  }
  if (locked != 0) {
    if (errno == EWOULDBLOCK) return runs_here(home);
    return fail(Code::unavailable, std::string("cannot be locked: ") + std::strerror(errno), path);
  }
  // The file stays when the lock ends: one that is removed could be locked by one process while another makes it anew.
  const std::string process = std::to_string(::getpid()) + "\n";
  const bool written = ::ftruncate(file.get(), 0) == 0 &&
                       ::pwrite(file.get(), process.data(), process.size(), 0) == static_cast<ssize_t>(process.size());
  if (!written) return fail(Code::unavailable, std::string("cannot be written: ") + std::strerror(errno), path);
  return file;
}

bool network_runs_in(const std::string& home) {
  const OwnedDescriptor file(::open(lock_file_of(home).c_str(), O_RDONLY | O_CLOEXEC));
  return file && ::flock(file.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace barrio::cli
