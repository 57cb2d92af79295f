#include "adapters/s3/s3_file.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace barrio::adapters::s3 {

tl::unexpected<Error> Shared::fenced() {
  is_fenced = true;
  return fail(Code::conflict, "another process has opened this storage since; this one takes nothing more");
}

Result<Found> look_at_slot(const Shared& shared, const std::string& key, std::string_view mine) {
  TRY(const auto head, shared.service.head(key));
  if (!head) return fail(Code::unavailable, "the S3 service says that it is there, and that it is not", key);
  if (head->size == 0) return head->owner == shared.owner ? Found::end_of_mine : Found::end_of_other;
  if (mine.empty() || head->size != mine.size()) return Found::other;
  TRY(const std::string there, shared.service.get(key));
  return there == mine ? Found::mine : Found::other;
}

Result<std::vector<Piece>> list_pieces(const Service& service, const std::string& path) {
  std::vector<Piece> found;
  const std::string below = path + "/";
  TRY_DO(service.list(below, [&](const Listed& listed) {
    if (const auto piece = read_piece(std::string_view(listed.key).substr(below.size()), listed.size)) {
      found.push_back(*piece);
    }
  }));
  return found;
}

Result<bool> end_file(Shared& shared, Layout& layout, std::string_view pending) {
  std::string slot;
  {
    const std::lock_guard lock(layout.mutex);
    if (layout.run.ended) return true;
    slot = layout.slot(layout.run.end);
  }
  TRY(const auto stored, shared.service.put_new(slot, "", shared.owner));
  Found found = Found::end_of_mine;
  if (stored == Service::Stored::exists) {
    TRY(found, look_at_slot(shared, slot, pending));
  }
  if (found == Found::mine) return false;
  if (found != Found::end_of_mine) return shared.fenced();
  // Was it free because another process has packed what stood there? Then the packed object is listed by now.
  TRY(const auto listed, list_pieces(shared.service, layout.path));
  const std::lock_guard lock(layout.mutex);
  if (goes_on(listed, layout.run.end)) return shared.fenced();
  layout.run.ended = true;
  return true;
}

Result<void> S3File::write_at(std::string_view bytes, uint64_t offset) {
  {
    const std::lock_guard lock(layout_->mutex);
    CHECK(offset == layout_->run.end + pending_.size());
  }
  pending_ += bytes;
  if (is_journal_) return {};
  shared_.buffered += bytes.size();
  counted_ += bytes.size();
  const bool is_piece = pending_.size() >= piece_bytes;
  const bool is_crowded = pending_.size() >= least_piece && shared_.buffered > most_buffered;
  return is_piece || is_crowded ? put_content() : Result<void>();
}

void S3File::add_pending() {
  const std::lock_guard lock(layout_->mutex);
  layout_->run.pieces.push_back({layout_->run.end, pending_.size(), false});
  layout_->run.end += pending_.size();
  pending_.clear();
}

Result<void> S3File::put_content() {
  if (pending_.empty()) return {};
  std::string key;
  {
    const std::lock_guard lock(layout_->mutex);
    key = layout_->slot(layout_->run.end);
  }
  TRY_DO(shared_.service.put(key, pending_));
  shared_.buffered -= std::exchange(counted_, 0);
  add_pending();
  return {};
}

Result<void> S3File::flush() {
  return is_journal_ ? Result<void>() : put_content();
}

Result<void> S3File::sync() {
  if (!is_journal_) return put_content();
  if (pending_.empty()) return {};
  if (shared_.is_fenced) return shared_.fenced();
  std::string slot;
  {
    const std::lock_guard lock(layout_->mutex);
    if (layout_->run.ended) return shared_.fenced();
    slot = layout_->slot(layout_->run.end);
  }
  TRY(const auto stored, shared_.service.put_next(slot, pending_, shared_.owner));
  if (stored == Service::Stored::exists) {
    // Records have salts that are used once: the same bytes are what an earlier attempt of this call put there.
    TRY(const Found found, look_at_slot(shared_, slot, pending_));
    if (found != Found::mine) return shared_.fenced();
  }
  add_pending();
  return {};
}

/// An attempt that nobody has an answer of may still arrive. So its place is taken by an end, which it cannot replace;
/// or it is found there, for good.
Result<ports::MediumFile::Fate> S3File::take_back(uint64_t size) {
  CHECK(is_journal_);
  {
    const std::lock_guard lock(layout_->mutex);
    CHECK(size == layout_->run.end);
  }
  if (shared_.is_fenced) return shared_.fenced();
  TRY(const bool ended, end_file(shared_, *layout_, pending_));
  if (!ended) {
    add_pending();
    return Fate::stands;
  }
  pending_.clear();
  return Fate::gone;
}

Result<uint64_t> S3File::size() {
  const std::lock_guard lock(layout_->mutex);
  return layout_->run.end;
}

/// Who reads on where the last read ended gets more than was asked for, and the next from memory.
Result<void> S3File::read_to(char* out, uint64_t offset, size_t size) {
  if (is_journal_) return fetch(out, offset, size);
  TRY(const uint64_t whole, this->size());
  const std::lock_guard lock(window_mutex_);
  const auto has = [&] {
    return offset >= window_begin_ && offset + size <= window_begin_ + window_.size() && !window_.empty();
  };
  if (!has()) {
    if (offset + size > whole) return fail(Code::unavailable, "the file is shorter than it should be", layout_->path);
    const uint64_t known_end = window_begin_ + window_.size();
    const bool goes_on = !window_.empty() && offset >= window_begin_ && offset <= known_end;
    const uint64_t wanted = goes_on ? std::min<uint64_t>(std::max(size, read_ahead), whole - offset) : size;
    std::string read(wanted, '\0');
    window_.clear();
    TRY_DO(fetch(read.data(), offset, wanted));
    window_ = std::move(read);
    window_begin_ = offset;
  }
  std::memcpy(out, window_.data() + (offset - window_begin_), size);
  return {};
}

