#include "adapters/tile_log/log_disk.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace barrio::adapters {

namespace {

tl::unexpected<Error> disk_error(const char* doing, const std::string& path) {
  const int error = errno;
  const Code code = error == ENOSPC || error == EDQUOT ? Code::exhausted : Code::unavailable;
  return fail(code, std::string("cannot ") + doing + ": " + std::strerror(error), path);
}

class OpenLogFile {
 public:
  OpenLogFile(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~OpenLogFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenLogFile(const OpenLogFile&) = delete;
  OpenLogFile& operator=(const OpenLogFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

Result<void> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return disk_error("write", path);
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  if (::fdatasync(fd) != 0) return disk_error("sync", path);
  return {};
}

class LogFolder final : public LogDisk {
 public:
  explicit LogFolder(std::string folder) : folder_(std::move(folder)) {}

  Result<std::optional<std::string>> read(const std::string& name) override {
    const OpenLogFile file(path(name), O_RDONLY);
    if (file.fd() < 0) {
      if (errno == ENOENT) return std::optional<std::string>();
      return disk_error("open", path(name));
    }
    std::string content;
    char piece[64 * 1024];
    while (true) {
      const ssize_t got = ::read(file.fd(), piece, sizeof piece);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return disk_error("read", path(name));
      if (got == 0) return std::optional(std::move(content));
      content.append(piece, static_cast<size_t>(got));
    }
  }

  Result<void> append(const std::string& name, std::string_view bytes) override {
    const OpenLogFile file(path(name), O_WRONLY | O_APPEND);
    if (file.fd() < 0) return disk_error("open", path(name));
    return write_all(file.fd(), bytes, path(name));
  }

  Result<void> write(const std::string& name, std::string_view bytes) override {
    TRY_DO(make_folders(name));
    const OpenLogFile file(path(name), O_WRONLY | O_CREAT | O_TRUNC);
    if (file.fd() < 0) return disk_error("create", path(name));
    return write_all(file.fd(), bytes, path(name));
  }

  Result<void> sync_folder(const std::string& name) override {
    const OpenLogFile folder(path(name), O_RDONLY | O_DIRECTORY);
    if (folder.fd() < 0 || ::fsync(folder.fd()) != 0) return disk_error("sync the folder", path(name));
    return {};
  }

  Result<void> replace(const std::string& name, std::string_view bytes) override {
    // Its own for each process: during an upgrade a site has two.
    const std::string temporary = name + "." + std::to_string(::getpid()) + ".new";
    const auto written = write(temporary, bytes);
    if (!written) {
      ::unlink(path(temporary).c_str());  // a part of it would take room on a full disk
      return written;
    }
    if (::rename(path(temporary).c_str(), path(name).c_str()) != 0) return disk_error("rename", path(temporary));
    return sync_folder(std::filesystem::path(name).parent_path().string());
  }

  std::string mark(const std::string& name) override {
    struct stat status{};
    if (::stat(path(name).c_str(), &status) != 0) return {};
    return std::to_string(status.st_ino) + ":" + std::to_string(status.st_size) + ":" +
           std::to_string(status.st_ctim.tv_sec) + "." + std::to_string(status.st_ctim.tv_nsec);
  }

  Result<std::shared_ptr<void>> lock() override {
    auto file = std::make_shared<OpenLogFile>(path("lock"), O_RDWR | O_CREAT);
    if (file->fd() < 0) return disk_error("open", path("lock"));
    while (::flock(file->fd(), LOCK_EX) != 0) {
      if (errno != EINTR) return disk_error("lock", path("lock"));
    }
    return std::shared_ptr<void>(std::move(file));  // closing gives the lock back
  }

 private:
  std::string path(const std::string& name) const { return name.empty() ? folder_ : folder_ + "/" + name; }

  /// A folder whose name is not on disk yet would take its files with it.
  Result<void> make_folders(const std::string& name) {
    std::string made;
    for (const auto& part : std::filesystem::path(name).parent_path()) {
      const std::string above = made;
      made += (made.empty() ? "" : "/") + part.string();
      if (::mkdir(path(made).c_str(), 0700) == 0) {
        TRY_DO(sync_folder(above));
      } else if (errno != EEXIST) {
        return disk_error("make the folder", path(made));
      }
    }
    return {};
  }

  const std::string folder_;
};

}  // namespace

Result<std::unique_ptr<LogDisk>> open_log_folder(const std::string& folder) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) return fail(Code::unavailable, "cannot make the folder: " + problem.message(), folder);
  if (::chmod(folder.c_str(), 0700) != 0) return disk_error("set the mode of", folder);
  return std::make_unique<LogFolder>(folder);
}

}  // namespace barrio::adapters
