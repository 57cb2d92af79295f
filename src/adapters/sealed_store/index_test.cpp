#include <doctest/doctest.h>
// doctest first: rapidcheck and base/check.h leave its macros alone.
#include <rapidcheck.h>

#include <algorithm>

#include "adapters/sealed_store/index.h"

// Whatever is done to a bucket's versions, and however often its journal is compacted in between: what is read from the
// journal is what a list in which nothing is ever moved has.

namespace barrio::adapters::sealed_store::index_test {

namespace {

const std::string bucket(32, 'a');

enum class Step { put, put_null, mark, mark_null, remove_newest, remove_oldest, remove_null, describe, compact, crash };
constexpr int all_steps = 10;

struct Version {
  ports::ObjectVersion version;
  int64_t size = 0;
  bool operator==(const Version&) const = default;
};
/// By key, in the order in which they were made.
using Model = std::map<std::string, std::vector<Version>>;

/// A journal without a disk: compaction writes again what its oldest records still say.
class FakeJournal {
 public:
  void append(RecordKind kind, const RecordBody& body) {
    records_.push_back({place(), kind, body});
    apply(index_, records_.back());
  }
  /// `interrupted`: what was written again is still there a first time, too.
  void compact(size_t count, bool interrupted) {
    count = std::min(count, records_.size());
    const std::vector<Record> oldest(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(count));
    for (const Record& record : oldest) {
      if (!index_.is_live(record.place, record.kind, bucket, record.body)) continue;
      records_.push_back({place(), record.kind, record.body});
      index_.moved(records_.back().place, record.kind, bucket, record.body);
    }
    if (!interrupted) records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  Index reopened() const {
    Index index;
    for (const Record& record : records_) apply(index, record);
    return index;
  }
  const Index& index() const { return index_; }
  const ObjectVersions& objects() const {
    static const ObjectVersions none;
    return index_.find(bucket) == nullptr ? none : index_.find(bucket)->objects;
  }

 private:
  struct Record {
    Place place;
    RecordKind kind;
    RecordBody body;
  };
  Place place() { return {nullptr, 1, ++places_, 10, 0}; }
  static void apply(Index& index, const Record& record) {
    index.apply(record.place, {0, 1, record.kind, bucket}, record.body);
  }

  std::vector<Record> records_;
  Index index_;
  uint64_t places_ = 0;
};

RecordBody body_of(const std::string& key, const ports::ObjectVersion& version, int64_t size) {
  RecordBody body;
  body.meta.key = key;
  body.meta.size = size;
  body.meta.version = version;
  return body;
}

struct World {
  void put(const std::string& key, ports::ObjectVersion version) {
    version.order = journal.objects().next_order(key, WallTime(std::chrono::milliseconds(clock)), 0);
    const int64_t size = version.marker ? 0 : ++sizes;
    journal.append(RecordKind::put, body_of(key, version, size));
    auto& versions = model[key];
    if (!version.numbered) std::erase_if(versions, [](const Version& one) { return !one.version.numbered; });
    versions.push_back({version, size});
  }
  void remove(const std::string& key, size_t which) {
    auto& versions = model[key];
    if (which >= versions.size()) return;
    journal.append(RecordKind::remove, body_of(key, versions[which].version, 0));
    versions.erase(versions.begin() + static_cast<std::ptrdiff_t>(which));
  }
  void describe(const std::string& key) {
    if (model[key].empty()) return;
    const Version& one = model[key][model[key].size() / 2];
    journal.append(RecordKind::put, body_of(key, one.version, one.size));
  }
  size_t null_of(const std::string& key) {
    const auto& versions = model[key];
    return static_cast<size_t>(
        std::ranges::find_if(versions, [](const Version& one) { return !one.version.numbered; }) - versions.begin());
  }
  void step(Step step, const std::string& key) {
    switch (step) {
      case Step::put: return put(key, {0, true, false});
      case Step::put_null: return put(key, {0, false, false});
      case Step::mark: return put(key, {0, true, true});
      case Step::mark_null: return put(key, {0, false, true});
      case Step::remove_newest: return remove(key, model[key].size() - 1);
      case Step::remove_oldest: return remove(key, 0);
      case Step::remove_null: return remove(key, null_of(key));
      case Step::describe: return describe(key);
      case Step::compact: return journal.compact(static_cast<size_t>(clock % 7), false);
      case Step::crash: return journal.compact(static_cast<size_t>(clock % 7), true);
    }
  }
  int64_t clock = 1;
  int64_t sizes = 0;
  FakeJournal journal;
  Model model;
};

std::vector<std::pair<std::string, Version>> told(const ObjectVersions& objects) {
  std::vector<std::pair<std::string, Version>> all;
  for (auto at = objects.first_behind("", ObjectVersions::behind_all_of); at.key != nullptr;
       at = objects.first_behind(*at.key, at.object->version.order)) {
    all.push_back({*at.key, {at.object->version, at.object->size}});
  }
  return all;
}

std::vector<std::pair<std::string, Version>> named(const ObjectVersions& objects) {
  std::vector<std::pair<std::string, Version>> all;
  for (auto at = objects.first_named_behind("", std::nullopt); at.key != nullptr;
       at = objects.first_named_behind(*at.key, at.object->version)) {
    all.push_back({*at.key, {at.object->version, at.object->size}});
  }
  return all;
}

void check(const Index& index, const Model& model) {
  static const ObjectVersions none;
  const BucketIndex* in = index.find(bucket);
  const ObjectVersions& objects = in == nullptr ? none : in->objects;
  std::vector<std::pair<std::string, Version>> all;
  int64_t bytes = 0;
  for (const auto& [key, versions] : model) {
    for (auto at = versions.rbegin(); at != versions.rend(); ++at) {
      all.push_back({key, *at});
      bytes += at->size;
      const IndexedObject* found = objects.find(key, at->version);
      RC_ASSERT(found != nullptr);
      RC_ASSERT(found->size == at->size);
    }
    const bool has_current = !versions.empty() && !versions.back().version.marker;
    RC_ASSERT(objects.current().contains(key) == has_current);
    if (has_current) RC_ASSERT(objects.current().at(key).size == versions.back().size);
    RC_ASSERT((objects.newest(key) == nullptr) == versions.empty());
  }
  RC_ASSERT(told(objects) == all);
  RC_ASSERT(objects.size() == all.size());
  RC_ASSERT(index.live_bytes() == static_cast<int64_t>(10 * all.size()));
  RC_ASSERT((in == nullptr ? 0 : in->bytes) == bytes);
  // Names: the null version first, the others from new to old; every text is behind the one before.
  const auto names = named(objects);
  RC_ASSERT(names.size() == all.size());
  const auto name = [](const auto& one) {
    return one.first + (one.second.version.numbered ? std::string(1, '\0') + one.second.version.id() : "");
  };
  for (size_t i = 1; i < names.size(); ++i) RC_ASSERT(name(names[i - 1]) < name(names[i]));
}

}  // namespace

TEST_CASE("versions are what a plain list says after any steps, compactions and crashes within them") {
  const bool ok = rc::check([] {
    World world;
    const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
        rc::gen::pair(rc::gen::inRange(0, all_steps), rc::gen::inRange(0, 3)));
    for (const auto& [step, which] : steps) {
      // Clocks are set back, too.
      world.clock = *rc::gen::inRange<int64_t>(1, 30);
      world.step(static_cast<Step>(step), std::string(static_cast<size_t>(which) + 1, 'k'));
      check(world.journal.index(), world.model);
    }
    check(world.journal.reopened(), world.model);
  });
  CHECK(ok);
}

TEST_CASE("records of a bucket that never kept versions make the index that they always made") {
  FakeJournal journal;
  RecordBody body;
  body.meta.key = "a";
  body.meta.size = 3;
  journal.append(RecordKind::put, body);
  body.meta.size = 5;
  journal.append(RecordKind::put, body);
  CHECK(journal.objects().size() == 1);
  CHECK(journal.objects().current().at("a").size == 5);
  // The version that was there before versions were kept becomes an older one.
  journal.append(RecordKind::put, body_of("a", {7, true, false}, 9));
  CHECK(journal.objects().current().at("a").size == 9);
  REQUIRE(journal.objects().find("a", *ports::ObjectVersion::of_id("null")) != nullptr);
  CHECK(journal.objects().find("a", *ports::ObjectVersion::of_id("null"))->size == 5);
  body.meta.version.reset();
  journal.append(RecordKind::remove, body);
  CHECK(journal.objects().size() == 1);
  CHECK(journal.index().find(bucket)->bytes == 9);
}

TEST_CASE("a record of an upload that is written again keeps its own files, and counts once") {
  Index index;
  const auto apply = [&](RecordKind kind, uint64_t offset, const char* file) {
    RecordBody body;
    body.upload = "u";
    body.part = 1;
    body.meta.size = 3;
    if (kind == RecordKind::part) body.extents = {{file, "", 3}};
    return index.apply({nullptr, 1, offset, 100, 0}, {0, 0, kind, bucket}, body);
  };
  for (const uint64_t offset : {0, 1000}) {
    CHECK(apply(RecordKind::upload, offset, "").empty());
    CHECK(apply(RecordKind::part, offset + 100, "first").empty());
    CHECK(index.live_bytes() == 200);
  }
  CHECK(apply(RecordKind::part, 2000, "second") == std::vector<std::string>{"first"});
  CHECK(index.live_bytes() == 200);
  CHECK(index.files_in(bucket) == std::vector<std::string>{"second"});
}

TEST_CASE("a version's id leads to it, and nothing else does") {
  for (const int64_t order : {int64_t{1}, int64_t{1'800'000'000'000'000'000}, INT64_MAX}) {
    const ports::ObjectVersion version{order, true};
    CHECK(ports::ObjectVersion::of_id(version.id()) == version);
  }
  CHECK(ports::ObjectVersion{2, true}.id() < ports::ObjectVersion{1, true}.id());
  CHECK(ports::ObjectVersion::of_id("null") == ports::ObjectVersion());
  for (const char* wrong :
       {"", "nul", "7fffffffffffffff0", "7FFFFFFFFFFFFFFF", "ffffffffffffffff", "0x12345678901234"}) {
    CHECK(!ports::ObjectVersion::of_id(wrong));
  }
}

}  // namespace barrio::adapters::sealed_store::index_test
