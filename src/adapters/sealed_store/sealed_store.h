#pragma once
// ports::ObjectStore of sealed bytes on a Medium:
//
//   keys          sealed keys (key_ring.h)
//   journal       everything that is acknowledged (journal.h); small objects stand in it
//   content       of larger objects and of parts (content.h); what no record refers to goes when it is opened
//
// Concurrent changes share their syncs: who comes while the journal is being written waits, and all that wait are
// written together. Everything lives on one loop, in fibers; only blocking calls leave it, and they touch nothing of
// it.

#include <deque>
#include <set>

#include "adapters/sealed_store/content.h"
#include "adapters/sealed_store/index.h"
#include "adapters/sealed_store/key_locks.h"
#include "adapters/sealed_store/key_ring.h"
#include "ports/object_copies.h"
#include "ports/turn.h"

namespace barrio::adapters {

namespace sealed_store {
struct Change;
struct Moving;
}  // namespace sealed_store

struct SealedStoreConfig {
  std::unique_ptr<ports::Medium> medium;
  std::string site_key;                              // 32 bytes, from elsewhere than the medium
  size_t cache_bytes = 0;                            // of opened content, in memory
  size_t md5_at_once = 0;                            // on other threads (Md5Queue)
  Duration unclaimed_lasts = std::chrono::hours(1);  // content from a home whose record has not come
};

class SealedStore final : public ports::ObjectStore, public ports::ObjectCopies {
 public:
  /// Blocks: call it before the loop runs. Errors: conflict (another process has it open), denied (another site key),
  /// unavailable.
  static Result<std::unique_ptr<SealedStore>> open(ports::Runtime& runtime, SealedStoreConfig config);
  ~SealedStore() override;

  Result<void> add_bucket(const std::string& bucket, const TenantId& tenant) override;
  bool has_bucket(const std::string& bucket) const override { return keys_.of_bucket(bucket) != nullptr; }
  Result<void> close_bucket(const std::string& bucket) override;
  void reopen_bucket(const std::string& bucket) override { closed_.erase(bucket); }
  Result<void> drop_bucket(const std::string& bucket) override;
  Result<void> erase_tenant(const TenantId& tenant) override;
  ports::BucketUsage usage(const std::string& bucket) const override;
  void watch_usage(std::function<void(const std::string& bucket)> changed) override {
    usage_changed_ = std::move(changed);
  }
  Result<void> set_setting(const std::string& bucket, const std::string& name,
                           std::optional<std::string> text) override;
  std::string setting(const std::string& bucket, const std::string& name) const override;
  Result<std::unique_ptr<ports::ObjectWriter>> writer(const std::string& bucket) override;
  Result<std::optional<ports::ObjectVersion>> put(const std::string& bucket, ports::ObjectMeta meta,
                                                  std::unique_ptr<ports::ObjectWriter> content,
                                                  const ports::WriteCondition& condition) override;
  Result<ports::ObjectMeta> describe(const std::string& bucket, const std::string& key, const std::string& version,
                                     const std::function<Result<void>(ports::ObjectMeta&)>& change) override;
  Result<std::unique_ptr<ports::ObjectReader>> open(const std::string& bucket, const std::string& key,
                                                    const std::string& version) override;
  std::optional<ports::ListedVersion> find_version(const std::string& bucket, const std::string& key,
                                                   const std::string& version) const override;
  Result<ports::Removed> remove(const std::string& bucket, const std::string& key,
                                const ports::WriteCondition& condition) override;
  Result<ports::Removed> remove_version(const std::string& bucket, const std::string& key, const std::string& version,
                                        const std::function<Result<void>(const ports::ObjectMeta&)>& permit) override;
  Result<ports::ObjectListing> list(const std::string& bucket, const ports::ObjectQuery& query) const override;
  Result<ports::VersionListing> list_versions(const std::string& bucket,
                                              const ports::VersionQuery& query) const override;
  Result<std::string> begin_upload(const std::string& bucket, ports::ObjectMeta meta) override;
  Result<void> put_part(const std::string& bucket, const std::string& upload, ports::UploadPart part,
                        std::unique_ptr<ports::ObjectWriter> content) override;
  Result<ports::Upload> upload(const std::string& bucket, const std::string& upload) override;
  Result<std::vector<ports::UploadPart>> parts(const std::string& bucket, const std::string& upload) override;
  std::vector<ports::Upload> uploads(const std::string& bucket) override;
  Result<std::optional<ports::ObjectVersion>> complete_upload(const std::string& bucket, const std::string& upload,
                                                              const std::vector<ports::UploadPart>& parts,
                                                              ports::ObjectMeta meta,
                                                              const ports::WriteCondition& condition) override;
  Result<ports::ObjectMeta> completed_upload(const std::string& bucket, const std::string& upload,
                                             const std::string& key, const std::string& etag) override;
  Result<void> abort_upload(const std::string& bucket, const std::string& upload) override;
  Result<void> tidy() override;

