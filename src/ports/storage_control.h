#pragma once
// A site's storage's way to control. All calls may park the calling fiber.

#include "model/bucket.h"

namespace barrio::ports {

class StorageControl {
 public:
  virtual ~StorageControl() = default;
  /// Errors: unavailable, timed_out, denied.
  virtual Result<StorageAnswer> pull(const StorageReport& report) = 0;
  /// For a tenant whose request this site has checked. Asking twice is no error. Errors: invalid, denied (policy),
  /// conflict (the name is another tenant's), exhausted (quota), unavailable.
  virtual Result<Bucket> create_bucket(const SiteBucketRequest& request) = 0;
  /// How a follower of a bucket that has its home here is doing; the bucket as control has it then. Errors:
  /// unavailable, denied (not the home any more), conflict (of another epoch).
  virtual Result<Bucket> report_copy(const CopyReport& report) = 0;
  /// By its home, which has found it empty and takes no more writes to it. One that is gone is no error. Errors:
  /// unavailable, denied.
  virtual Result<void> delete_bucket(const Bucket& bucket) = 0;
};

}  // namespace barrio::ports
