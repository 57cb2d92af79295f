#pragma once
// What an agent keeps on its site's disk: a few named files, replaced as a whole or added to. An interface of its own
// so that the simulator can keep them in memory. Names are relative ("orders.json", "blobs/<sha256>").

#include <optional>
#include <string>

#include "base/result.h"
#include "ports/runtime.h"

namespace barrio::agent {

class SiteFiles {
 public:
  virtual ~SiteFiles() = default;
  /// None: there is no such file. Errors: unavailable. May park.
  virtual Result<std::optional<std::string>> read(const std::string& name) = 0;
  /// Replaces the file; after success the new content survives kill -9 and power loss, before it the old one does.
  /// Errors: exhausted (disk full), unavailable. May park.
  virtual Result<void> write(const std::string& name, const std::string& content) = 0;
  /// Adds to the end of the file, which is made if there is none; after success the addition survives kill -9 and power
  /// loss. After an error or a crash a part of it may stand there. Errors: exhausted (disk full), unavailable. May
  /// park.
  virtual Result<void> append(const std::string& name, const std::string& addition) = 0;
  /// Removes the file; one that does not exist is success. May park.
  virtual Result<void> remove(const std::string& name) = 0;
  /// Where other processes of this site find it.
  virtual std::string path(const std::string& name) const = 0;
};

/// In a folder of the local file system, through the runtime's threads for blocking work.
class DiskSiteFiles final : public SiteFiles {
 public:
  DiskSiteFiles(ports::Runtime& runtime, std::string folder);
  Result<std::optional<std::string>> read(const std::string& name) override;
  Result<void> write(const std::string& name, const std::string& content) override;
  Result<void> append(const std::string& name, const std::string& addition) override;
  Result<void> remove(const std::string& name) override;
  std::string path(const std::string& name) const override;

 private:
  ports::Runtime& runtime_;
  std::string folder_;
};

}  // namespace barrio::agent
