#include "cli/engine_usage.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

namespace barrio::cli::engine_usage_test {

namespace {

struct Folder {
  Folder() : path(std::filesystem::temp_directory_path() / ("barrio-engine-usage-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

const AppKey street{TenantId::of("city"), AppName::of("street")};

int64_t frames_of(const std::vector<UsageRecord>& records) {
  int64_t frames = 0;
  for (const UsageRecord& record : records) {
    for (const UsageLine& line : record.lines) frames += line.usage.served.frames;
  }
  return frames;
}

/// As the journal does: each period once.
struct Journal {
  int64_t frames = 0;
  std::vector<JournaledPeriod> has;
  void take(EngineUsage& from) {
    for (const UsageRecord& record : from.cut(has)) {
      if (journaled_of(record.meter, has).period >= record.period) continue;
      frames += frames_of({record});
      std::erase_if(has, [&](const JournaledPeriod& one) { return one.meter == record.meter; });
      has.push_back({record.meter, record.period});
    }
  }
};

}  // namespace

TEST_CASE("frames are counted once, over the end of an engine, with the same record until it is journaled") {
  const Folder folder;
  Journal journal;
  {
    EngineUsage first(folder.path);
    for (int i = 0; i < 3; ++i) first.add(street, {.served = {.frames = 1}});
    CHECK(frames_of(first.cut({})) == 3);
    first.add(street, {.served = {.frames = 1}});
    CHECK(frames_of(first.cut({})) == 3);
  }
  EngineUsage second(folder.path);
  second.add(street, {.served = {.frames = 1}});
  for (int i = 0; i < 4; ++i) journal.take(second);
  CHECK(journal.frames == 5);
}

TEST_CASE("of two engines of an upgrade, the one that stays hands on what the other left") {
  const Folder folder;
  Journal journal;
  std::optional<EngineUsage> old(folder.path);
  old->add(street, {.served = {.frames = 2}});
  EngineUsage fresh(folder.path);
  fresh.add(street, {.served = {.frames = 1}});
  for (int i = 0; i < 3; ++i) journal.take(fresh);
  CHECK(journal.frames == 1);
  old.reset();
  for (int i = 0; i < 4; ++i) journal.take(fresh);
  CHECK(journal.frames == 3);
  CHECK(!std::filesystem::exists(folder.path / "usage.live"));
}

TEST_CASE("without a file it still counts") {
  EngineUsage counter("/proc/nowhere");
  counter.add(street, {.served = {.frames = 1}});
  CHECK(frames_of(counter.cut({})) == 1);
}

}  // namespace barrio::cli::engine_usage_test
