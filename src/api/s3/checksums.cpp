#include "api/s3/checksums.h"

#include "base/base64.h"
#include "base/checksum.h"
#include "base/hash.h"
#include "base/text.h"

namespace barrio::api::s3 {

namespace {

std::string big_endian(uint64_t value, size_t bytes) {
  std::string out;
  for (size_t i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i));
  return out;
}

}  // namespace

std::string_view name_of(ChecksumKind kind) {
  switch (kind) {
    case ChecksumKind::crc32: return "CRC32";
    case ChecksumKind::crc32c: return "CRC32C";
    case ChecksumKind::crc64nvme: return "CRC64NVME";
    case ChecksumKind::sha1: return "SHA1";
    case ChecksumKind::sha256: return "SHA256";
  }
  return "";
}

std::optional<ChecksumKind> checksum_of(std::string_view name) {
  for (const ChecksumKind kind : all_checksums) {
    if (to_lower(name) == to_lower(name_of(kind))) return kind;
  }
  return std::nullopt;
}

size_t bytes_of(ChecksumKind kind) {
  switch (kind) {
    case ChecksumKind::crc32:
    case ChecksumKind::crc32c: return 4;
    case ChecksumKind::crc64nvme: return 8;
    case ChecksumKind::sha1: return 20;
    case ChecksumKind::sha256: return 32;
  }
  return 0;
}

std::string header_of(ChecksumKind kind) {
  return "x-amz-checksum-" + to_lower(name_of(kind));
}

Checksum::Checksum(ChecksumKind kind) : kind_(kind) {
  if (kind == ChecksumKind::sha1) digest_.emplace(HashKind::sha1);
  if (kind == ChecksumKind::sha256) digest_.emplace(HashKind::sha256);
}

void Checksum::add(std::string_view data) {
  switch (kind_) {
    case ChecksumKind::crc32: running_ = crc32(data, static_cast<uint32_t>(running_)); break;
    case ChecksumKind::crc32c: running_ = crc32c(data, static_cast<uint32_t>(running_)); break;
    case ChecksumKind::crc64nvme: running_ = crc64nvme(data, running_); break;
    case ChecksumKind::sha1:
    case ChecksumKind::sha256: digest_->add(data); break;
  }
}

std::string Checksum::finish() {
  if (digest_) return base64(digest_->finish());
  return base64(big_endian(running_, kind_ == ChecksumKind::crc64nvme ? 8 : 4));
}

}  // namespace barrio::api::s3
