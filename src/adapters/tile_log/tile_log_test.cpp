#include "adapters/tile_log/tile_log.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "adapters/tile_log/memory_disk_test.h"
#include "ports/inline_runtime.h"

namespace barrio::adapters::tile_log_test {

namespace {

LogEvent stored(const std::string& key) {
  return {.operation = LogOperation::stored,
          .tenant = TenantId::of("acme"),
          .subject = "object/frames/" + key,
          .content = std::string(64, 'c'),
          .where = *Jurisdiction::parse("ES-PV"),
          .policy = 2};
}

struct Opened {
  ports::InlineRuntime runtime;
  MemoryDisk* disk = nullptr;
  std::unique_ptr<TileLog> log;
  Opened() {
    auto made = std::make_unique<MemoryDisk>();
    disk = made.get();
    log = *TileLog::open(runtime, std::move(made), SiteId::of("bio1"), "secret");
  }
};

}  // namespace

TEST_CASE("an event becomes a leaf that says it under the tenant's salt") {
  Opened opened;
  const LogEvent events[] = {stored("1"), stored("2")};
  CHECK(*opened.log->append(events) == 0);
  CHECK(*opened.log->append(std::span(events, 1)) == 2);
  CHECK(opened.log->size() == 3);
  const auto bundle = decide::parse_bundle(*opened.log->tile("tile/entries/000.p/3"), 3);
  REQUIRE(bundle);
  const auto leaf = decide::parse_leaf(bundle->at(1));
  REQUIRE(leaf);
  const auto salt = decide::tenant_salt("secret", TenantId::of("acme"));
  CHECK(leaf->tenant == decide::salted_tenant(salt, TenantId::of("acme")));
  CHECK(leaf->subject == decide::salted_subject(salt, "object/frames/2"));
  CHECK(leaf->content == decide::salted_content(salt, std::string(64, 'c')));
  CHECK(leaf->time == opened.runtime.wall());
}

TEST_CASE("what was logged is found again by who does not know") {
  Opened opened;
  const LogEvent events[] = {stored("1"), stored("2")};
  REQUIRE(opened.log->append(events));
  CHECK(*opened.log->has(stored("1"), 0));
  CHECK(!*opened.log->has(stored("1"), 1));
  CHECK(*opened.log->has(stored("2"), 1));
  CHECK(!*opened.log->has(stored("3"), 0));
}

TEST_CASE("an event that cannot be said, a full disk and a bad path are errors of their own") {
  Opened opened;
  LogEvent bad = stored("1");
  bad.where = {};
  CHECK(opened.log->append(std::span(&bad, 1)).error().code == Code::invalid);
  opened.disk->plan(Fault::full, 0);
  const LogEvent good = stored("1");
  CHECK(opened.log->append(std::span(&good, 1)).error().code == Code::exhausted);
  CHECK(opened.log->size() == 0);
  CHECK(*opened.log->append(std::span(&good, 1)) == 0);
  CHECK(opened.log->tile("tile/0/00").error().code == Code::invalid);
  CHECK(opened.log->tile("tile/0/000").error().code == Code::not_found);
  CHECK(opened.log->tile("tile/0/000.p/1"));
  const std::vector<LogEvent> many(TileLog::most_events_at_once + 1, good);
  CHECK(opened.log->append(many).error().code == Code::exhausted);
}

TEST_CASE("a clock that goes back changes no order") {
  Opened opened;
  const LogEvent event = stored("1");
  opened.runtime.sleep_for(1h);
  REQUIRE(opened.log->append(std::span(&event, 1)));
  const WallTime late = opened.runtime.wall();
  ports::InlineRuntime earlier;
  auto copy = std::make_unique<MemoryDisk>(*opened.disk);
  const auto again = *TileLog::open(earlier, std::move(copy), SiteId::of("bio1"), "secret");
  REQUIRE(again->append(std::span(&event, 1)));
  const auto bundle = decide::parse_bundle(*again->tile("tile/entries/000.p/2"), 2);
  CHECK(decide::parse_leaf(bundle->at(1))->time == late);
}

TEST_CASE("keys are made once, and only their owner reads them") {
  const std::string folder =
      (std::filesystem::temp_directory_path() / ("barrio-log-keys-" + std::to_string(::getpid()))).string();
  std::filesystem::remove_all(folder);
  const auto keys = load_log_keys(folder, SiteId::of("bio1"));
  REQUIRE(keys);
  CHECK(keys->log.name().starts_with("bio1.site.barrio.internal/log/"));
  const auto again = load_log_keys(folder, SiteId::of("bio1"));
  REQUIRE(again);
  CHECK(again->log.verifier() == keys->log.verifier());
  CHECK(again->witness.verifier() == keys->witness.verifier());
  CHECK(again->salt_secret == keys->salt_secret);
  for (const char* file : {"log.key", "witness.key", "salt.secret"}) {
    struct stat status{};
    REQUIRE(::stat((folder + "/" + file).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
  std::filesystem::resize_file(folder + "/log.key", 20);
  CHECK(load_log_keys(folder, SiteId::of("bio1")).error().code == Code::invalid);
  std::filesystem::remove_all(folder);
}

}  // namespace barrio::adapters::tile_log_test
