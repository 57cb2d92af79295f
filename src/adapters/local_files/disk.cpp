#include "adapters/local_files/disk.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace barrio::adapters::local_files {

namespace {

tl::unexpected<Error> failed(const char* doing, const std::string& path) {
  const int error = errno;
  Code code = Code::unavailable;
  if (error == ENOSPC || error == EDQUOT) code = Code::exhausted;
  if (error == ENOENT) code = Code::not_found;
  if (error == EEXIST) code = Code::conflict;
  return fail(code, std::string("cannot ") + doing + ": " + std::strerror(error), path);
}

Result<SharedFile> open_with(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return failed((flags & O_CREAT) != 0 ? "create the file" : "open the file", path);
  return std::make_shared<const OpenFile>(fd);
}

}  // namespace

OpenFile::~OpenFile() {
  ::close(fd_);
}

Result<void> Disk::write_at(const OpenFile& file, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(file.fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed("write", "storage");
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return {};
}

Result<void> Disk::sync(const OpenFile& file) {
  if (::fdatasync(file.fd()) != 0) return failed("sync", "storage");
  return {};
}

Result<SharedFile> create_file(const std::string& path) {
  return open_with(path, O_RDWR | O_CREAT | O_EXCL);
}

Result<SharedFile> open_file(const std::string& path, bool writing) {
  return open_with(path, writing ? O_RDWR : O_RDONLY);
}

Result<SharedFile> open_folder(const std::string& path) {
  return open_with(path, O_RDONLY | O_DIRECTORY);
}

Result<void> make_folder(const std::string& path) {
  std::error_code problem;
  std::filesystem::create_directories(path, problem);
  if (problem) return fail(Code::unavailable, "cannot make the folder: " + problem.message(), path);
  if (::chmod(path.c_str(), 0700) != 0) return failed("set the mode", path);
  return {};
}

Result<void> read_to(char* out, const OpenFile& file, uint64_t offset, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(file.fd(), out + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", "storage");
    if (got == 0) return fail(Code::unavailable, "the file is shorter than it should be", "storage");
    done += static_cast<size_t>(got);
  }
  return {};
}

Result<std::string> read_at(const OpenFile& file, uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  TRY_DO(read_to(bytes.data(), file, offset, size));
  return bytes;
}

Result<uint64_t> size_of(const OpenFile& file) {
  struct stat found{};
  if (::fstat(file.fd(), &found) != 0) return failed("look at", "storage");
  return static_cast<uint64_t>(found.st_size);
}

Result<void> truncate(const OpenFile& file, uint64_t size) {
  if (::ftruncate(file.fd(), static_cast<off_t>(size)) != 0) return failed("truncate", "storage");
  return {};
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove", path);
  return {};
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code problem;
  for (auto at = std::filesystem::directory_iterator(folder, problem);
       !problem && at != std::filesystem::directory_iterator(); at.increment(problem)) {
    names.push_back(at->path().filename().string());
  }
  if (problem) return fail(Code::unavailable, "cannot list the folder: " + problem.message(), folder);
  std::ranges::sort(names);
  return names;
}

Result<std::string> read_whole(const std::string& path) {
  TRY(auto file, open_file(path));
  TRY(auto size, size_of(*file));
  return read_at(*file, 0, size);
}

Result<void> replace_file(Disk& disk, const std::string& folder, const std::string& name, std::string_view content) {
  const std::string path = folder + "/" + name;
  const std::string temporary = path + ".new";
  TRY_DO(remove_file(temporary));
  TRY(auto file, create_file(temporary));
  TRY_DO(disk.write_at(*file, content, 0));
  TRY_DO(disk.sync(*file));
  TRY_DO(rename_file(temporary, path));
  TRY(auto there, open_folder(folder));
  return disk.sync(*there);
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from);
  return {};
}

Result<SharedFile> lock_file(const std::string& path) {
  TRY(auto file, open_with(path, O_RDWR | O_CREAT));
  if (::flock(file->fd(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Code::conflict, "another process has this storage open", path);
  }
  return file;
}

}  // namespace barrio::adapters::local_files
