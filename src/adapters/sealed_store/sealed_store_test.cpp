#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "adapters/local_files/folder_test.h"
#include "adapters/local_files/local_medium.h"
#include "adapters/sealed_store/sealed_store.h"
#include "ports/object_store_contract.h"

namespace barrio::adapters::sealed_store_test {

namespace fs = std::filesystem;
using Folder = local_files::TestFolder;
using ports::contract_bucket;
using ports::get_text;
using ports::put_text;
using ports::sample_text;

namespace {

const std::string site_key(32, 's');

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

std::unique_ptr<SealedStore> open_or_fail(ports::Runtime& runtime, const Folder& folder,
                                          local_files::Disk* disk = nullptr, size_t cache_bytes = 0) {
  auto store = SealedStore::open(runtime, {std::make_unique<LocalMedium>(folder.path(), disk), site_key, cache_bytes});
  REQUIRE_MESSAGE(store, (store ? "" : store.error().text()));
  return std::move(*store);
}

std::unique_ptr<SealedStore> open_with_bucket(ports::Runtime& runtime, const Folder& folder,
                                              local_files::Disk* disk = nullptr) {
  auto store = open_or_fail(runtime, folder, disk);
  REQUIRE(store->add_bucket(contract_bucket, TenantId::of("acme")));
  return store;
}

/// Fails as it is told: after so many more calls.
class FaultyDisk final : public local_files::Disk {
 public:
  Result<void> write_at(const local_files::OpenFile& file, std::string_view bytes, uint64_t offset) override {
    if (writes-- != 0) return Disk::write_at(file, bytes, offset);
    // What fits is written, as on a full disk.
    static_cast<void>(Disk::write_at(file, bytes.substr(0, bytes.size() / 2), offset));
    return fail(Code::exhausted, "No space left on device");
  }
  Result<void> sync(const local_files::OpenFile& file) override {
    if (syncs-- != 0) return Disk::sync(file);
    syncs = then_syncs;
    return fail(Code::unavailable, "Input/output error");
  }
  int writes = -1;
  int syncs = -1;
  int then_syncs = -1;
};

}  // namespace

TEST_CASE("files on a local disk keep the contract of an ObjectStore, with and without a cache") {
  for (const size_t cache_bytes : {0, 64'000'000}) {
    std::vector<std::unique_ptr<Folder>> folders;
    ports::check_object_store([&](ports::Runtime& runtime) -> std::unique_ptr<ports::ObjectStore> {
      folders.push_back(std::make_unique<Folder>());
      return open_or_fail(runtime, *folders.back(), nullptr, cache_bytes);
    });
  }
}

TEST_CASE("what was read is read again from memory, until it is replaced or erased; the scrub reads the disk") {
  const Folder folder;
  ports::InlineRuntime runtime;
  auto store = open_or_fail(runtime, folder, nullptr, 32'000'000);
  REQUIRE(store->add_bucket(contract_bucket, TenantId::of("acme")));
  const std::string text = sample_text(1'300'000, 1);
  const std::string large = sample_text(2'100'000, 2);
  REQUIRE(put_text(*store, "kept", text));
  REQUIRE(put_text(*store, "large", large));
  CHECK(*get_text(*store, "kept") == text);
  CHECK(*get_text(*store, "large") == large);
  auto reader = store->open(contract_bucket, "kept", "");
  for (const std::string& file : folder.files("objects")) write_file(file, read_file(file).substr(0, 100));
  CHECK(*get_text(*store, "kept") == text);
  for (const size_t at : {size_t{0}, size_t{524'287}, size_t{524'288}, size_t{1'299'999}}) {
    const auto piece = (*reader)->read(at, 1'000'000);
    REQUIRE(piece);
    CHECK(text.substr(at, piece->size()) == piece->view());
  }
  CHECK(get_text(*store, "large").error().code == Code::unavailable);  // too large to be kept
  const auto scrubbed = store->scrub_after({});
  REQUIRE(*scrubbed);
  CHECK((*scrubbed)->name == "o/kept");
  CHECK((*scrubbed)->damage);
  REQUIRE(store->erase_tenant(TenantId::of("acme")));
  CHECK(!(*reader)->read(0, 100));
}

TEST_CASE("a store that is opened again has all that it had, and no file that nothing refers to") {
  const Folder folder;
  ports::InlineRuntime runtime;
  const std::string large = sample_text(700'000);
  std::string upload;
  {
    auto store = open_with_bucket(runtime, folder);
    REQUIRE(put_text(*store, "small", "text"));
    REQUIRE(put_text(*store, "large", large));
    REQUIRE(put_text(*store, "gone", large));
    REQUIRE(store->remove(contract_bucket, "gone", {}));
    REQUIRE(store->set_setting(contract_bucket, "cors", "rules"));
    upload = *store->begin_upload(contract_bucket, {.key = "parts"});
    ports::put_piece(*store, upload, 1, "a part");
    CHECK(SealedStore::open(runtime, {std::make_unique<LocalMedium>(folder.path()), site_key}).error().code ==
          Code::conflict);
  }
  write_file(folder.path() + "/objects/left", "by a write that was under way");
  auto store = open_or_fail(runtime, folder);
  CHECK(*get_text(*store, "small") == "text");
  CHECK(*get_text(*store, "large") == large);
  CHECK(get_text(*store, "gone").error().code == Code::not_found);
  CHECK(store->parts(contract_bucket, upload)->size() == 1);
  CHECK(store->setting(contract_bucket, "cors") == "rules");
  CHECK(folder.files("objects").size() == 2);
}

TEST_CASE("nothing on the disk is readable without the site's key, and its removal erases") {
  const Folder folder;
  ports::InlineRuntime runtime;
  const std::string secret = "the plate is 1234 BBB";
  {
    auto store = open_with_bucket(runtime, folder);
    REQUIRE(put_text(*store, "key-in-clear", secret));
    REQUIRE(put_text(*store, "large", secret + std::string(300'000, ' ') + secret));
  }
  for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
    if (!entry.is_regular_file()) continue;
    const std::string bytes = read_file(entry.path().string());
    for (const std::string& text : {secret, std::string("key-in-clear"), std::string(64, ' '), site_key}) {
      CHECK_MESSAGE(bytes.find(text) == std::string::npos, entry.path().string());
    }
  }
  CHECK(SealedStore::open(runtime, {std::make_unique<LocalMedium>(folder.path()), std::string(32, 'x')}).error().code ==
        Code::denied);
  for (const std::string& file : folder.files("keys")) {
    if (file.ends_with(".tenant")) fs::remove(file);
  }
  auto store = open_or_fail(runtime, folder);
  CHECK(!store->has_bucket(contract_bucket));
  CHECK(get_text(*store, "large").error().code == Code::not_found);
  CHECK(folder.files("objects").empty());
}

TEST_CASE("an erased tenant has nothing here any more, also not with the site's key; others have all they had") {
  ports::InlineRuntime runtime;
  const Folder folder;
  const TenantId acme = TenantId::of("acme");
  const std::string second(32, 'b');
  const std::string theirs(32, 'c');
  const std::string late(32, 'd');
  const std::string journal_only = "in the journal";
  const std::string large = sample_text(300'000, 1);
  const auto old_keys = [&] {
    std::map<std::string, std::string> kept;
    for (const std::string& path : folder.files("keys")) kept[path] = read_file(path);
    return kept;
  };
  {
    auto store = open_with_bucket(runtime, folder);
    REQUIRE(store->add_bucket(second, acme));
    REQUIRE(store->add_bucket(theirs, TenantId::of("acme-rival")));
    REQUIRE(put_text(*store, "small", journal_only));
    REQUIRE(put_text(*store, "large", large, {}, second));
    REQUIRE(put_text(*store, "large", large, {}, theirs));
    const auto before = old_keys();
    CHECK(before.size() == 5);
    REQUIRE(store->erase_tenant(acme));
    REQUIRE(store->erase_tenant(acme));
    CHECK(!store->has_bucket(contract_bucket));
    CHECK(store->add_bucket(late, acme).error().code == Code::not_found);
    CHECK(store->open(contract_bucket, "small", "").error().code == Code::not_found);
    CHECK(store->buckets() == std::vector<std::string>{theirs});
    REQUIRE(store->tidy());
    CHECK(folder.files("objects").size() == 1);
    CHECK(old_keys().size() == 2);
    CHECK(*get_text(*store, "large", "", theirs) == large);
  }
  auto store = open_or_fail(runtime, folder);
  CHECK(store->buckets() == std::vector<std::string>{theirs});
  CHECK(*get_text(*store, "large", "", theirs) == large);
  // A bucket of the same id has another key: the journal's old records say nothing to it.
  REQUIRE(store->add_bucket(contract_bucket, acme));
  CHECK(store->open(contract_bucket, "small", "").error().code == Code::not_found);
  CHECK(store->usage(contract_bucket).objects == 0);
}

TEST_CASE("a journal that ends anywhere within a record has everything before it, and goes on") {
  const Folder folder;
  ports::InlineRuntime runtime;
  {
    REQUIRE(put_text(*open_with_bucket(runtime, folder), "first", "one"));
  }
  const std::string journal = folder.files("journal").front();
  const std::string first = read_file(journal);
  {
    REQUIRE(put_text(*open_or_fail(runtime, folder), "second", "two"));
  }
  const std::string second = read_file(folder.files("journal").back());
  fs::remove(folder.files("journal").back());
  for (size_t cut = 0; cut < second.size(); cut += 7) {
    write_file(journal, first + second.substr(0, cut));
    auto store = open_or_fail(runtime, folder);
    CHECK(*get_text(*store, "first") == "one");
    CHECK(get_text(*store, "second").error().code == Code::not_found);
    REQUIRE(put_text(*store, "third", "three"));
    store.reset();
    store = open_or_fail(runtime, folder);
    CHECK(*get_text(*store, "first") == "one");
    CHECK(*get_text(*store, "third") == "three");
    store.reset();
    for (const std::string& file : folder.files("journal")) {
      if (file != journal) fs::remove(file);
    }
  }
}

TEST_CASE("any bit that changes at rest is noticed: no wrong byte is ever answered") {
  const Folder folder;
  ports::InlineRuntime runtime;
  const std::string small = sample_text(200);
  const std::string large = sample_text(200'000);
  {
    auto store = open_with_bucket(runtime, folder);
    REQUIRE(put_text(*store, "small", small));
    REQUIRE(put_text(*store, "large", large));
  }
  Rng rng(7);
  for (const char* part : {"journal", "objects"}) {
    const std::string file = folder.files(part).front();
    const std::string good = read_file(file);
    for (int i = 0; i < 60; ++i) {
      std::string bad = good;
      const size_t bit = rng.below(good.size() * 8);
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
      auto store = open_or_fail(runtime, folder);
      write_file(file, bad);
      const auto one = get_text(*store, "small");
      const auto two = get_text(*store, "large");
      CHECK((!one || *one == small));
      CHECK((!two || *two == large));
      CHECK((!one || !two));
      // A scrub finds it, too.
      int damaged = 0;
      for (auto seen = store->scrub_after({}); *seen; seen = store->scrub_after(**seen)) {
        damaged += (*seen)->damage ? 1 : 0;
      }
      CHECK(damaged == 1);
      write_file(file, good);
    }
  }
}

TEST_CASE("a full disk is a clear error: what was there stays, and writing goes on when there is space") {
  for (int at = 0; at < 3; ++at) {
    const Folder folder;
    ports::InlineRuntime runtime;
    FaultyDisk disk;
    auto store = open_with_bucket(runtime, folder, &disk);
    REQUIRE(put_text(*store, "kept", "text"));
    disk.writes = at;
    const std::string large = sample_text(3'000'000);
    const auto full = put_text(*store, "large", large);
    REQUIRE(!full);
    CHECK(full.error().code == Code::exhausted);
    CHECK(get_text(*store, "large").error().code == Code::not_found);
    CHECK(*get_text(*store, "kept") == "text");
    disk.writes = -1;
    REQUIRE(put_text(*store, "large", large));
    store.reset();
    store = open_or_fail(runtime, folder);
    CHECK(*get_text(*store, "large") == large);
    CHECK(*get_text(*store, "kept") == "text");
    CHECK(folder.files("objects").size() == 1);
  }
}

TEST_CASE("a failed sync acknowledges nothing, keeps what was there, and is not tried again on the same file") {
  for (int at = 0; at < 3; ++at) {
    const Folder folder;
    ports::InlineRuntime runtime;
    FaultyDisk disk;
    auto store = open_with_bucket(runtime, folder, &disk);
    REQUIRE(put_text(*store, "kept", "text"));
    disk.syncs = at;
    const std::string large = sample_text(300'000);
    CHECK(put_text(*store, "large", large).error().code == Code::unavailable);
    CHECK(get_text(*store, "large").error().code == Code::not_found);
    disk.syncs = -1;
    REQUIRE(put_text(*store, "later", large));
    store.reset();
    store = open_or_fail(runtime, folder);
    CHECK(*get_text(*store, "kept") == "text");
    CHECK(*get_text(*store, "later") == large);
    CHECK(get_text(*store, "large").error().code == Code::not_found);
  }
}

TEST_CASE("once a failed write cannot be taken back, nothing more is taken until storage is opened again") {
  const Folder folder;
  ports::InlineRuntime runtime;
  FaultyDisk disk;
  auto store = open_with_bucket(runtime, folder, &disk);
  REQUIRE(put_text(*store, "kept", "text"));
  disk.syncs = 0;
  disk.then_syncs = 0;
  CHECK(!put_text(*store, "lost", "text"));
  disk.syncs = -1;
  CHECK(put_text(*store, "refused", "text").error().code == Code::unavailable);
  CHECK(*get_text(*store, "kept") == "text");
  store.reset();
  store = open_or_fail(runtime, folder);
  CHECK(put_text(*store, "taken", "text"));
}

TEST_CASE("space of what was replaced is given back, and all that is there stays") {
  const Folder folder;
  ports::InlineRuntime runtime;
  auto store = open_with_bucket(runtime, folder);
  const std::string text = sample_text(120'000);
  const auto upload = store->begin_upload(contract_bucket, {.key = "whole"});
  const auto part = ports::put_piece(*store, *upload, 1, "part");
  REQUIRE(store->set_setting(contract_bucket, ports::versioning_setting, "Enabled"));
  REQUIRE(put_text(*store, "versions", "1"));
  REQUIRE(put_text(*store, "versions", "22"));
  REQUIRE(store->remove(contract_bucket, "versions", {}));
  REQUIRE(put_text(*store, "versions", "333"));
  REQUIRE(store->set_setting(contract_bucket, ports::versioning_setting, "Suspended"));
  for (int i = 0; i < 20; ++i) REQUIRE(put_text(*store, "kept" + std::to_string(i), text));
  for (int i = 0; i < 2400; ++i) {
    REQUIRE(put_text(*store, "same", text));
    if (i % 100 == 0) REQUIRE(store->tidy());
  }
  uint64_t bytes = 0;
  for (const std::string& file : folder.files("journal")) bytes += fs::file_size(file);
  CHECK(bytes < 200'000'000);
  store.reset();
  store = open_or_fail(runtime, folder);
  for (int i = 0; i < 20; ++i) CHECK(*get_text(*store, "kept" + std::to_string(i)) == text);
  CHECK(*get_text(*store, "same") == text);
  CHECK(*get_text(*store, "versions") == "333");
  CHECK(ports::all_versions(*store, {.prefix = "versions"}) ==
        std::vector<std::string>{"versions 3 # newest", "versions marker #", "versions 2 #", "versions 1 #"});
  REQUIRE(store->complete_upload(contract_bucket, *upload, {part}, {.key = "whole", .size = 4, .etag = "e"}, {}));
  CHECK(*get_text(*store, "whole") == "part");
}

namespace {

/// Writes objects for ever and says each acknowledged number into the pipe.
[[noreturn]] void put_until_killed(const std::string& folder, int acknowledged) {
  ports::InlineRuntime runtime;
  auto store = SealedStore::open(runtime, {std::make_unique<LocalMedium>(folder), site_key});
  for (int32_t i = 0; store; ++i) {
    const size_t size = i % 3 == 0 ? 400'000 : 5000;
    if (!put_text(**store, "k" + std::to_string(i), sample_text(size, static_cast<uint64_t>(i)))) break;
    if (i % 5 == 0 && !put_text(**store, "same", sample_text(300'000, static_cast<uint64_t>(i)))) break;
    if (!(*store)->tidy()) break;
    if (::write(acknowledged, &i, sizeof i) != sizeof i) break;
  }
  _exit(1);
}

}  // namespace

TEST_CASE("kill -9 in the middle of writes loses nothing acknowledged and tears nothing") {
  Rng rng(11);
  for (int round = 0; round < 12; ++round) {
    const Folder folder;
    ports::InlineRuntime runtime;
    {
      open_with_bucket(runtime, folder);
    }
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) put_until_killed(folder.path(), ends[1]);
    ::close(ends[1]);
    int32_t last = -1;
    const auto wanted = static_cast<int32_t>(5 + rng.below(60));
    int32_t got = 0;
    while (::read(ends[0], &got, sizeof got) == sizeof got) {
      last = got;
      if (last >= wanted) ::kill(child, SIGKILL);
    }
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    REQUIRE(last >= wanted);
    auto store = open_or_fail(runtime, folder);
    for (int32_t i = 0; i <= last + 1; ++i) {
      const auto text = get_text(*store, "k" + std::to_string(i));
      if (i > last && !text) continue;
      REQUIRE(text);
      CHECK(*text == sample_text(i % 3 == 0 ? 400'000 : 5000, static_cast<uint64_t>(i)));
    }
    const auto same = get_text(*store, "same");
    REQUIRE(same);
    CHECK((*same == sample_text(300'000, static_cast<uint64_t>(last / 5 * 5)) ||
           *same == sample_text(300'000, static_cast<uint64_t>(last / 5 * 5 + 5))));
  }
}

}  // namespace barrio::adapters::sealed_store_test
