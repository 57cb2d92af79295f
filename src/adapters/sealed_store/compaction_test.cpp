#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include <fstream>
#include <map>
#include <set>

#include "adapters/local_files/folder_test.h"
#include "adapters/local_files/local_medium.h"
#include "adapters/sealed_store/sealed_store.h"
#include "adapters/sealed_store/step_runtime_test.h"
#include "ports/object_store_contract.h"

// The oldest segment of a journal, most of which says nothing any more, is written again as far as it does, and goes.

namespace barrio::adapters::compaction_test {

using local_files::TestFolder;
using ports::contract_bucket;
using ports::get_text;
using ports::put_text;
using ports::sample_text;
using sealed_store::Journal;
using sealed_store::StepRuntime;

namespace {

/// Counts, and fails as it is told: at the write that is so many away. Nothing waits for the device.
class CountingDisk final : public local_files::Disk {
 public:
  Result<void> write_at(const local_files::OpenFile& file, std::string_view bytes, uint64_t offset) override {
    if (left-- == 0) return fail(Code::unavailable, "Input/output error");
    most = std::max(most, bytes.size());
    return Disk::write_at(file, bytes, offset);
  }
  Result<void> sync(const local_files::OpenFile&) override {
    ++syncs;
    return {};
  }
  int left = -1;
  int syncs = 0;
  size_t most = 0;  // bytes at once
};

/// A store of many small objects, whose oldest segment is worth to be compacted.
struct World {
  World() {
    auto opened =
        SealedStore::open(runtime, {std::make_unique<LocalMedium>(folder.path(), &disk), std::string(32, 's')});
    REQUIRE(opened);
    store = std::move(*opened);
    run("filling", [&] {
      CHECK(store->add_bucket(contract_bucket, TenantId::of("acme")));
      CHECK(store->raise_epoch(contract_bucket, 1));  // the first record
      for (int i = 0; i < objects; ++i) put("kept" + std::to_string(i), sample_text(5000, static_cast<uint64_t>(i)));
      const std::string large = sample_text(120'000);
      for (uint64_t bytes = 0; bytes < 2 * Journal::segment_bytes; bytes += large.size()) put("same", large);
    });
    disk.most = 0;
    disk.syncs = 0;
  }

  void put(const std::string& key, const std::string& text) {
    CHECK(put_text(*store, key, text));
    expected[key] = text;
  }
  /// To its end.
  void run(const std::string& name, const std::function<void()>& body) {
    runtime.spawn(name, body);
    runtime.run_fibers();
    while (!runtime.jobs.empty()) runtime.end_job();
  }
  void check() {
    run("reading", [&] {
      for (const auto& [key, text] : expected) CHECK_MESSAGE(get_text(*store, key).value_or("") == text, key);
    });
  }
  void open_again() {
    store.reset();
    auto opened =
        SealedStore::open(runtime, {std::make_unique<LocalMedium>(folder.path(), &disk), std::string(32, 's')});
    REQUIRE(opened);
    store = std::move(*opened);
  }

  static constexpr int objects = 1000;  // 5 MB
  const TestFolder folder;
  StepRuntime runtime;
  CountingDisk disk;
  std::unique_ptr<SealedStore> store;
  std::map<std::string, std::string> expected;
};

}  // namespace

TEST_CASE("what is written again shares its writes, and who puts meanwhile waits for one of them") {
  World world;
  const size_t segments = world.folder.files("journal").size();
  Result<void> tidied = fail(Code::cancelled, "");
  world.runtime.spawn("tidy", [&] { tidied = world.store->tidy(); });
  world.runtime.run_fibers();
  while (world.disk.syncs == 0 && !world.runtime.jobs.empty()) world.runtime.end_job();
  REQUIRE(!tidied);
  // Each comes in the middle of the compaction, and is acknowledged in it.
  int acknowledged = 0;
  for (const char* key : {"one", "two"}) {
    bool done = false;
    world.runtime.spawn("put", [&] {
      world.put(key, key);
      done = true;
    });
    world.runtime.run_fibers();
    while (!done && !world.runtime.jobs.empty()) world.runtime.end_job();
    if (!tidied) ++acknowledged;
  }
  CHECK(acknowledged == 2);
  while (!world.runtime.jobs.empty()) world.runtime.end_job();
  REQUIRE(tidied);
  CHECK(world.folder.files("journal").size() == segments - 1);
  CHECK(world.disk.syncs < 20);
  CHECK(world.disk.most < 2 * 1024 * 1024);
  world.check();
  world.open_again();
  world.check();
}

TEST_CASE("what is replaced or removed while its segment is written again stays so, also when it is opened again") {
  World world;
  Result<void> tidied = fail(Code::cancelled, "");
  world.runtime.spawn("tidy", [&] { tidied = world.store->tidy(); });
  world.runtime.run_fibers();
  int next = 0;
  while (!tidied && !world.runtime.jobs.empty()) {
    // From both ends: of what was looked at already, and of what is still to come.
    if (world.runtime.jobs.size() < 3) {
      const int i = next % 2 == 0 ? next / 2 : World::objects - 1 - next / 2;
      world.runtime.spawn("change", [&world, i] {
        const std::string key = "kept" + std::to_string(i);
        if (i % 3 == 0) {
          CHECK(world.store->remove(contract_bucket, key, {}));
          world.expected[key] = "";
        } else {
          world.put(key, "another");
        }
      });
      ++next;
      world.runtime.run_fibers();
    }
    world.runtime.end_job();
  }
  while (!world.runtime.jobs.empty()) world.runtime.end_job();
  REQUIRE(tidied);
  CHECK(next > 10);
  world.check();
  world.open_again();
  world.check();
}

TEST_CASE(
    "what has rotted in the segment that goes is damaged afterwards, also when it is opened again, and not gone") {
  World world;
  const auto before = world.store->entries(contract_bucket, "", 10'000);
  {
    std::fstream file(world.folder.files("journal").front(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(10).put('x');                         // in the fence
    file.seekp(100'000).put('x');                    // in a record
    file.seekp(400'000) << std::string(6'000, 'x');  // all of another, and parts of its neighbours
    REQUIRE(file.good());
  }
  const auto damaged = [&] {
    std::set<std::string> names;
    world.run("scrub", [&] {
      for (ports::Scrubbed at{};;) {
        const auto next = world.store->scrub_after(at);
        REQUIRE(next);
        if (!*next) return;
        at = **next;
        if (at.damage) names.insert(at.name);
      }
    });
    return names;
  };
  const auto rotten = damaged();
  REQUIRE(rotten.size() >= 3);
  const size_t segments = world.folder.files("journal").size();
  world.run("tidy", [&] { REQUIRE(world.store->tidy()); });
  CHECK(world.folder.files("journal").size() == segments - 1);
  CHECK(damaged() == rotten);
  const auto after = world.store->entries(contract_bucket, "", 10'000);
  REQUIRE(after.size() == before.size());
  for (size_t i = 0; i < after.size(); ++i) CHECK(after[i].stamp == before[i].stamp);
  for (const std::string& name : rotten) world.expected.erase(name.substr(2));
  world.check();
  CHECK_FALSE(world.store->is_incomplete(contract_bucket));
  world.open_again();
  CHECK(world.store->is_incomplete(contract_bucket));
  CHECK(world.store->epoch(contract_bucket) == 1);
  world.check();
}

TEST_CASE("whichever write of a compaction fails: all is there, and the next one goes on") {
  World world;
  int failed = 0;
  Result<void> tidied = fail(Code::cancelled, "");
  while (!tidied && failed < 50) {
    world.disk.left = failed++;
    world.run("tidy", [&] { tidied = world.store->tidy(); });
    world.disk.left = -1;
    world.check();
  }
  CHECK(failed > 2);
  REQUIRE(tidied);
  world.open_again();
  world.check();
}

}  // namespace barrio::adapters::compaction_test
