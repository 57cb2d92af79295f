#pragma once
// The checksums that S3 clients send with a body (x-amz-checksum-...), as it comes.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace barrio::api::s3 {

enum class ChecksumKind { crc32, crc32c, crc64nvme, sha1, sha256 };

/// "CRC32", as answers say it; whatever the case where it is read.
std::string_view name_of(ChecksumKind kind);
std::optional<ChecksumKind> checksum_of(std::string_view name);
/// Of its value, before base64.
size_t bytes_of(ChecksumKind kind);
/// "x-amz-checksum-crc32".
std::string header_of(ChecksumKind kind);
inline constexpr ChecksumKind all_checksums[] = {ChecksumKind::crc32, ChecksumKind::crc32c, ChecksumKind::crc64nvme,
                                                 ChecksumKind::sha1, ChecksumKind::sha256};

class Checksum {
 public:
  explicit Checksum(ChecksumKind kind);
  ChecksumKind kind() const { return kind_; }
  void add(std::string_view data);
  /// In base64. It is done afterwards.
  std::string finish();

 private:
  ChecksumKind kind_;
  uint64_t running_ = 0;
  std::optional<Hasher> digest_;
};

}  // namespace barrio::api::s3
