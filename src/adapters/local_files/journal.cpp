#include "adapters/local_files/journal.h"

#include <fmt/format.h>

#include "base/text.h"

namespace barrio::adapters::local_files {

namespace {

constexpr std::string_view suffix = ".log";

/// Where the next record begins; npos: nowhere.
size_t find_record(std::string_view bytes, size_t from) {
  for (size_t at = bytes.find("BRO1", from); at != std::string_view::npos; at = bytes.find("BRO1", at + 1)) {
    if (read_record_head(bytes.substr(at))) return at;
  }
  return std::string_view::npos;
}

}  // namespace

std::string Journal::path_of(uint32_t number) const {
  return fmt::format("{}/{:010}{}", folder_, number, suffix);
}

Result<Journal::Replayed> Journal::open(const Take& take) {
  TRY_DO(make_folder(folder_));
  TRY(auto names, names_in(folder_));
  Replayed replayed;
  for (const std::string& name : names) {
    const auto number = name.ends_with(suffix) ? parse_uint(name.substr(0, name.size() - suffix.size())) : std::nullopt;
    if (!number || *number == 0 || *number >= UINT32_MAX) continue;
    const auto id = static_cast<uint32_t>(*number);
    TRY(auto file, open_file(path_of(id), true));
    TRY(auto size, size_of(*file));
    TRY(auto bytes, read_at(*file, 0, size));
    TRY(auto end, replay({file, id, 0, 0, 0}, bytes, take, replayed));
    segments_[id] = {file, end};
    next_ = id + 1;
  }
  // What was read is served from now on, so it must be on the device, also what a killed process had not synced yet.
  if (!segments_.empty()) TRY_DO(disk_.sync(*segments_.rbegin()->second.file));
  // A segment that may have a torn end is not written again: what comes goes into a new one.
  must_begin_ = true;
  return replayed;
}

Result<size_t> Journal::replay(const Place& from, std::string_view bytes, const Take& take, Replayed& replayed) const {
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
  TRY(auto file, create_file(path_of(number)));
  ++next_;
  TRY(auto folder, open_folder(folder_));
  auto synced = disk_.sync(*folder);
  if (!synced) {
    static_cast<void>(remove_file(path_of(number)));
    return synced;
  }
  segments_[number] = {file, 0};
  must_begin_ = false;
  return {};
}

/// After a failed write: the records that were not acknowledged go again.
void Journal::undo(Segment& segment) {
  must_begin_ = true;
  const auto cut = truncate(*segment.file, segment.size);
  // A sync that failed once may succeed the next time without having written: so this one is of the new length alone,
  // and the file is not appended to any more.
  broken_ = !cut || !disk_.sync(*segment.file);
}

Result<std::vector<Place>> Journal::append(std::span<const std::string_view> records) {
  if (broken_) {
    return fail(Code::unavailable, "the disk failed while writing; storage takes nothing until it is started again");
  }
  if (must_begin_ || segments_.rbegin()->second.size > segment_bytes) TRY_DO(begin_segment());
  auto& [number, segment] = *segments_.rbegin();
  std::string joined;
  std::vector<Place> places;
  for (const std::string_view record : records) {
    places.push_back(
        {segment.file, number, segment.size + joined.size(), static_cast<uint32_t>(record.size()), stamp_of(record)});
    joined += record;
  }
  auto done = disk_.write_at(*segment.file, joined, segment.size);
  if (done) done = disk_.sync(*segment.file);
  if (!done) {
    undo(segment);
    return fail(std::move(done).error());
  }
  segment.size += joined.size();
  return places;
}

Result<std::string> Journal::read(const Place& place) {
  TRY(auto bytes, read_at(*place.file, place.offset, place.length));
  if (!read_record_head(bytes)) return fail(Code::unavailable, "is damaged: its checksum differs", "journal");
  return bytes;
}

uint64_t Journal::bytes() const {
  uint64_t sum = 0;
  for (const auto& [number, segment] : segments_) sum += segment.size;
  return sum;
}

Result<void> Journal::read_oldest(const Take& take) const {
  const auto& [number, segment] = *segments_.begin();
  TRY(auto bytes, read_at(*segment.file, 0, segment.size));
  Replayed replayed;
  auto read = replay({segment.file, number, 0, 0, 0}, bytes, take, replayed);
  return read ? Result<void>() : fail(std::move(read).error());
}

Result<void> Journal::drop_oldest() {
  const uint32_t number = oldest();
  TRY_DO(remove_file(path_of(number)));
  segments_.erase(number);
  // Before the next one goes: a power cut must not bring back an object whose removal stood in a later segment.
  TRY(auto folder, open_folder(folder_));
  return disk_.sync(*folder);
}

}  // namespace barrio::adapters::local_files