/// Pieces that were packed meanwhile are looked for again, once.
Result<void> S3File::fetch(char* out, uint64_t offset, size_t size) {
  std::optional<Piece> missing;
  TRY_DO(fetch_known(out, offset, size, missing));
  if (!missing) return {};
  TRY_DO(look_again(*missing));
  missing.reset();
  TRY_DO(fetch_known(out, offset, size, missing));
  if (missing) return fail(Code::unavailable, "an object of the S3 service is missing", layout_->key_of(*missing));
  return {};
}

/// What of the piece is asked for. Errors: not_found (it is not there), those of the service.
Result<void> S3File::fetch_piece(const Piece& piece, char* out, uint64_t offset, size_t size) {
  const uint64_t from = std::max(offset, piece.offset);
  const uint64_t until = std::min(offset + size, piece.end());
  if (from >= until) return {};
  TRY(const auto bytes, shared_.service.get(layout_->key_of(piece), from - piece.offset, until - from));
  bytes.copy(out + (from - offset), bytes.size());
  return {};
}

Result<void> S3File::fetch_known(char* out, uint64_t offset, size_t size, std::optional<Piece>& missing) {
  std::vector<Piece> pieces;
  {
    const std::lock_guard lock(layout_->mutex);
    if (offset + size > layout_->run.end) {
      return fail(Code::unavailable, "the file is shorter than it should be", layout_->path);
    }
    const auto& all = layout_->run.pieces;
    auto at = std::ranges::upper_bound(all, offset, {}, &Piece::offset);
    if (at != all.begin()) --at;
    for (; at != all.end() && at->offset < offset + size; ++at) pieces.push_back(*at);
  }
  std::memset(out, 0, size);  // what is in no piece: whoever reads checks it
  std::mutex mutex;           // of what follows
  size_t next = 0;
  Result<void> fetched;
  const auto fetch_some = [&] {
    std::unique_lock lock(mutex);
    while (next < pieces.size() && fetched && !missing) {
      const Piece& piece = pieces[next++];
      lock.unlock();
      auto done = fetch_piece(piece, out, offset, size);
      lock.lock();
      if (done) continue;
      if (done.error().code == Code::not_found) {
        missing = piece;
      } else {
        fetched = std::move(done);
      }
    }
  };
  const size_t at_once = is_journal_ && shared_.together ? std::min(pieces.size(), most_requests) : 1;
  at_once > 1 ? shared_.together(at_once, fetch_some) : fetch_some();
  return fetched;
}

/// Where the file ends is what its writer knows, who has the same layout: what stands behind that is not taken in.
Result<void> S3File::look_again(const Piece& missing) {
  TRY(auto found, list_pieces(shared_.service, layout_->path));
  const std::lock_guard lock(layout_->mutex);
  const Run known = layout_->run;
  std::erase_if(found, [&](const Piece& piece) { return piece.offset >= known.end; });
  // A list may not have the latest yet.
  for (const Piece& piece : known.pieces) {
    if (piece != missing) found.push_back(piece);
  }
  layout_->run = run_of(std::move(found));
  layout_->run.end = known.end;
  layout_->run.ended = known.ended;
  return {};
}

bool S3File::wants_pack() {
  const std::lock_guard lock(layout_->mutex);
  return !packs_of(layout_->run.pieces, layout_->run.ended).empty();
}

Result<void> S3File::pack() {
  std::vector<std::vector<Piece>> groups;
  {
    const std::lock_guard lock(layout_->mutex);
    const auto& pieces = layout_->run.pieces;
    for (const auto& [begin, end] : packs_of(pieces, layout_->run.ended)) {
      groups.emplace_back(pieces.begin() + static_cast<std::ptrdiff_t>(begin),
                          pieces.begin() + static_cast<std::ptrdiff_t>(end));
    }
  }
  for (const auto& group : groups) TRY_DO(pack_one(group));
  return {};
}

/// The packed object has a name of its own and always the same bytes; pieces go only once it is there. The piece that
/// the file begins with stays: whoever still believes to be the one that writes must find its place taken.
Result<void> S3File::pack_one(const std::vector<Piece>& group) {
  const Piece packed{group.front().offset, group.back().end() - group.front().offset, true};
  std::string bytes(packed.size, '\0');
  TRY_DO(fetch(bytes.data(), packed.offset, packed.size));
  TRY_DO(shared_.service.put(layout_->key_of(packed), bytes));
  {
    const std::lock_guard lock(layout_->mutex);
    auto& pieces = layout_->run.pieces;
    std::erase_if(pieces,
                  [&](const Piece& piece) { return piece.offset >= packed.offset && piece.end() <= packed.end(); });
    pieces.insert(std::ranges::upper_bound(pieces, packed.offset, {}, &Piece::offset), packed);
  }
  std::vector<std::string> keys;
  for (const Piece& piece : group) {
    if (piece.offset != 0) keys.push_back(layout_->key_of(piece));
  }
  return shared_.service.remove(keys);
}

}  // namespace barrio::adapters::s3
