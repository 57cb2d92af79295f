#include "control/blob_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/crypto.h"
#include "base/log.h"

namespace barrio::control {

namespace {

namespace fs = std::filesystem;

class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> disk_error(const std::string& path) {
  const Code code = errno == ENOSPC || errno == EDQUOT ? Code::exhausted : Code::unavailable;
  return fail(code, std::strerror(errno), path);
}

Result<void> write_and_sync(const std::string& path, std::string_view bytes) {
  File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (file.fd() < 0) return disk_error(path);
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.fd(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return disk_error(path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(file.fd()) != 0) return disk_error(path);
  return {};
}

Result<void> sync_folder(const std::string& path) {
  File folder(path, O_RDONLY | O_DIRECTORY);
  if (folder.fd() < 0 || ::fsync(folder.fd()) != 0) return disk_error(path);
  return {};
}

Result<void> check_name(std::string_view sha256) {
  const bool good = sha256.size() == 64 && std::ranges::all_of(sha256, [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                    });
  if (!good) return fail(Code::invalid, "must be 64 hex digits in lower case", "sha256");
  return {};
}

Result<std::string> read_verified(const std::string& path, const std::string& sha256) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Code::not_found, "there is no content with this hash", sha256);
  std::ostringstream content;
  content << in.rdbuf();
  std::string bytes = std::move(content).str();
  if (sha256_hex(bytes) != sha256)
    return fail(Code::unavailable, "the stored content is damaged; upload it again", sha256);
  return bytes;
}

}  // namespace

Result<void> BlobStore::put(const std::string& sha256, const std::string& bytes) {
  TRY_DO(put_here(sha256, bytes));
  return peers_.copy ? peers_.copy(sha256, bytes) : Result<void>();
}

Result<void> BlobStore::put_here(const std::string& sha256, const std::string& bytes) {
  TRY_DO(check_name(sha256));
  if (bytes.size() > static_cast<size_t>(config_.most_each.count())) {
    return fail(Code::exhausted, "larger than " + to_string(config_.most_each), sha256);
  }
  Result<void> written;
  runtime_.offload([&] { written = write(sha256, bytes); });
  return written;
}

Result<void> BlobStore::write(const std::string& sha256, const std::string& bytes) const {
  if (sha256_hex(bytes) != sha256)
    return fail(Code::invalid, "the content has another hash: " + sha256_hex(bytes), sha256);
  if (read_verified(path(sha256), sha256)) return {};
  std::error_code error;
  fs::create_directories(config_.folder, error);
  if (error) return fail(Code::unavailable, error.message(), config_.folder);
  TRY_DO(check_room(bytes.size()));
  // Two uploads of the same content may run side by side.
  const std::string temporary = path(sha256) + "." + sha256_hex(random_bytes(16)).substr(0, 16) + ".tmp";
  auto written = write_and_sync(temporary, bytes);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path(sha256).c_str()) != 0) return disk_error(path(sha256));
  return sync_folder(config_.folder);
}

Result<void> BlobStore::check_room(size_t bytes) const {
  std::error_code error;
  uintmax_t present = 0;
  for (const auto& file : fs::directory_iterator(config_.folder, error)) {
    std::error_code gone;
    const uintmax_t size = file.file_size(gone);
    if (!gone) present += size;
  }
  if (present + bytes <= static_cast<uintmax_t>(config_.most_together.count())) return {};
  return fail(Code::exhausted, "all uploads together are limited to " + to_string(config_.most_together));
}

Result<std::string> BlobStore::get(const std::string& sha256) {
  auto here = get_here(sha256);
  const bool elsewhere = !here && here.error().code != Code::invalid && peers_.fetch;
  if (!elsewhere) return here;
  TRY(auto bytes, peers_.fetch(sha256));
  if (auto kept = put_here(sha256, bytes); !kept) {
    log_warning("a model of another member is not kept here", {{"sha256", sha256}, {"why", kept.error().text()}});
  }
  return bytes;
}

Result<std::string> BlobStore::get_here(const std::string& sha256) {
  TRY_DO(check_name(sha256));
  std::optional<Result<std::string>> bytes;
  runtime_.offload([&] { bytes = read_verified(path(sha256), sha256); });
  return std::move(*bytes);
}

Result<bool> BlobStore::has(const std::string& sha256) {
  TRY_DO(check_name(sha256));
  bool there = false;
  runtime_.offload([&] {
    std::error_code error;
    there = fs::is_regular_file(path(sha256), error);
  });
  if (there || !peers_.fetch) return there;
  auto elsewhere = get(sha256);
  if (!elsewhere && elsewhere.error().code != Code::not_found) return fail(std::move(elsewhere).error());
  return elsewhere.has_value();
}

}  // namespace barrio::control