  /// Of the memory for what was read last.
  sealed_store::ContentCache::Figures cache_figures() const { return cache_.figures(); }

  // sealed_store_copies.cpp
  void set_sink(ports::CopySink* sink) override { sink_ = sink; }
  int64_t epoch(const std::string& bucket) const override;
  Result<void> raise_epoch(const std::string& bucket, int64_t epoch) override;
  bool is_incomplete(const std::string& bucket) const override {
    return (damaged_ && !completed_.contains(bucket)) || untold_.contains(bucket);
  }
  void set_complete(const std::string& bucket) override {
    completed_.insert(bucket);
    untold_.erase(bucket);
  }
  std::vector<std::string> buckets() const override;
  Result<std::string> give_key(const std::string& bucket) const override;
  Result<void> take_key(const std::string& bucket, const TenantId& tenant, const std::string& key) override;
  Result<void> forget_bucket(const std::string& bucket) override;
  Result<ports::AcceptedCopy> accept(const std::string& bucket, int64_t epoch, std::string record) override;
  Result<void> take_content(const std::string& bucket, const std::string& file, int64_t offset, std::string_view bytes,
                            bool last) override;
  Result<std::string> read_content(const std::string& file, int64_t offset) override;
  std::vector<ports::CopyEntry> entries(const std::string& bucket, const std::string& after,
                                        size_t limit) const override;
  Result<void> resend(const std::string& bucket, const std::string& name,
                      const std::function<Result<void>(const ports::CopiedChange&)>& send) override;

  // sealed_store_repair.cpp
  Result<std::string> give_content(const std::string& bucket, const std::string& name, const std::string& file,
                                   int64_t offset) override;
  Result<std::string> give_record(const std::string& bucket, const std::string& name) override;
  Result<std::optional<ports::Scrubbed>> scrub_after(const ports::Scrubbed& last) override;
  Result<void> repair(const std::string& bucket, const std::string& name, ports::CopySource& source) override;

 private:
  SealedStore(ports::Runtime& runtime, SealedStoreConfig config);
  Result<void> load();
  Result<void> sweep();

