#pragma once
// Uploaded models, by the SHA-256 of their content, as files. What put() answered with success survives power loss.
// Called in fibers; the disk is touched off the loop.

#include <string>

#include "base/quantity.h"
#include "ports/runtime.h"

namespace barrio::control {

struct BlobConfig {
  std::string folder;
  Bytes most_each = mib(256);
  Bytes most_together = gib(16);
};

class BlobStore {
 public:
  BlobStore(ports::Runtime& runtime, BlobConfig config) : runtime_(runtime), config_(std::move(config)) {}
  /// Idempotent. Errors: invalid (not this content's hash), exhausted (too large, disk full), unavailable.
  Result<void> put(const std::string& sha256, const std::string& bytes);
  /// Verified. Errors: not_found, invalid (not a hash), unavailable (damaged).
  Result<std::string> get(const std::string& sha256);
  /// Errors: invalid, unavailable.
  Result<bool> has(const std::string& sha256);

 private:
  Result<void> write(const std::string& sha256, const std::string& bytes) const;
  Result<void> check_room(size_t bytes) const;
  std::string path(const std::string& sha256) const { return config_.folder + "/" + sha256; }

  ports::Runtime& runtime_;
  BlobConfig config_;
};

}  // namespace barrio::control
