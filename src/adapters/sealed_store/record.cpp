#include "adapters/sealed_store/record.h"

#include "adapters/sealed_store/key_ring.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/seal.h"

namespace barrio::adapters::sealed_store {

namespace {

constexpr std::string_view magic = "BRO1";
constexpr size_t bucket_at = 24;
constexpr size_t salt_at = 40;
constexpr size_t checksum_at = 56;

void put_number(std::string& out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

uint64_t number_at(std::string_view bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

const std::string& nonce() {
  // A record's key is of its salt, so that one nonce serves all.
  static const std::string zero(seal_nonce_bytes, '\0');
  return zero;
}

}  // namespace

std::string encode_record(RecordKind kind, uint64_t epoch, const std::string& bucket, const std::string& bucket_key,
                          const RecordBody& body, std::string_view content) {
  const std::string json = print_json(to_json(body));
  std::string text;
  text.reserve(4 + json.size() + content.size());
  put_number(text, json.size(), 4);
  text += json;
  text += content;
  const auto id = bytes_of_hex(bucket);
  CHECK(id && id->size() == 16);
  const std::string salt = random_bytes(salt_bytes);
  std::string record(magic);
  put_number(record, text.size() + seal_tag_bytes, 4);
  put_number(record, epoch, 8);
  put_number(record, static_cast<uint64_t>(kind), 8);
  record += *id;
  record += salt;
  const std::string sealed = seal(content_key(bucket_key, salt), nonce(), record, text);
  put_number(record, crc32c(sealed, crc32c(record)), 8);
  record += sealed;
  return record;
}

std::optional<RecordHead> read_record_head(std::string_view bytes) {
  if (bytes.size() < record_header_bytes || !bytes.starts_with(magic)) return std::nullopt;
  RecordHead head;
  head.sealed_bytes = static_cast<uint32_t>(number_at(bytes, 4, 4));
  head.epoch = number_at(bytes, 8, 8);
  head.kind = static_cast<RecordKind>(number_at(bytes, 16, 1));
  if (head.sealed_bytes > most_record_bytes || bytes.size() - record_header_bytes < head.sealed_bytes)
    return std::nullopt;
  const uint64_t expected = number_at(bytes, checksum_at, 8);
  const std::string_view sealed = bytes.substr(record_header_bytes, head.sealed_bytes);
  if (crc32c(sealed, crc32c(bytes.substr(0, checksum_at))) != expected) return std::nullopt;
  head.bucket = hex_of(bytes.substr(bucket_at, 16));
  return head;
}

uint64_t stamp_of(std::string_view record) {
  return number_at(record, salt_at, 8) >> 1;
}

Result<OpenedRecord> open_record(std::string_view record, const std::string& bucket_key) {
  if (record.size() < record_header_bytes) return fail(Code::invalid, "is shorter than its header");
  const std::string_view salt = record.substr(salt_at, salt_bytes);
  TRY(auto text, unseal(content_key(bucket_key, salt), nonce(), record.substr(0, checksum_at),
                        record.substr(record_header_bytes)));
  if (text.size() < 4) return fail(Code::invalid, "has no body");
  const uint64_t json_bytes = number_at(text, 0, 4);
  if (json_bytes > text.size() - 4) return fail(Code::invalid, "its body is shorter than it says");
  TRY(auto json, parse_json(std::string_view(text).substr(4, json_bytes)));
  OpenedRecord opened;
  TRY(opened.body, from_json<RecordBody>(json));
  opened.content = text.substr(4 + json_bytes);
  if (opened.content.size() != static_cast<uint64_t>(opened.body.inlined)) {
    return fail(Code::invalid, "its content has another length than it says");
  }
  return opened;
}

}  // namespace barrio::adapters::sealed_store
