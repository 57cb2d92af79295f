#include "adapters/sealed_store/journal.h"

#include <fmt/format.h>

#include "base/text.h"

namespace barrio::adapters::sealed_store {

namespace {

constexpr std::string_view suffix = ".log";

std::string name_of(uint32_t number) {
  return fmt::format("{:010}{}", number, suffix);
}

/// Where the next record begins; npos: nowhere.
size_t find_record(std::string_view bytes, size_t from) {
  for (size_t at = bytes.find("BRO1", from); at != std::string_view::npos; at = bytes.find("BRO1", at + 1)) {
    if (read_record_head(bytes.substr(at))) return at;
  }
  return std::string_view::npos;
}

}  // namespace

Result<Journal::Replayed> Journal::open(const Take& take) {
  TRY(auto names, medium_.names(ports::Folder::journal));
  Replayed replayed;
  for (const std::string& name : names) {
    const auto number = name.ends_with(suffix) ? parse_uint(name.substr(0, name.size() - suffix.size())) : std::nullopt;
    if (!number || *number == 0 || *number >= UINT32_MAX) continue;
    const auto id = static_cast<uint32_t>(*number);
    TRY(auto file, medium_.open(ports::Folder::journal, name, true));
    TRY(auto size, file->size());
    TRY(auto bytes, file->read_at(0, size));
    segments_[id] = {file, replay({file, id, 0, 0, 0}, bytes, take, replayed)};
    next_ = id + 1;
  }
  // What was read is served from now on, so it must be on the device, also what a killed process had not synced yet.
  if (!segments_.empty()) TRY_DO(segments_.rbegin()->second.file->sync());
  // A segment that may have a torn end is not written again: what comes goes into a new one.
  must_begin_ = true;
  return replayed;
}

/// Where the last record ends.
size_t Journal::replay(const Place& from, std::string_view bytes, const Take& take, Replayed& replayed) {
  size_t at = 0;
  while (at < bytes.size()) {
    const auto head = read_record_head(bytes.substr(at));
    if (!head) {
      const size_t next = find_record(bytes, at);
      if (next == std::string_view::npos) {
        replayed.torn_bytes += bytes.size() - at;
        return at;
      }
      ++replayed.damaged;
      at = next;
      continue;
    }
    const auto length = static_cast<uint32_t>(record_header_bytes + head->sealed_bytes);
    take({from.file, from.segment, at, length, stamp_of(bytes.substr(at))}, *head, bytes.substr(at, length));
    ++replayed.records;
    at += length;
  }
  return at;
}

Result<void> Journal::begin_segment() {
  const uint32_t number = next_;
  TRY(auto file, medium_.create(ports::Folder::journal, name_of(number)));
  ++next_;
  auto synced = medium_.sync_names(ports::Folder::journal);
  if (!synced) {
    static_cast<void>(medium_.remove(ports::Folder::journal, name_of(number)));
    return synced;
  }
  segments_[number] = {file, 0};
  must_begin_ = false;
  return {};
}

/// Where nothing will ever be appended again, that is said once and for all.
tl::unexpected<Error> Journal::failed(Error error) {
  if (error.code != Code::conflict) return fail(std::move(error));
  broken_ = Error{Code::unavailable, std::move(error.what), std::move(error.where)};
  return fail(*broken_);
}

Result<std::vector<Journal::Standing>> Journal::settle() {
  std::vector<Standing> standing;
  if (broken_) return fail(*broken_);
  if (!doubt_) return standing;
  Segment& segment = segments_.rbegin()->second;
  const auto fate = segment.file->take_back(segment.size);
  if (!fate) return failed(fate.error());
  const Doubt doubt = *std::exchange(doubt_, std::nullopt);
  if (*fate == ports::MediumFile::Fate::gone) return standing;
  for (const Place& place : doubt.places) {
    standing.push_back({place, doubt.records.substr(place.offset - segment.size, place.length)});
  }
  segment.size += doubt.records.size();
  return standing;
}

Result<std::vector<Place>> Journal::append(std::span<const std::string_view> records) {
  if (broken_) return fail(*broken_);
  if (doubt_) return fail(Code::unavailable, "what became of an earlier change is not known yet; try again");
  if (must_begin_ || segments_.rbegin()->second.size > segment_bytes) {
    const auto begun = begin_segment();
    if (!begun) return failed(begun.error());
  }
  auto& [number, segment] = *segments_.rbegin();
  std::string joined;
  std::vector<Place> places;
  for (const std::string_view record : records) {
    places.push_back(
        {segment.file, number, segment.size + joined.size(), static_cast<uint32_t>(record.size()), stamp_of(record)});
    joined += record;
  }
  auto done = segment.file->write_at(joined, segment.size);
  if (done) done = segment.file->sync();
  if (done) {
    segment.size += joined.size();
    return places;
  }
  // The records that are not acknowledged go again, and the segment is not appended to any more.
  must_begin_ = true;
  doubt_ = Doubt{places, std::move(joined)};
  if (done.error().code == Code::timed_out) return fail(Code::unavailable, done.error().what, done.error().where);
  const auto standing = settle();
  if (standing && !standing->empty()) return places;
  if (done.error().code == Code::conflict) return failed(done.error());
  return fail(std::move(done).error());
}

Result<std::string> Journal::read(const Place& place) {
  TRY(auto bytes, place.file->read_at(place.offset, place.length));
  if (!read_record_head(bytes)) return fail(Code::unavailable, "is damaged: its checksum differs", "journal");
  return bytes;
}

std::vector<ports::SharedFile> Journal::to_pack() const {
  std::vector<ports::SharedFile> files;
  for (const auto& [number, segment] : segments_) {
    if (segment.file->wants_pack()) files.push_back(segment.file);
  }
  return files;
}

uint64_t Journal::bytes() const {
  uint64_t sum = 0;
  for (const auto& [number, segment] : segments_) sum += segment.size;
  return sum;
}

Journal::Stretch Journal::whole_oldest() const {
  const auto& [number, segment] = *segments_.begin();
  return {{segment.file, number, 0, 0, 0}, segment.size};
}

Result<bool> Journal::read_all(const Stretch& stretch, const Take& take) {
  TRY(const auto bytes, stretch.begin.file->read_at(0, stretch.size));
  Replayed replayed;
  static_cast<void>(replay(stretch.begin, bytes, take, replayed));
  return replayed.damaged + replayed.torn_bytes == 0;
}

Result<void> Journal::drop_oldest() {
  const uint32_t number = oldest();
  TRY_DO(medium_.remove(ports::Folder::journal, name_of(number)));
  segments_.erase(number);
  // Before the next one goes: a power cut must not bring back an object whose removal stood in a later segment.
  return medium_.sync_names(ports::Folder::journal);
}

}  // namespace barrio::adapters::sealed_store
