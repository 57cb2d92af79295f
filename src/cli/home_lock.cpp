#include "cli/home_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "cli/files.h"

namespace barrio::cli {

namespace {

std::string lock_file_of(const std::string& home) {
  return home + "/lock";
}

/// Of the whole file, by who has it open: unlike flock(), such a lock can be asked about without being taken for a
/// moment.
struct flock lock_of(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
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
  struct flock wanted = lock_of(F_WRLCK);
  if (::fcntl(file.get(), F_OFD_SETLK, &wanted) != 0) {
    if (errno == EAGAIN || errno == EACCES) return runs_here(home);
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
  struct flock asked = lock_of(F_RDLCK);
  return file && ::fcntl(file.get(), F_OFD_GETLK, &asked) == 0 && asked.l_type != F_UNLCK;
}

}  // namespace barrio::cli
