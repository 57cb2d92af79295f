#pragma once
// A file as memory (MAP_SHARED): what is stored there outlives the process, also kill -9, without a system call per
// store. A power loss may leave any mixture of old and new pages, so then the content is not given back: open() hands
// out zeroes. A machine that was shut down in order keeps it. Fully allocated, so a full disk does not matter later.

#include <span>
#include <string>

#include "base/result.h"

namespace barrio::adapters {

class MappedFile {
 public:
  /// `bytes` of memory, aligned to a page; made if it is not there. `boot` names the present boot of the machine
  /// (this_boot() but for tests). Blocks: called at start. Errors: conflict (another process has it open), exhausted
  /// (disk full), unavailable.
  static Result<MappedFile> open(const std::string& path, size_t bytes, const std::string& boot = this_boot());
  /// In order: the content survives also a restart of the machine.
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  std::span<std::byte> memory() const;
  /// False: it is new, or what it held could not be trusted.
  bool kept() const { return kept_; }

  /// From Linux: random, and another one after each boot.
  static std::string this_boot();

 private:
  MappedFile(int fd, void* mapping, size_t mapped_bytes) : fd_(fd), mapping_(mapping), mapped_bytes_(mapped_bytes) {}
  void begin(const std::string& boot);

  int fd_;  // holds the lock
  void* mapping_;
  size_t mapped_bytes_;
  bool kept_ = false;
};

}  // namespace barrio::adapters