  Result<void> let_go(const std::string& bucket);
  void forget(const std::string& bucket);
  void doom(const std::vector<std::string>& files);
  Result<std::unique_ptr<ports::ObjectReader>> open_with(const std::string& bucket, const std::string& key,
                                                         const std::string& version, sealed_store::ContentCache* cache);
  Result<const std::string*> key_of(const std::string& bucket) const;
  Result<void> check(const std::string& bucket, const std::string& key, const ports::WriteCondition& condition) const;
  /// `version`: its id; empty: the current object. Null: there is none, or it is a delete marker.
  const sealed_store::IndexedObject* find(const std::string& bucket, const std::string& key,
                                          const std::string& version = {}) const;
  const sealed_store::IndexedObject* find_any(const std::string& bucket, const std::string& key,
                                              const ports::ObjectVersion& version) const;
  /// Of a change that is made now, under the key's lock; none: the bucket never kept versions.
  std::optional<ports::ObjectVersion> next_version(const std::string& bucket, const std::string& key) const;
  const sealed_store::IndexedUpload* find_upload(const std::string& bucket, const std::string& upload) const;
  /// `and_then`: what else blocks, called with what was read.
  Result<sealed_store::OpenedRecord> read_record(
      const std::string& bucket, const sealed_store::Place& place,
      const std::function<void(const sealed_store::OpenedRecord&)>& and_then = [](const auto&) {});
  Result<void> commit(sealed_store::RecordKind kind, const std::string& bucket, sealed_store::RecordBody body,
                      std::string_view content = {}, sealed_store::ContentWriter* written = nullptr);
  enum class Made { here_as_home, otherwise };
  /// `written`: what the record refers to; kept once the record is there, or may be.
  Result<void> append(const sealed_store::RecordHead& head, const sealed_store::RecordBody& body,
                      std::string_view record, Made made = Made::otherwise,
                      sealed_store::ContentWriter* written = nullptr);
  Result<void> may_change(const std::string& bucket) const;
  Result<std::string> read_raw(const sealed_store::Place& place);
  Result<ports::CopiedChange> change_at(const std::string& bucket, const sealed_store::Place& place);
  Result<ports::CopiedChange> made_change(sealed_store::RecordKind kind, const std::string& bucket,
                                          sealed_store::RecordBody body);
  bool has_already(const sealed_store::RecordHead& head, const sealed_store::RecordBody& body, uint64_t stamp) const;
  Result<std::vector<ports::ContentFile>> missing_of(const sealed_store::RecordBody& body);
  void rescue(const std::string& bucket, const std::vector<std::string>& files);
  void doom_unclaimed();
  Result<void> resend_object(const std::string& bucket, const std::string& key, const ports::ObjectVersion& version,
                             const std::function<Result<void>(const ports::CopiedChange&)>& send);
  Result<void> resend_setting(const std::string& bucket, const std::string& name,
                              const std::function<Result<void>(const ports::CopiedChange&)>& send);
  Result<void> resend_upload(const std::string& bucket, const std::string& upload,
                             const std::function<Result<void>(const ports::CopiedChange&)>& send);
  /// A record that still says something.
  struct Named {
    std::string name;
    sealed_store::RecordKind kind = sealed_store::RecordKind::put;
    sealed_store::Place place;
    std::vector<std::string> files;
  };
  std::optional<Named> find_named(const std::string& bucket, const std::string& name) const;
  static std::optional<Named> named_behind(const sealed_store::BucketIndex& in, const std::string& after);
  static std::optional<Named> part_behind_name(const sealed_store::BucketIndex& in, const std::string& after);
  /// Every byte of the record and of its content. Returns how many the content has. Errors: unavailable (also:
  /// damaged).
  Result<int64_t> read_whole(const std::string& bucket, const sealed_store::Place& place);
  Result<void> fetch_content(const std::string& bucket, const sealed_store::Extent& extent, ports::CopySource& source);
  Result<void> fetch_to(const std::string& partial, const std::string& bucket, const sealed_store::Extent& extent,
                        ports::CopySource& source);
  class Leading;
  void lead();
  void finish(sealed_store::Change& change, const Result<std::vector<sealed_store::Place>>& places, size_t which);
  void take_standing(const std::vector<sealed_store::Journal::Standing>& standing);
  Result<void> check_taken();
  // sealed_store_compaction.cpp
  void pack();
  Result<void> compact();
  /// Returns whether each that may say something could be opened.
  Result<bool> move_live(std::vector<sealed_store::Moving> records);
  Result<void> move_damaged(uint32_t segment);
  Result<void> renew_fences(uint32_t segment);
  Result<void> write_fence(const std::string& bucket, const std::string& key, uint64_t epoch);

  ports::Runtime& runtime_;
  const std::unique_ptr<ports::Medium> medium_;
  sealed_store::ContentCache cache_;  // of files that something refers to
  sealed_store::KeyRing keys_;
  sealed_store::Journal journal_;
  sealed_store::Index index_;
  ports::Turn journal_turn_;  // whoever calls the journal
  std::unique_ptr<ports::Signal> led_;
  bool leading_ = false;
  uint64_t led_groups_ = 0;
  ports::Turn keys_turn_;
  sealed_store::KeyLocks locks_;
  std::deque<sealed_store::Change*> queue_;
  std::set<TenantId> erased_;            // who gets no bucket any more
  std::set<std::string> closed_;         // buckets
  std::map<std::string, int> changing_;  // changes under way, by bucket
  std::vector<std::string> doomed_;      // files that nothing refers to, or will
  bool tidying_ = false;                 // some of them are being removed
  std::unique_ptr<ports::Signal> tidied_;
  struct Unclaimed {
    std::string bucket;
    Time since;
  };
  const Duration unclaimed_lasts_;
  std::map<std::string, Unclaimed> unclaimed_;  // files that came from a home and that no record refers to yet
  std::unique_ptr<ports::Signal> ended_;        // a change
  std::map<std::pair<std::string, int64_t>, int> accepting_;  // of homes, by bucket and epoch
  std::map<std::string, int64_t> raising_;                    // epochs, before they are in the journal
  ports::CopySink* sink_ = nullptr;
  std::function<void(const std::string& bucket)> usage_changed_;
  bool taken_away_ = false;          // another process has the medium
  bool damaged_ = false;             // the journal was when it was opened, or its end was torn
  std::set<std::string> completed_;  // buckets that were compared with another site's since
  std::set<std::string> untold_;     // buckets in which a change stands that nobody was told of
  sealed_store::Md5Queue hashing_;
};

}  // namespace barrio::adapters
