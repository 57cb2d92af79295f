#include "adapters/sealed_store/sealed_store.h"

#include <algorithm>

#include "adapters/sealed_store/counted.h"
#include "base/check.h"
#include "base/log.h"

namespace barrio::adapters {

using namespace sealed_store;

/// While a fiber writes for the others, also when it is unwound.
class SealedStore::Leading {
 public:
  explicit Leading(SealedStore& store) : store_(store) { store_.leading_ = true; }
  ~Leading() {
    store_.leading_ = false;
    ++store_.led_groups_;
    store_.led_->notify();
  }
  Leading(const Leading&) = delete;
  Leading& operator=(const Leading&) = delete;

 private:
  SealedStore& store_;
};

/// On the stack of the fiber that waits for it.
struct sealed_store::Change {
  std::string_view record;
  const RecordHead& head;
  const RecordBody& body;
  bool made_here = false;  // by this site as the bucket's home
  ContentWriter* written = nullptr;
  std::optional<Result<void>> done = {};
};

namespace {

constexpr size_t most_group_bytes = 8 * 1024 * 1024;

}  // namespace

SealedStore::SealedStore(ports::Runtime& runtime, SealedStoreConfig config)
    : runtime_(runtime),
      medium_(std::move(config.medium)),
      cache_(config.cache_bytes),
      keys_(*medium_, std::move(config.site_key)),
      journal_(*medium_),
      journal_turn_(runtime),
      led_(runtime.make_signal()),
      keys_turn_(runtime),
      locks_(runtime),
      tidied_(runtime.make_signal()),
      unclaimed_lasts_(config.unclaimed_lasts),
      ended_(runtime.make_signal()),
      hashing_(runtime, config.md5_at_once) {}

SealedStore::~SealedStore() = default;

Result<std::unique_ptr<SealedStore>> SealedStore::open(ports::Runtime& runtime, SealedStoreConfig config) {
  std::unique_ptr<SealedStore> store(new SealedStore(runtime, std::move(config)));
  TRY_DO(store->load());
  return store;
}

Result<void> SealedStore::load() {
  // First: a predecessor that still lives can acknowledge nothing from then on that is not read here.
  TRY_DO(medium_->take());
  TRY_DO(keys_.load());
  size_t unreadable = 0;
  TRY(const auto replayed, journal_.open([&](const Place& place, const RecordHead& head, std::string_view record) {
    const std::string* key = keys_.of_bucket(head.bucket);
    if (key == nullptr) return;  // erased
    const auto opened = open_record(record, *key);
    if (!opened) {
      ++unreadable;
      return;
    }
    index_.apply(place, head, opened->body);
  }));
  damaged_ = replayed.damaged + unreadable + replayed.torn_bytes != 0;
  if (replayed.damaged + unreadable != 0) {
    log_error("storage: the journal is damaged", {{"places", std::to_string(replayed.damaged + unreadable)}});
  }
  log_info("storage opened",
           {{"records", std::to_string(replayed.records)}, {"torn_bytes", std::to_string(replayed.torn_bytes)}});
  return sweep();
}

/// Content that no record refers to: of writes that were under way, and of objects that went.
Result<void> SealedStore::sweep() {
  std::set<std::string> used;
  for (const auto& [id, bucket] : index_.buckets()) {
    const auto files = index_.files_in(id);
    used.insert(files.begin(), files.end());
  }
  TRY(auto names, medium_->names(ports::Folder::content));
  std::erase_if(names, [&](const std::string& name) { return used.contains(name); });
  return medium_->remove(ports::Folder::content, names);
}

Result<const std::string*> SealedStore::key_of(const std::string& bucket) const {
  if (taken_away_) return fail(Code::unavailable, "another process has opened this storage since", "storage");
  const std::string* key = keys_.of_bucket(bucket);
  if (key == nullptr || closed_.contains(bucket))
    return fail(Code::not_found, "there is no such bucket here", "bucket");
  return key;
}

Result<void> SealedStore::add_bucket(const std::string& bucket, const TenantId& tenant) {
  const ports::Turn::Hold turn(keys_turn_);
  if (has_bucket(bucket)) return {};
  if (erased_.contains(tenant)) return fail(Code::not_found, "the tenant was erased", tenant.str());
  Result<KeyRing::Made> made = fail(Code::cancelled, "");
  runtime_.offload([&] { made = keys_.make(bucket, tenant, {}); });
  if (!made) return fail(std::move(made).error());
  keys_.adopt(std::move(*made));
  return {};
}

Result<void> SealedStore::close_bucket(const std::string& bucket) {
  TRY_DO(key_of(bucket));
  if (usage(bucket).objects != 0) return fail(Code::conflict, "the bucket is not empty", "bucket");
  if (changing_.contains(bucket)) return fail(Code::conflict, "the bucket is being written to", "bucket");
  closed_.insert(bucket);
  return {};
}

Result<void> SealedStore::drop_bucket(const std::string& bucket) {
  if (!closed_.contains(bucket)) TRY_DO(close_bucket(bucket));
  return let_go(bucket);
}

/// Of a closed bucket: its key, and with it everything.
Result<void> SealedStore::let_go(const std::string& bucket) {
  const ports::Turn::Hold turn(keys_turn_);
  Result<void> erased;
  runtime_.offload([&] { erased = keys_.erase(bucket); });
  TRY_DO(std::move(erased));
  forget(bucket);
  return {};
}

/// Its key is gone from the disk.
void SealedStore::forget(const std::string& bucket) {
  doom(index_.files_in(bucket));
  index_.forget(bucket);
  keys_.forget(bucket);
  raising_.erase(bucket);
  untold_.erase(bucket);
  closed_.erase(bucket);
  if (usage_changed_) usage_changed_(bucket);
}

/// Nothing refers to them any more.
void SealedStore::doom(const std::vector<std::string>& files) {
  for (const std::string& file : files) cache_.drop(file);
  doomed_.insert(doomed_.end(), files.begin(), files.end());
}

ports::BucketUsage SealedStore::usage(const std::string& bucket) const {
  const BucketIndex* found = index_.find(bucket);
  if (found == nullptr) return {};
  return {static_cast<int64_t>(found->objects.size()), found->bytes, static_cast<int64_t>(found->uploads.size())};
}

Result<void> SealedStore::set_setting(const std::string& bucket, const std::string& name,
                                      std::optional<std::string> text) {
  if (text && text->size() > ports::most_setting_bytes) return fail(Code::invalid, "is too long", name);
  const KeyLocks::Hold hold(locks_, bucket + setting_lock + name);
  RecordBody body;
  body.meta.key = name;
  body.text = std::move(text);
  return commit(RecordKind::setting, bucket, std::move(body), {}, nullptr);
}

std::string SealedStore::setting(const std::string& bucket, const std::string& name) const {
  const BucketIndex* in = index_.find(bucket);
  if (in == nullptr) return {};
  const auto found = in->settings.find(name);
  return found == in->settings.end() ? "" : found->second.text;
}

const IndexedObject* SealedStore::find_any(const std::string& bucket, const std::string& key,
                                           const ports::ObjectVersion& version) const {
  const BucketIndex* in = index_.find(bucket);
  return in == nullptr ? nullptr : in->objects.find(key, version);
}

const IndexedObject* SealedStore::find(const std::string& bucket, const std::string& key,
                                       const std::string& version) const {
  const BucketIndex* in = index_.find(bucket);
  if (in == nullptr) return nullptr;
  if (version.empty()) {
    const auto found = in->objects.current().find(key);
    return found == in->objects.current().end() ? nullptr : &found->second;
  }
  const auto wanted = ports::ObjectVersion::of_id(version);
  const IndexedObject* found = wanted ? in->objects.find(key, *wanted) : nullptr;
  return found == nullptr || found->version.marker ? nullptr : found;
}

std::optional<ports::ObjectVersion> SealedStore::next_version(const std::string& bucket, const std::string& key) const {
  static const ObjectVersions none;
  const BucketIndex* in = index_.find(bucket);
  const ObjectVersions& objects = in == nullptr ? none : in->objects;
  const std::string status = setting(bucket, ports::versioning_setting);
  const IndexedObject* newest = objects.newest(key);
  if (status.empty() && (newest == nullptr || newest->version == ports::ObjectVersion())) return std::nullopt;
  // What is locked is never replaced, whatever else was set at the same time.
  const bool keeps = status == ports::versioning_enabled || !setting(bucket, ports::object_lock_setting).empty();
  const uint64_t step = runtime_.rng().below(ObjectVersions::most_step);
  return ports::ObjectVersion{objects.next_order(key, runtime_.wall(), step), keeps};
}

Result<void> SealedStore::check(const std::string& bucket, const std::string& key,
                                const ports::WriteCondition& condition) const {
  const IndexedObject* present = find(bucket, key);
  if (condition.if_stored && (present == nullptr || present->modified != *condition.if_stored)) {
    return fail(Code::conflict, "the object is another one by now", "modified");
  }
  if (condition.if_absent && present != nullptr) return fail(Code::conflict, "the object exists", "If-None-Match");
  if (!condition.if_etag) return {};
  if (present == nullptr) return fail(Code::not_found, "there is no such object", "If-Match");
  if (present->etag != *condition.if_etag) return fail(Code::conflict, "the object has another ETag", "If-Match");
  return {};
}

/// The record is on the disk, here and wherever else it must be, and the index says the same, when this returns without
/// an error. After one of another site the change is there all the same, and nobody was told so.
Result<void> SealedStore::commit(RecordKind kind, const std::string& bucket, RecordBody body, std::string_view content,
                                 ContentWriter* written) {
  TRY_DO(may_change(bucket));
  TRY(const std::string* key, key_of(bucket));
  const Counted counted(changing_, bucket, *ended_);
  body.inlined = static_cast<int64_t>(content.size());
  const auto now = static_cast<uint64_t>(std::max<int64_t>(1, epoch(bucket)));
  std::string record = encode_record(kind, now, bucket, *key, body, content);
  TRY_DO(append({0, now, kind, bucket}, body, record, Made::here_as_home, written));
  // Asked now: who begins to follow meanwhile, and has not seen this change here, is among those that it goes to.
  if (sink_ == nullptr || !sink_->wants(bucket)) return {};
  ports::CopiedChange change{bucket, std::move(record), {}};
  for (const Extent& extent : body.extents) change.files.push_back({extent.file, sealed_size(extent.size)});
  return sink_->copy(change);
}

Result<void> SealedStore::may_change(const std::string& bucket) const {
  if (sink_ == nullptr || sink_->may_change(bucket)) return {};
  return fail(Code::unavailable, "this site is not the bucket's home any more; nothing was changed");
}

Result<void> SealedStore::append(const RecordHead& head, const RecordBody& body, std::string_view record, Made made,
                                 ContentWriter* written) {
  if (record.size() > most_record_bytes) return fail(Code::invalid, "the object's description is too long");
  Change change{record, head, body, made == Made::here_as_home, written};
  queue_.push_back(&change);
  // Who finds nobody writing writes for all that wait; these go on as soon as that is done, and not in turns.
  while (!change.done) {
    if (leading_) {
      led_->wait_until(Time::max());
      continue;
    }
    const Leading leading(*this);
    const ports::Turn::Hold turn(journal_turn_);
    lead();
  }
  return std::move(*change.done);
}

/// Writes what waits, as one group. What this site makes as a home is asked about once more: orders may have come while
/// it waited, and nothing of an epoch that has ended stands behind the fence of the next one.
void SealedStore::lead() {
  std::vector<Change*> group;
  std::vector<std::string_view> records;
  bool has_files = false;
  for (size_t bytes = 0; !queue_.empty() && bytes < most_group_bytes; queue_.pop_front()) {
    Change* change = queue_.front();
    if (change->made_here) {
      auto permitted = may_change(change->head.bucket);
      if (!permitted) {
        change->done = std::move(permitted);
        continue;
      }
    }
    bytes += change->record.size();
    has_files = has_files || !change->body.extents.empty();
    records.push_back(change->record);
    group.push_back(change);
  }
  if (group.empty()) return;
  Result<std::vector<Place>> places = fail(Code::cancelled, "");
  std::vector<Journal::Standing> standing;
  runtime_.offload([&] {
    auto settled = journal_.settle();
    if (!settled) {
      places = fail(std::move(settled).error());
      return;
    }
    standing = std::move(*settled);
    // They were decided on without knowing of those that stand.
    if (!standing.empty()) {
      places = fail(Code::unavailable, "what became of an earlier change was not known until now; try again");
      return;
    }
    // The names of new content first: a record never refers to a file that a power cut can take away.
    if (has_files) {
      auto synced = medium_->sync_names(ports::Folder::content);
      if (!synced) {
        places = fail(std::move(synced).error());
        return;
      }
    }
    places = journal_.append(records);
  });
  if (!standing.empty()) {
    take_standing(standing);
    group.insert(group.end(), queue_.begin(), queue_.end());
    queue_.clear();
  }
  for (size_t i = 0; i < group.size(); ++i) {
    const bool may_stand = places || journal_.is_unsure();
    if (may_stand && group[i]->written != nullptr) group[i]->written->keep();
    finish(*group[i], places, i);
  }
}

/// Changes that were answered with an error, and are there. Whoever has copies of their buckets compares them.
void SealedStore::take_standing(const std::vector<Journal::Standing>& standing) {
  for (const auto& [place, record] : standing) {
    const auto head = read_record_head(record);
    const std::string* key = head ? keys_.of_bucket(head->bucket) : nullptr;
    const auto opened = key == nullptr ? Result<OpenedRecord>(fail(Code::invalid, "")) : open_record(record, *key);
    if (!opened) continue;
    doom(index_.apply(place, *head, opened->body));
    untold_.insert(head->bucket);
    if (usage_changed_) usage_changed_(head->bucket);
  }
  log_info("storage: changes stand that were answered with an error", {{"records", std::to_string(standing.size())}});
}

void SealedStore::finish(Change& change, const Result<std::vector<Place>>& places, size_t which) {
  if (!places) {
    change.done = Result<void>(fail(places.error()));
    return;
  }
  doom(index_.apply((*places)[which], change.head, change.body));
  if (usage_changed_) usage_changed_(change.head.bucket);
  change.done = Result<void>();
}

Result<OpenedRecord> SealedStore::read_record(const std::string& bucket, const Place& place,
                                              const std::function<void(const OpenedRecord&)>& and_then) {
  TRY(const std::string* bucket_key, key_of(bucket));
  const std::string key = *bucket_key;
  Result<OpenedRecord> opened = fail(Code::cancelled, "");
  // A copy of the place: the index may change meanwhile.
  runtime_.offload([&opened, &key, &and_then, at = place] {
    auto record = Journal::read(at);
    opened = record ? open_record(*record, key) : fail(std::move(record).error());
    if (opened) and_then(*opened);
  });
  if (!opened && opened.error().code == Code::invalid) {
    return fail(Code::unavailable, "is damaged: " + opened.error().what, "journal");
  }
  return opened;
}

/// Whoever has it now changes it: what this process would answer is old.
Result<void> SealedStore::check_taken() {
  if (taken_away_) return fail(Code::unavailable, "another process has opened this storage since", "storage");
  Result<void> checked;
  runtime_.offload([&] { checked = medium_->check_taken(); });
  if (checked || checked.error().code != Code::conflict) return {};
  taken_away_ = true;
  log_error("storage: another process has it; nothing more is answered here", {});
  return fail(std::move(checked).error());
}

Result<void> SealedStore::tidy() {
  TRY_DO(check_taken());
  doom_unclaimed();
  std::vector<std::string> files = std::exchange(doomed_, {});
  tidying_ = true;
  // One that stays goes when the store is opened again. Also without any: the medium may still have some that were
  // removed while they were read.
  runtime_.offload([&] { static_cast<void>(medium_->remove(ports::Folder::content, files)); });
  tidying_ = false;
  tidied_->notify();
  pack();
  return compact();
}

}  // namespace barrio::adapters
