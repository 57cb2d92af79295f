// The journal of a SealedStore is packed, and its oldest segment goes once most of the journal says nothing any more.

#include <algorithm>
#include <tuple>

#include "adapters/sealed_store/copy_names.h"
#include "adapters/sealed_store/sealed_store.h"
#include "base/log.h"

namespace barrio::adapters {

using namespace sealed_store;

/// A record of the oldest segment, while it is looked at whether it still says something.
struct sealed_store::Moving {
  Place place;
  RecordHead head;
  std::string record;
  std::string key = {};  // of its bucket; empty: that is erased
  RecordBody body = {};

  bool open() {
    if (key.empty()) return false;
    auto opened = open_record(record, key);
    if (opened) body = std::move(opened->body);
    return static_cast<bool>(opened);
  }
};

namespace {

constexpr size_t most_moved_bytes = 1024 * 1024;  // at a time: others wait for no more than that

std::vector<std::string_view> all_texts(const std::vector<Moving>& records) {
  std::vector<std::string_view> texts;
  for (const Moving& each : records) texts.emplace_back(each.record);
  return texts;
}

/// What a record of this name says of where it belongs.
RecordBody body_named(const std::string& name) {
  RecordBody body;
  const std::string rest = name.substr(object_prefix.size());
  if (name.starts_with(object_prefix)) {
    const auto version = version_named(rest);
    body.meta.key = version ? version->first : "";
    if (version && version->second.numbered) body.meta.version = version->second;
  } else if (name.starts_with(setting_prefix)) {
    body.meta.key = rest;
  } else {
    std::tie(body.upload, body.part) = part_named(rest);
  }
  return body;
}

}  // namespace

void SealedStore::pack() {
  std::vector<ports::SharedFile> files;
  {
    const ports::Turn::Hold turn(journal_turn_);
    files = journal_.to_pack();
  }
  if (files.empty()) return;
  Result<void> packed;
  runtime_.offload([&] {
    for (const ports::SharedFile& file : files) {
      if (packed) packed = file->pack();
    }
  });
  // It is tried again; the journal is whole all the same.
  if (!packed) log_warning("storage: the journal could not be packed", {{"why", packed.error().text()}});
}

/// The oldest segment goes once half of the journal says nothing any more; what still does is written again first, in
/// groups. Whoever waits to write does so between two of them.
Result<void> SealedStore::compact() {
  Journal::Stretch oldest;
  {
    const ports::Turn::Hold turn(journal_turn_);
    const auto wasted = static_cast<int64_t>(journal_.bytes()) - index_.live_bytes();
    if (journal_.has_one() || wasted < index_.live_bytes() + static_cast<int64_t>(Journal::segment_bytes)) return {};
    oldest = journal_.whole_oldest();
  }
  std::vector<std::vector<Moving>> groups;
  size_t bytes = most_moved_bytes;
  Result<bool> read = fail(Code::cancelled, "");
  runtime_.offload([&] {
    read = Journal::read_all(oldest, [&](const Place& place, const RecordHead& head, std::string_view record) {
      if (bytes >= most_moved_bytes) {
        groups.emplace_back();
        bytes = 0;
      }
      bytes += record.size();
      groups.back().push_back({place, head, std::string(record)});
    });
  });
  TRY(bool is_whole, std::move(read));
  for (auto& group : groups) {
    const uint64_t led = led_groups_;
    while (leading_ && led_groups_ == led) led_->wait_until(Time::max());
    TRY(const bool is_opened, move_live(std::move(group)));
    is_whole = is_whole && is_opened;
  }
  if (!is_whole) TRY_DO(move_damaged(oldest.begin.segment));
  const ports::Turn::Hold turn(journal_turn_);
  Result<void> dropped;
  runtime_.offload([&] { dropped = journal_.drop_oldest(); });
  return dropped;
}

/// With one write and one sync. Nobody adds to the index who has not the journal: what says something now still does
/// when it is written again, unless its bucket is dropped meanwhile, and nothing that replaces it stands before it.
Result<bool> SealedStore::move_live(std::vector<Moving> records) {
  bool is_whole = true;
  for (Moving& each : records) {
    if (const std::string* key = keys_.of_bucket(each.head.bucket)) each.key = *key;
  }
  runtime_.offload([&] {
    std::erase_if(records, [&](Moving& each) {
      const bool is_opened = each.open();
      is_whole = is_whole && (is_opened || each.key.empty());
      return !is_opened;
    });
  });
  const auto is_live = [&](const Moving& each) {
    return index_.is_live(each.place, each.head.kind, each.head.bucket, each.body);
  };
  const ports::Turn::Hold turn(journal_turn_);
  std::erase_if(records, [&](const Moving& each) { return !is_live(each); });
  if (records.empty()) return is_whole;
  const std::vector<std::string_view> texts = all_texts(records);
  Result<std::vector<Place>> places = fail(Code::cancelled, "");
  runtime_.offload([&] { places = journal_.append(texts); });
  if (!places) return fail(std::move(places).error());
  for (size_t i = 0; i < records.size(); ++i) {
    const Moving& each = records[i];
    if (is_live(each)) index_.moved((*places)[i], each.head.kind, each.head.bucket, each.body);
  }
  return is_whole;
}

/// Of a segment that goes: what still says something and cannot be read any more. It is taken along as it stands, so
/// that the scrub finds it still, and that whoever opens the journal next knows that something is missing.
Result<void> SealedStore::move_damaged(uint32_t segment) {
  TRY_DO(renew_fences(segment));
  const ports::Turn::Hold turn(journal_turn_);
  struct Damaged {
    std::string bucket;
    Named named;
    std::string bytes = {};
  };
  std::vector<Damaged> all;
  for (const auto& [bucket, in] : index_.buckets()) {
    std::string after;
    while (auto named = named_behind(in, after)) {
      after = named->name;
      if (named->place.segment == segment) all.push_back({bucket, std::move(*named)});
    }
  }
  if (all.empty()) return {};
  Result<std::vector<Place>> places = fail(Code::cancelled, "");
  runtime_.offload([&] {
    std::vector<std::string_view> texts;
    for (Damaged& each : all) {
      const Place& place = each.named.place;
      // What the disk does not even read is as good as nothing.
      each.bytes = place.file->read_at(place.offset, place.length).value_or(std::string(place.length, '\0'));
      texts.emplace_back(each.bytes);
    }
    places = journal_.append(texts);
  });
  if (!places) return fail(std::move(places).error());
  for (size_t i = 0; i < all.size(); ++i) {
    const auto now = find_named(all[i].bucket, all[i].named.name);
    if (!now || now->place != all[i].named.place) continue;
    Place to = (*places)[i];
    to.stamp = now->place.stamp;  // what it was, as other sites have it
    index_.moved(to, now->kind, all[i].bucket, body_named(now->name));
  }
  log_warning("storage: damaged records were taken along", {{"records", std::to_string(all.size())}});
  return {};
}

/// What a fence says is in memory.
Result<void> SealedStore::renew_fences(uint32_t segment) {
  std::map<std::string, uint64_t> epochs;
  for (const auto& [bucket, in] : index_.buckets()) {
    if (in.fence.file && in.fence.segment == segment) epochs[bucket] = in.epoch;
  }
  for (const auto& [bucket, epoch] : epochs) {
    if (const std::string* key = keys_.of_bucket(bucket)) TRY_DO(write_fence(bucket, *key, epoch));
  }
  return {};
}

}  // namespace barrio::adapters
