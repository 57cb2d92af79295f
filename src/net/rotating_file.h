#pragma once
// A file that is appended to in whole lines and set aside when it is full: NAME, NAME.1 (the newer), NAME.2 ... Blocks:
// for threads that may. Two processes may write to the same name at once, as in a handover: each appends whole pieces,
// one of them rotates, and the other notices.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio::net {

struct RotatingFileLimits {
  uint64_t bytes = 64 * 1024 * 1024;  // of one file; a single longer piece is written all the same
  int files = 5;                      // the one being written included; the oldest is removed
};

class RotatingFile {
 public:
  RotatingFile(std::string path, RotatingFileLimits limits);
  ~RotatingFile();
  RotatingFile(const RotatingFile&) = delete;
  RotatingFile& operator=(const RotatingFile&) = delete;

  /// `lines` end in a line end. A file that was moved or removed meanwhile is made again. Errors: exhausted (disk
  /// full), unavailable; part of `lines` may have been written then.
  Result<void> append(std::string_view lines);

 private:
  Result<void> open();
  bool moved() const;
  void rotate();
  void close();

  const std::string path_;
  const RotatingFileLimits limits_;
  int fd_ = -1;
};

}  // namespace barrio::net
