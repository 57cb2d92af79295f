#include "adapters/tile_log/tile_store.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <unistd.h>

#include <filesystem>

#include "adapters/tile_log/memory_disk_test.h"
#include "base/rng.h"
#include "decide/proof/check_log.h"
#include "decide/proof/leaf.h"

namespace barrio::adapters::tile_store_test {

using tile_log_test::Fault;
using tile_log_test::MemoryDisk;

namespace {

TileStore::MakeLeaves these(std::vector<std::string> leaves) {
  return [leaves = std::move(leaves)](const std::string&) { return leaves; };
}

std::vector<std::string> numbered(size_t from, size_t count) {
  std::vector<std::string> leaves;
  for (size_t i = from; i < from + count; ++i) leaves.push_back("leaf " + std::to_string(i));
  return leaves;
}

Digest root_of(const std::vector<std::string>& leaves) {
  return *decide::merkle_root(leaves.size(), [&](int level, uint64_t index) -> Result<Digest> {
    std::vector<Digest> hashes;
    for (size_t i = index << level; i < (index + 1) << level; ++i) hashes.push_back(decide::merkle_leaf(leaves[i]));
    return decide::fold_hashes(hashes);
  });
}

decide::NoteSigner signer() {
  return decide::NoteSigner("bio1.site.barrio.internal/log/1", decide::NoteKeyKind::log, *Ed25519Key::generate());
}

std::string note_of(const TileStore& store, const decide::NoteSigner& key) {
  const decide::Checkpoint checkpoint{key.name(), store.size(), *store.root(store.size())};
  return decide::Note{checkpoint.text(), {key.sign(checkpoint.text())}}.str();
}

struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / ("barrio-tile-" + std::to_string(::getpid()))).string();
  Folder() { std::filesystem::remove_all(path); }
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("leaves and tree are the same after every restart, across full tiles") {
  Folder folder;
  std::vector<std::string> all;
  for (const size_t count : {1, 2, 253, 1, 255, 300, 1024, 2, 65'600, 3}) {
    const auto disk = *open_log_folder(folder.path);
    auto store = TileStore::open(*disk, {.pending_leaves = 512});
    REQUIRE(store);
    CHECK((*store)->size() == all.size());
    const auto more = numbered(all.size(), count);
    for (size_t i = 0; i < count; i += 1000) {
      std::vector<std::string> part(more.begin() + static_cast<std::ptrdiff_t>(i),
                                    more.begin() + static_cast<std::ptrdiff_t>(std::min(i + 1000, count)));
      CHECK(*(*store)->append(these(part)) == all.size() + i);
    }
    all.insert(all.end(), more.begin(), more.end());
    CHECK(*(*store)->root(all.size()) == root_of(all));
    CHECK(*(*store)->leaf(0) == all[0]);
    CHECK(*(*store)->leaf(all.size() - 1) == all.back());
  }
  CHECK(std::filesystem::exists(folder.path + "/tile/entries/000"));
  CHECK(std::filesystem::exists(folder.path + "/tile/1/000"));
  CHECK((std::filesystem::status(folder.path).permissions() & std::filesystem::perms::others_all) ==
        std::filesystem::perms::none);
}

TEST_CASE("what is read by tiles leads to the root, for every size that was published") {
  MemoryDisk disk;
  auto store = *TileStore::open(disk, {.pending_leaves = 300});
  std::vector<std::string> all;
  for (int round = 0; round < 40; ++round) {
    const auto more = numbered(all.size(), 1 + static_cast<size_t>(round) * 7 % 90);
    REQUIRE(store->append(these(more)));
    all.insert(all.end(), more.begin(), more.end());
    const uint64_t size = store->size();
    CHECK(*decide::merkle_root(size, decide::nodes_from_tiles(size, [&](const auto& n) { return store->read(n); })) ==
          root_of(all));
    const auto bundle = decide::tile_of(std::nullopt, size - 1, size);
    CHECK(decide::parse_bundle(*store->read(bundle), bundle.width)->back() == all.back());
  }
  CHECK(store->read({0, 0, 17}));  // a partial tile of an earlier size
  CHECK(store->read({std::nullopt, 0, 17}));
  CHECK(store->read({0, store->size() / 256, store->size() % 256 + 1}).error().code == Code::not_found);
  CHECK(store->read({0, uint64_t{1} << 55, 256}).error().code == Code::not_found);
  CHECK(store->read({7, 0, 1}).error().code == Code::not_found);
}

TEST_CASE("killed at any write, a log has every leaf that was acknowledged, and its published checkpoint") {
  const auto key = signer();
  for (int death = 0; death < 120; ++death) {
    for (const size_t part : {size_t{0}, size_t{1}, size_t{40}, size_t{60}, size_t{1'000'000}}) {
      MemoryDisk disk;
      std::vector<std::string> acknowledged;
      std::string published;
      auto store = *TileStore::open(disk, {.pending_leaves = 256});
      disk.plan(Fault::cut, death, part);
      while (!disk.dead() && acknowledged.size() < 1200) {
        const auto more = numbered(acknowledged.size(), 37);
        if (!store->append(these(more))) break;
        acknowledged.insert(acknowledged.end(), more.begin(), more.end());
        const std::string note = note_of(*store, key);
        if (store->publish(note)) published = note;
      }
      disk.revive();
      auto again = TileStore::open(disk, {.pending_leaves = 256});
      REQUIRE_MESSAGE(again, again.error().text());
      REQUIRE((*again)->size() >= acknowledged.size());
      REQUIRE((*again)->size() <= acknowledged.size() + 37);
      REQUIRE(*(*again)->root(acknowledged.size()) == root_of(acknowledged));
      REQUIRE((*again)->append(these({"one more"})));
      REQUIRE(*TileStore::open(disk));
    }
  }
}

TEST_CASE("a full or failing disk is said, and nothing that was acknowledged is lost or changed by it") {
  for (const Fault fault : {Fault::full, Fault::done_but_failed}) {
    for (int at = 0; at < 60; ++at) {
      MemoryDisk disk;
      std::vector<std::string> acknowledged;
      auto store = *TileStore::open(disk, {.pending_leaves = 256});
      disk.plan(fault, at);
      int failures = 0;
      for (int round = 0; round < 30; ++round) {
        const auto more = numbered(acknowledged.size(), 37);
        const auto appended = store->append(these(more));
        if (appended) {
          CHECK(*appended == acknowledged.size());
          acknowledged.insert(acknowledged.end(), more.begin(), more.end());
        } else {
          ++failures;
          CHECK(appended.error().code == (fault == Fault::full ? Code::exhausted : Code::unavailable));
        }
      }
      CHECK(failures <= 1);
      REQUIRE(*store->root(store->size()) == root_of(acknowledged));
      disk.revive();
      auto again = TileStore::open(disk);
      REQUIRE(again);
      // The very last one may be there, though it was said to have failed.
      REQUIRE((*again)->size() >= acknowledged.size());
      REQUIRE((*again)->size() <= acknowledged.size() + 37);
      REQUIRE(*(*again)->root(acknowledged.size()) == root_of(acknowledged));
    }
  }
}

TEST_CASE("a log is opened on a full disk, and nothing is built upon what may not be durable until there is room") {
  MemoryDisk disk;
  const auto leaves = numbered(0, 10);
  REQUIRE((*TileStore::open(disk))->append(these(leaves)));
  disk.plan(Fault::full, 0);
  const auto opened = TileStore::open(disk);
  REQUIRE(opened);
  TileStore& store = **opened;
  CHECK(store.size() == 10);
  disk.plan(Fault::full, 0);
  CHECK(store.refresh().error().code == Code::exhausted);  // as before a checkpoint is made
  disk.plan(Fault::full, 0);
  CHECK(store.append(these(numbered(10, 1))).error().code == Code::exhausted);
  REQUIRE(store.refresh());
  CHECK(*store.append(these(numbered(10, 1))) == 10);
  CHECK(*store.root(11) == root_of(numbered(0, 11)));
}

TEST_CASE("a log that could not be read anew writes nothing of what it had over what another wrote") {
  MemoryDisk disk;
  REQUIRE((*TileStore::open(disk))->append(these(numbered(0, 10))));
  disk.plan(Fault::full, 0);
  const auto opened = TileStore::open(disk);
  REQUIRE(opened);
  REQUIRE((*TileStore::open(disk))->append(these(numbered(10, 10))));
  disk.another_wrote();
  disk.fails_reading = true;
  CHECK_FALSE((*opened)->refresh());
  REQUIRE((*opened)->refresh());
  CHECK((*opened)->size() == 20);
  CHECK((*TileStore::open(disk))->size() == 20);
}

TEST_CASE("a folder that lost leaves which were published is not opened") {
  MemoryDisk disk;
  const auto key = signer();
  auto store = *TileStore::open(disk);
  REQUIRE(store->append(these(numbered(0, 10))));
  const std::string before = disk.files["pending"];
  REQUIRE(store->append(these(numbered(10, 10))));
  REQUIRE(store->publish(note_of(*store, key)));
  disk.files["pending"] = before;
  CHECK(TileStore::open(disk).error().text().find("20 leaves, and there are 10") != std::string::npos);
  disk.files.erase("pending");
  CHECK(TileStore::open(disk).error().code == Code::invalid);
}

TEST_CASE("two processes of a site append in turn, as during an upgrade") {
  Folder folder;
  const auto disk_a = *open_log_folder(folder.path);
  const auto disk_b = *open_log_folder(folder.path);
  auto a = *TileStore::open(*disk_a, {.pending_leaves = 256});
  auto b = *TileStore::open(*disk_b, {.pending_leaves = 256});
  std::vector<std::string> all;
  for (int round = 0; round < 60; ++round) {
    const auto more = numbered(all.size(), 11);
    CHECK(*(round % 2 == 0 ? a : b)->append(these(more)) == all.size());
    all.insert(all.end(), more.begin(), more.end());
  }
  REQUIRE(a->refresh());
  CHECK(*a->root(all.size()) == root_of(all));
  CHECK(*b->root(all.size()) == root_of(all));
}

namespace {

/// A log whose leaves are real ones, with full tiles, a rest, and a published checkpoint.
MemoryDisk real_log(const decide::NoteSigner& key) {
  MemoryDisk disk;
  auto store = *TileStore::open(disk, {.pending_leaves = 300});
  const LogEvent event{.operation = LogOperation::stored,
                       .tenant = TenantId::of("acme"),
                       .subject = "object/bucket/key",
                       .content = std::string(64, 'c'),
                       .where = *Jurisdiction::parse("ES-PV"),
                       .policy = 1};
  for (int round = 0; round < 12; ++round) {
    std::vector<std::string> leaves;
    for (int i = 0; i < 60; ++i) {
      leaves.push_back(decide::make_leaf(event, SiteId::of("bio1"), decide::TenantSalt(32, 's'),
                                         WallTime(std::chrono::seconds(1'800'000'000 + round * 60 + i)))
                           .str());
    }
    CHECK(store->append(these(leaves)));
  }
  CHECK(store->publish(note_of(*store, key)));
  return disk;
}

/// What a site and a monitor see of it.
Result<uint64_t> look_at(MemoryDisk& disk, const decide::NoteVerifier& key) {
  TRY(const auto store, TileStore::open(disk));
  TRY(const auto note, store->checkpoint());
  if (!note) return fail(Code::not_found, "no checkpoint");
  TRY(const auto check, decide::check_log(*note, key, [&](const auto& name) { return store->read(name); }));
  return check.leaves;
}

}  // namespace

TEST_CASE("of 10,000 random changes to a log's files every one is detected, or changes nothing that is read") {
  const auto key = signer();
  const MemoryDisk good = real_log(key);
  MemoryDisk untouched = good;
  REQUIRE(*look_at(untouched, key.verifier()) == 720);
  std::vector<std::string> names;
  for (const auto& [name, content] : good.files) names.push_back(name);
  REQUIRE(names.size() >= 5);
  Rng rng(4711);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int changes = 500;
#else
  constexpr int changes = 10'000;
#endif
  for (int i = 0; i < changes; ++i) {
    MemoryDisk disk = good;
    const std::string& name = names[rng.below(names.size())];
    std::string& file = disk.files[name];
    const size_t at = rng.below(file.size());
    switch (rng.below(4)) {
      case 0: file.resize(at); break;
      case 1: file.erase(at, 1 + rng.below(40)); break;
      case 2: file.insert(at, std::string(1 + rng.below(40), static_cast<char>(rng.below(256)))); break;
      default: file[at] = static_cast<char>(file[at] ^ static_cast<char>(1 + rng.below(255)));
    }
    if (file == good.files.at(name)) continue;
    const auto seen = look_at(disk, key.verifier());
    if (!seen) continue;
    // Appended to `pending` after all that was acknowledged: what a cut write leaves, and dropped.
    const bool dropped = name == "pending" && *seen == 720 && disk.files["pending"].size() > 100;
    REQUIRE_MESSAGE(dropped, name << " changed at " << at);
  }
}

}  // namespace barrio::adapters::tile_store_test
