#include "agent/site_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace barrio::agent {
namespace {

class OpenFile {
 public:
  OpenFile(const std::string& path, int flags, mode_t mode = 0) : fd_(open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

tl::unexpected<Error> failed(const char* doing, const std::string& path) {
  const int error = errno;
  const Code code = error == ENOSPC || error == EDQUOT ? Code::exhausted : Code::unavailable;
  return fail(code, std::string("cannot ") + doing + ": " + std::strerror(error), path);
}

Result<std::optional<std::string>> read_file(const std::string& path) {
  const OpenFile file(path, O_RDONLY);
  if (!file.is_open()) {
    if (errno == ENOENT) return std::optional<std::string>();
    return failed("open", path);
  }
  std::string content;
  char piece[64 * 1024];
  while (true) {
    const ssize_t got = ::read(file.fd(), piece, sizeof(piece));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path);
    if (got == 0) return std::optional(std::move(content));
    content.append(piece, static_cast<size_t>(got));
  }
}

Result<void> sync_folder(const std::string& path) {
  const OpenFile folder(path, O_RDONLY | O_DIRECTORY);
  if (!folder.is_open() || fsync(folder.fd()) != 0) return failed("sync the folder", path);
  return {};
}

Result<void> write_synced(const std::string& path, std::string_view content, int how) {
  const OpenFile file(path, O_WRONLY | O_CREAT | how, 0600);
  if (!file.is_open()) return failed("create", path);
  while (!content.empty()) {
    const ssize_t put = ::write(file.fd(), content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed("write", path);
    content.remove_prefix(static_cast<size_t>(put));
  }
  if (fsync(file.fd()) != 0) return failed("sync", path);
  return {};
}

/// Under another name first: a crash in the middle leaves the old file as it was.
Result<void> replace_file(const std::string& path, const std::string& content) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) return fail(Code::unavailable, "cannot make the folder: " + problem.message(), folder.string());
  // Its own for each process: during a handover a site has two.
  const std::string temporary = path + "." + std::to_string(::getpid()) + ".new";
  const auto written = write_synced(temporary, content, O_TRUNC);
  if (!written) {
    unlink(temporary.c_str());  // a part of it would take room on a full disk
    return written;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return failed("rename", temporary);
  return sync_folder(folder.string());
}

}  // namespace

DiskSiteFiles::DiskSiteFiles(ports::Runtime& runtime, std::string folder)
    : runtime_(runtime), folder_(std::move(folder)) {}

Result<std::optional<std::string>> DiskSiteFiles::read(const std::string& name) {
  Result<std::optional<std::string>> result;
  runtime_.offload([&] { result = read_file(path(name)); });
  return result;
}

Result<void> DiskSiteFiles::write(const std::string& name, const std::string& content) {
  Result<void> result;
  runtime_.offload([&] { result = replace_file(path(name), content); });
  return result;
}

Result<void> DiskSiteFiles::append(const std::string& name, const std::string& addition) {
  Result<void> result;
  runtime_.offload([&] {
    const bool is_new = access(path(name).c_str(), F_OK) != 0;
    result = write_synced(path(name), addition, O_APPEND);
    if (result && is_new) result = sync_folder(folder_);
  });
  return result;
}

Result<void> DiskSiteFiles::remove(const std::string& name) {
  Result<void> result;
  runtime_.offload([&] {
    if (unlink(path(name).c_str()) != 0 && errno != ENOENT) result = failed("remove", path(name));
  });
  return result;
}

std::string DiskSiteFiles::path(const std::string& name) const {
  return folder_ + "/" + name;
}

}  // namespace barrio::agent
