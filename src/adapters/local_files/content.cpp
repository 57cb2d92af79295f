#include "adapters/local_files/content.h"

#include "adapters/local_files/key_ring.h"
#include "base/check.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/seal.h"

namespace barrio::adapters::local_files {

namespace {

constexpr size_t sealed_chunk_bytes = chunk_bytes + seal_tag_bytes;

std::string chunk_nonce(uint64_t chunk, bool last) {
  std::string nonce(seal_nonce_bytes, '\0');
  nonce[0] = last ? 1 : 0;
  for (size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<char>(chunk >> (8 * i));
  return nonce;
}

}  // namespace

ContentWriter::ContentWriter(ports::Runtime& runtime, Disk& disk, std::string folder, std::string bucket_key)
    : runtime_(runtime), disk_(disk), folder_(std::move(folder)), bucket_key_(std::move(bucket_key)) {}

ContentWriter::~ContentWriter() {
  if (file_ && !kept_) static_cast<void>(remove_file(path_));
}

Result<void> ContentWriter::write(std::string_view piece) {
  CHECK(!finished_);
  buffer_ += piece;
  size_ += static_cast<int64_t>(piece.size());
  return buffer_.size() < write_batch ? Result<void>() : flush(false);
}

Result<void> ContentWriter::flush(bool last) {
  Result<void> done;
  runtime_.offload([&] {
    md5_.add(std::string_view(buffer_).substr(hashed_));
    sha256_.add(std::string_view(buffer_).substr(hashed_));
    hashed_ = buffer_.size();
    const bool small = last && !file_ && !must_use_file_ && buffer_.size() <= most_inlined;
    if (!small) done = write_chunks(last);
  });
  return done;
}

/// Whole chunks; what may be the last one stays in the buffer until that is known.
Result<void> ContentWriter::write_chunks(bool last) {
  if (!file_) {
    const std::string salt = random_bytes(salt_bytes);
    Extent extent{hex_of(random_bytes(16)), hex_of(salt), 0};
    path_ = folder_ + "/" + extent.file;
    TRY(file_, create_file(path_));
    key_ = content_key(bucket_key_, salt);
    extent_ = std::move(extent);
  }
  std::string sealed;
  size_t taken = 0;
  const uint64_t first = chunks_;
  while (buffer_.size() - taken > chunk_bytes) {
    sealed += seal(key_, chunk_nonce(chunks_++, false), {}, std::string_view(buffer_).substr(taken, chunk_bytes));
    taken += chunk_bytes;
  }
  if (last) {
    sealed += seal(key_, chunk_nonce(chunks_++, true), {}, std::string_view(buffer_).substr(taken));
    taken = buffer_.size();
  }
  TRY_DO(disk_.write_at(*file_, sealed, first * sealed_chunk_bytes));
  buffer_.erase(0, taken);
  hashed_ -= taken;
  return last ? disk_.sync(*file_) : Result<void>();
}

Result<ports::ContentDigest> ContentWriter::finish() {
  TRY_DO(flush(true));
  finished_ = true;
  if (extent_) extent_->size = size_;
  return ports::ContentDigest{size_, md5_.finish(), sha256_.finish()};
}

int64_t sealed_size(int64_t size) {
  const int64_t chunks = std::max<int64_t>(1, (size + int64_t{chunk_bytes} - 1) / int64_t{chunk_bytes});
  return size + chunks * int64_t{seal_tag_bytes};
}

Result<std::string> ContentReader::read(uint64_t offset, size_t most) {
  CHECK(offset < static_cast<uint64_t>(record_.body.meta.size));
  if (record_.body.extents.empty()) return record_.content.substr(offset, most);
  size_t which = 0;
  while (offset >= static_cast<uint64_t>(record_.body.extents[which].size)) {
    offset -= static_cast<uint64_t>(record_.body.extents[which].size);
    ++which;
  }
  Result<std::string> bytes;
  runtime_.offload([&] { bytes = read_extent(which, offset, most); });
  return bytes;
}

Result<std::string> ContentReader::read_extent(size_t which, uint64_t offset, size_t most) const {
  const Extent& extent = record_.body.extents[which];
  const auto size = static_cast<uint64_t>(extent.size);
  const uint64_t end = std::min<uint64_t>(size, offset + most);
  const uint64_t first = offset / chunk_bytes;
  const uint64_t last = (end - 1) / chunk_bytes;
  const uint64_t final_chunk = (size - 1) / chunk_bytes;
  const uint64_t stop = std::min<uint64_t>((last + 1) * chunk_bytes, size);
  const size_t sealed_bytes = (last - first) * sealed_chunk_bytes + (stop - last * chunk_bytes) + seal_tag_bytes;
  TRY(auto sealed, read_at(*files_[which], first * sealed_chunk_bytes, sealed_bytes));
  TRY(auto salt, bytes_of_hex(extent.salt));
  const std::string key = content_key(bucket_key_, salt);
  std::string text;
  text.reserve(stop - first * chunk_bytes);
  for (uint64_t chunk = first; chunk <= last; ++chunk) {
    const auto box = std::string_view(sealed).substr((chunk - first) * sealed_chunk_bytes, sealed_chunk_bytes);
    auto opened = unseal(key, chunk_nonce(chunk, chunk == final_chunk), {}, box);
    if (!opened) {
      return fail(Code::unavailable, "chunk " + std::to_string(chunk) + " is damaged: " + opened.error().what,
                  "object file " + extent.file);
    }
    text += *opened;
  }
  return text.substr(offset - first * chunk_bytes, end - offset);
}

}  // namespace barrio::adapters::local_files
