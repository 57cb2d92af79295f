#include "adapters/mapped_file/mapped_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace barrio::adapters {

namespace {

constexpr size_t page = 4096;
constexpr std::array<char, 8> magic = {'B', 'A', 'R', 'M', 'A', 'P', '0', '1'};

/// The first page of the file; the memory follows.
struct Head {
  std::array<char, 8> magic;
  std::array<char, 64> boot;
  uint64_t bytes;
  uint64_t ended;  // 1: closed in order, all of it on disk
};

tl::unexpected<Error> failed(const char* doing, const std::string& path) {
  const int error = errno;
  Code code = Code::unavailable;
  if (error == ENOSPC || error == EDQUOT) code = Code::exhausted;
  if (error == EWOULDBLOCK) code = Code::conflict;
  return fail(code, std::string("cannot ") + doing + ": " + std::strerror(error), path);
}

/// Of exactly this size, with all of its blocks. False: errno says why.
bool has_size(int fd, size_t bytes) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return false;
  if (static_cast<size_t>(status.st_size) == bytes) return true;
  if (ftruncate(fd, 0) != 0) return false;
  errno = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  return errno == 0;
}

}  // namespace

std::string MappedFile::this_boot() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(in, id);
  return id;
}

Result<MappedFile> MappedFile::open(const std::string& path, size_t bytes, const std::string& boot) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return failed("open", path);
  const size_t mapped_bytes = page + (bytes + page - 1) / page * page;
  MappedFile file(fd, MAP_FAILED, mapped_bytes);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) return failed("lock (another process has it)", path);
  if (!has_size(fd, mapped_bytes)) return failed("allocate", path);
  file.mapping_ = mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (file.mapping_ == MAP_FAILED) return failed("map", path);
  file.begin(boot);
  return file;
}

void MappedFile::begin(const std::string& boot) {
  auto& head = *static_cast<Head*>(mapping_);
  std::array<char, 64> present{};
  boot.copy(present.data(), present.size() - 1);
  kept_ = head.magic == magic && head.bytes == mapped_bytes_ && (head.boot == present || head.ended == 1);
  if (!kept_) std::ranges::fill(memory(), std::byte{0});
  head = {magic, present, mapped_bytes_, 0};
  // Before anything changes: a power loss must not find a file that looks closed in order.
  msync(mapping_, page, MS_SYNC);
}

MappedFile::~MappedFile() {
  if (fd_ < 0) return;
  if (mapping_ != MAP_FAILED) {
    // All of it first, then the mark.
    msync(mapping_, mapped_bytes_, MS_SYNC);
    static_cast<Head*>(mapping_)->ended = 1;
    msync(mapping_, page, MS_SYNC);
    munmap(mapping_, mapped_bytes_);
  }
  close(fd_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      mapping_(other.mapping_),
      mapped_bytes_(other.mapped_bytes_),
      kept_(other.kept_) {}

std::span<std::byte> MappedFile::memory() const {
  return {static_cast<std::byte*>(mapping_) + page, mapped_bytes_ - page};
}

}  // namespace barrio::adapters
