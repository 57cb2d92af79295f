#pragma once
// Uploaded models, by the SHA-256 of their content, as files. What put() answered with success survives power loss.
// Called in fibers; the disk is touched off the loop.

#include <functional>
#include <string>

#include "base/quantity.h"
#include "ports/runtime.h"

namespace barrio::control {

struct BlobConfig {
  std::string folder;
  Bytes most_each = mib(256);
  Bytes most_together = gib(16);
};

/// Where the same uploads are kept, too.
struct BlobPeers {
  std::function<Result<void>(const std::string& sha256, const std::string& bytes)> copy;
  std::function<Result<std::string>(const std::string& sha256)> fetch;
};

class BlobStore {
 public:
  BlobStore(ports::Runtime& runtime, BlobConfig config) : runtime_(runtime), config_(std::move(config)) {}
  /// Before anything is stored. Without, this store is the only one.
  void join(BlobPeers peers) { peers_ = std::move(peers); }
  /// Here, and at as many peers as must have it. Idempotent. Errors: invalid (not this content's hash), exhausted (too
  /// large, disk full), unavailable.
  Result<void> put(const std::string& sha256, const std::string& bytes);
  /// Verified; from a peer where it is not here or damaged. Errors: not_found, invalid (not a hash), unavailable.
  Result<std::string> get(const std::string& sha256);
  /// The same, of this store alone.
  Result<void> put_here(const std::string& sha256, const std::string& bytes);
  Result<std::string> get_here(const std::string& sha256);
  /// Here or at a peer. Errors: invalid, unavailable.
  Result<bool> has(const std::string& sha256);

 private:
  Result<void> write(const std::string& sha256, const std::string& bytes) const;
  Result<void> check_room(size_t bytes) const;
  std::string path(const std::string& sha256) const { return config_.folder + "/" + sha256; }

  ports::Runtime& runtime_;
  BlobConfig config_;
  BlobPeers peers_;
};

}  // namespace barrio::control
