#include "adapters/sealed_store/content.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "adapters/sealed_store/key_ring.h"
#include "base/check.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/seal.h"

namespace barrio::adapters::sealed_store {

namespace {

constexpr size_t sealed_chunk_bytes = chunk_bytes + seal_tag_bytes;
constexpr size_t file_name_bytes = 32;
constexpr size_t most_hashed_here = 16 * 1024;
constexpr size_t sealed_batch = 4;  // chunks: what was just sealed is written while the core's cache has it
static_assert(write_batch % chunk_bytes == 0);

std::string chunk_nonce(uint64_t chunk, bool last) {
  std::string nonce(seal_nonce_bytes, '\0');
  nonce[0] = last ? 1 : 0;
  for (size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<char>(chunk >> (8 * i));
  return nonce;
}

}  // namespace

ContentWriter::ContentWriter(ports::Runtime& runtime, ports::Medium& medium, Md5Queue& hashing, std::string bucket_key,
                             std::vector<std::string>& left)
    : runtime_(runtime), medium_(medium), hashing_(hashing), bucket_key_(std::move(bucket_key)), left_(left) {}

/// On the loop, where nothing may block: the file goes when the store is tidied.
ContentWriter::~ContentWriter() {
  if (file_ && !kept_) left_.push_back(extent_->file);
}

Result<void> ContentWriter::write(std::string_view piece) {
  CHECK(!finished_);
  size_ += static_cast<int64_t>(piece.size());
  while (!piece.empty()) {
    const std::string_view taken = piece.substr(0, write_batch - buffer_.size());
    if (buffer_.size() + taken.size() > most_inlined) buffer_.reserve(write_batch);
    buffer_ += taken;
    piece.remove_prefix(taken.size());
    if (buffer_.size() == write_batch) TRY_DO(flush(false));
  }
  return {};
}

Result<void> ContentWriter::flush(bool last) {
  const bool goes_to_file = !last || file_ || must_use_file_ || buffer_.size() > most_inlined;
  const std::string_view fresh = std::string_view(buffer_).substr(hashed_);
  // To go to another thread and back takes longer than to hash a few kilobytes.
  if (fresh.size() > most_hashed_here) {
    hashing_.add(md5_, fresh);
  } else {
    md5_.add(fresh);
  }
  hashed_ = buffer_.size();
  Result<void> done;
  if (goes_to_file) {
    runtime_.offload([&] { done = write_chunks(last); });
  } else if (buffer_.size() > most_hashed_here) {
    runtime_.offload([&] { sha256_.add(buffer_); });
  } else {
    sha256_.add(buffer_);
  }
  return done;
}

/// Whole chunks; what may be the last one stays in the buffer until that is known.
Result<void> ContentWriter::write_chunks(bool last) {
  if (!file_) {
    const std::string salt = random_bytes(salt_bytes);
    Extent extent{hex_of(random_bytes(16)), hex_of(salt), 0};
    TRY(file_, medium_.create(ports::Folder::content, extent.file));
    key_ = content_key(bucket_key_, salt);
    extent_ = std::move(extent);
    sealed_ = std::make_unique_for_overwrite<char[]>(sealed_batch * sealed_chunk_bytes);
  }
  std::string_view rest = buffer_;
  size_t filled = 0;
  uint64_t at = chunks_ * sealed_chunk_bytes;
  const auto write_filled = [&]() -> Result<void> {
    TRY_DO(file_->write_at({sealed_.get(), filled}, at));
    at += std::exchange(filled, 0);
    return {};
  };
  while (rest.size() > chunk_bytes) {
    seal_chunk(sealed_.get() + filled, rest.substr(0, chunk_bytes), false);
    rest.remove_prefix(chunk_bytes);
    filled += sealed_chunk_bytes;
    if (filled == sealed_batch * sealed_chunk_bytes) TRY_DO(write_filled());
  }
  if (last) {
    seal_chunk(sealed_.get() + filled, rest, true);
    filled += rest.size() + seal_tag_bytes;
    rest = {};
  }
  if (filled != 0) TRY_DO(write_filled());
  hashed_ = rest.size();
  buffer_.erase(0, buffer_.size() - rest.size());
  return last ? file_->sync() : Result<void>();
}

void ContentWriter::seal_chunk(char* out, std::string_view chunk, bool last) {
  sha256_.add(chunk);
  seal_to(out, key_, chunk_nonce(chunks_++, last), {}, chunk);
}

Result<ports::ContentDigest> ContentWriter::finish() {
  TRY_DO(flush(true));
  finished_ = true;
  if (extent_) extent_->size = size_;
  return ports::ContentDigest{size_, md5_.finish(), sha256_.finish()};
}

bool is_file_name(std::string_view name) {
  return name.size() == file_name_bytes && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

int64_t sealed_size(int64_t size) {
  const int64_t chunks = std::max<int64_t>(1, (size + int64_t{chunk_bytes} - 1) / int64_t{chunk_bytes});
  return size + chunks * int64_t{seal_tag_bytes};
}

Result<ports::ReadBytes> ContentReader::read(uint64_t offset, size_t most) {
  CHECK(offset < static_cast<uint64_t>(record_.body.meta.size));
  if (record_.body.extents.empty()) return ports::ReadBytes(record_.content.substr(offset, most));
  size_t which = 0;
  while (offset >= static_cast<uint64_t>(record_.body.extents[which].size)) {
    offset -= static_cast<uint64_t>(record_.body.extents[which].size);
    ++which;
  }
  const Extent& extent = record_.body.extents[which];
  constexpr uint64_t span_bytes = ContentCache::span_bytes;
  const uint64_t number = offset / span_bytes;
  const uint64_t begin = number * span_bytes;
  const uint64_t span = std::min(span_bytes, static_cast<uint64_t>(extent.size) - begin);
  const size_t wanted = std::min<uint64_t>(most, begin + span - offset);
  const bool is_kept = cache_ != nullptr && cache_->takes(extent.size);
  if (is_kept) {
    if (auto found = cache_->find(extent.file, number))
      return ports::ReadBytes(std::move(found), offset - begin, wanted);
  }
  if (is_kept && wanted == span) {
    TRY(auto block, read_span(which, begin, span));
    if (block) {
      cache_->keep(extent.file, number, block, drops_);
      return ports::ReadBytes(std::move(block), 0, span);
    }
  }
  Result<std::string> bytes;
  runtime_.offload([&] { bytes = read_extent(which, offset, wanted); });
  if (!bytes) return fail(std::move(bytes).error());
  return ports::ReadBytes(std::move(*bytes));
}

Result<ContentCache::Span> ContentReader::read_span(size_t which, uint64_t begin, uint64_t size) const {
  std::unique_ptr<SharedPages::Block> block;
  Result<void> done;
  runtime_.offload([&] {
    block = cache_->room(size);
    if (block) done = read_chunks(which, begin / chunk_bytes, (begin + size - 1) / chunk_bytes, block->data());
  });
  if (!done) return fail(std::move(done).error());
  return ContentCache::Span(std::move(block));
}

Result<std::string> ContentReader::read_extent(size_t which, uint64_t offset, size_t most) const {
  const auto size = static_cast<uint64_t>(record_.body.extents[which].size);
  const uint64_t end = std::min<uint64_t>(size, offset + most);
  const uint64_t first = offset / chunk_bytes;
  const uint64_t last = (end - 1) / chunk_bytes;
  const uint64_t begin = first * chunk_bytes;
  std::string text(std::min<uint64_t>((last + 1) * chunk_bytes, size) - begin, '\0');
  TRY_DO(read_chunks(which, first, last, text.data()));
  text.resize(end - begin);
  text.erase(0, offset - begin);
  return text;
}

Result<void> ContentReader::read_chunks(size_t which, uint64_t first, uint64_t last, char* out) const {
  const Extent& extent = record_.body.extents[which];
  const auto size = static_cast<uint64_t>(extent.size);
  const uint64_t final_chunk = (size - 1) / chunk_bytes;
  const uint64_t stop = std::min<uint64_t>((last + 1) * chunk_bytes, size);
  TRY(auto salt, bytes_of_hex(extent.salt));
  const std::string key = content_key(bucket_key_, salt);
  // From a disk chunk by chunk, which stays in the core's cache meanwhile; from afar with as few calls as it takes.
  const uint64_t batch = std::clamp<uint64_t>(files_[which]->read_unit() / sealed_chunk_bytes, 1, last - first + 1);
  const auto sealed = std::make_unique_for_overwrite<char[]>(batch * sealed_chunk_bytes);
  for (uint64_t chunk = first; chunk <= last; ++chunk) {
    const size_t length = std::min<uint64_t>(chunk_bytes, stop - chunk * chunk_bytes) + seal_tag_bytes;
    const uint64_t in_batch = (chunk - first) % batch;
    if (in_batch == 0) {
      const uint64_t until = std::min(chunk + batch - 1, last);
      const uint64_t read_end = std::min((until + 1) * chunk_bytes, stop) + (until + 1) * seal_tag_bytes;
      const uint64_t read_from = chunk * sealed_chunk_bytes;
      TRY_DO(files_[which]->read_to(sealed.get(), read_from, read_end - read_from));
    }
    const auto opened = unseal_to(out + (chunk - first) * chunk_bytes, key, chunk_nonce(chunk, chunk == final_chunk),
                                  {}, {sealed.get() + in_batch * sealed_chunk_bytes, length});
    if (!opened) {
      return fail(Code::unavailable, "chunk " + std::to_string(chunk) + " is damaged: " + opened.error().what,
                  "object file " + extent.file);
    }
  }
  return {};
}

}  // namespace barrio::adapters::sealed_store
