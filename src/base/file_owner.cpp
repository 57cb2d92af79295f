#include "base/file_owner.h"

#include <sys/stat.h>
#include <unistd.h>

namespace barrio {

void give_to_owner_of_folder(int fd, const std::string& path) {
  if (::geteuid() != 0) return;
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0 || status.st_uid == 0) return;
  static_cast<void>(::fchown(fd, status.st_uid, status.st_gid) == 0);
}

}  // namespace barrio
