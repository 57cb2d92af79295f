#pragma once
// What a log does to its folder. An interface, so that tests can make any of it fail, or end in the middle. Everything
// blocks. Names are relative, like "tile/0/000".

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace barrio::adapters {

class LogDisk {
 public:
  virtual ~LogDisk() = default;
  /// None: there is no such file. Errors: unavailable.
  virtual Result<std::optional<std::string>> read(const std::string& name) = 0;
  // After success of these, what was written survives power loss. Errors: exhausted (disk full), unavailable.
  /// To the end of a file that is there. After an error, or cut off, a part of it may stand there.
  virtual Result<void> append(const std::string& name, std::string_view bytes) = 0;
  /// A file that nobody reads before this has succeeded: makes its folders. Its name survives after sync_folder().
  virtual Result<void> write(const std::string& name, std::string_view bytes) = 0;
  virtual Result<void> sync_folder(const std::string& name) = 0;
  /// The file as a whole: before success it is what it was.
  virtual Result<void> replace(const std::string& name, std::string_view bytes) = 0;
  /// Changes when another process has written the file; empty: there is none.
  virtual std::string mark(const std::string& name) = 0;
  /// Until the result is destroyed no other process of this machine holds it. Errors: unavailable.
  virtual Result<std::shared_ptr<void>> lock() = 0;
};

/// A folder, made if it is not there (mode 0700, files 0600). Errors: unavailable.
Result<std::unique_ptr<LogDisk>> open_log_folder(const std::string& folder);

}  // namespace barrio::adapters
