#pragma once
// The blocking calls that storage makes, with errors as Results. Virtual where a disk fails in ways that tests must
// see: writing and syncing.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace barrio::adapters::local_files {

class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};
using SharedFile = std::shared_ptr<const OpenFile>;

class Disk {
 public:
  virtual ~Disk() = default;
  /// Errors: exhausted (no space), unavailable.
  virtual Result<void> write_at(const OpenFile& file, std::string_view bytes, uint64_t offset);
  /// What was written, and the file's length, is on the device. After an error nobody knows what is: the file is not
  /// written again. Errors: unavailable, exhausted.
  virtual Result<void> sync(const OpenFile& file);
};

/// Errors: not_found, conflict (is there), exhausted, unavailable; naming the path.
Result<SharedFile> create_file(const std::string& path);
Result<SharedFile> open_file(const std::string& path, bool writing = false);
Result<SharedFile> open_folder(const std::string& path);
Result<void> make_folder(const std::string& path);
Result<std::string> read_at(const OpenFile& file, uint64_t offset, size_t size);  // unavailable: shorter
Result<void> read_to(char* out, const OpenFile& file, uint64_t offset, size_t size);
Result<uint64_t> size_of(const OpenFile& file);
Result<void> truncate(const OpenFile& file, uint64_t size);
/// One that is not there is no error.
Result<void> remove_file(const std::string& path);
/// Replaces what is there under the new name. The folder is not synced.
Result<void> rename_file(const std::string& from, const std::string& to);
/// Names in the folder, sorted.
Result<std::vector<std::string>> names_in(const std::string& folder);
Result<std::string> read_whole(const std::string& path);
/// Another name first, synced, then renamed, the folder synced.
Result<void> replace_file(Disk& disk, const std::string& folder, const std::string& name, std::string_view content);
/// Taken until it is closed, by one process at a time. Errors: conflict (another one has it).
Result<SharedFile> lock_file(const std::string& path);

}  // namespace barrio::adapters::local_files
