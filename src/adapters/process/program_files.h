#pragma once
// The files of a program on this site's disk, as its sandbox gets to see them; they go with the object. Blocks.

#include <memory>
#include <string>

#include "base/result.h"

namespace barrio::adapters {

class ProgramFiles {
 public:
  /// Unpacks into `folder`, which must not be there: an archive as it is, anything else as the only file, an executable
  /// called `program`. What it writes may be read by everybody who gets there. Errors: invalid, unavailable.
  static Result<std::shared_ptr<ProgramFiles>> unpack(const std::string& content, const std::string& folder);
  ~ProgramFiles();
  ProgramFiles(const ProgramFiles&) = delete;
  ProgramFiles& operator=(const ProgramFiles&) = delete;

  const std::string& folder() const { return folder_; }

 private:
  explicit ProgramFiles(std::string folder) : folder_(std::move(folder)) {}

  std::string folder_;
};

/// A folder that everybody may enter, with those above it that are not there. Errors: unavailable.
Result<void> make_open_folder(const std::string& path);
/// A file that everybody may read, or execute. Errors: unavailable.
Result<void> write_open_file(const std::string& path, std::string_view content, bool executable);

}  // namespace barrio::adapters
