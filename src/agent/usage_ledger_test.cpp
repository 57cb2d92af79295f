#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include <filesystem>

#include "agent/usage_ledger.h"
#include "ports/inline_runtime.h"

namespace barrio::agent::usage_ledger_test {
namespace {

const WallTime start = *parse_wall_time("2026-11-24T10:00:00Z");
const AppKey street{TenantId::of("acme"), AppName::of("street")};
const AppKey harbour{TenantId::of("port"), AppName::of("harbour")};

/// Files in memory, whose next writes fail as told.
class FlakyFiles final : public SiteFiles {
 public:
  Result<std::optional<std::string>> read(const std::string& name) override {
    if (unreadable) return fail(Code::unavailable, "told to fail", name);
    const auto found = content.find(name);
    return found == content.end() ? std::nullopt : std::optional(found->second);
  }
  Result<void> write(const std::string& name, const std::string& text) override {
    ++writes;
    if (failures-- > 0) return fail(Code::exhausted, "disk full", name);
    content[name] = text;
    return {};
  }
  Result<void> append(const std::string& name, const std::string& text) override {
    ++appends;
    if (failures-- > 0) {
      content[name] += text.substr(0, failed_bytes);
      return fail(Code::exhausted, "disk full", name);
    }
    content[name] += text;
    return {};
  }
  Result<void> remove(const std::string& name) override {
    content.erase(name);
    return {};
  }
  std::string path(const std::string& name) const override { return "/" + name; }
  std::string& journal() { return content[UsageLedger::file]; }

  std::map<std::string, std::string> content;
  int failures = 0;
  size_t failed_bytes = 10;
  bool unreadable = false;
  int writes = 0;
  int appends = 0;
};

struct World {
  explicit World(UsageLimits wanted = {}) : limits(wanted) { restart(); }
  void restart() {
    ledger = std::make_unique<UsageLedger>(runtime, files, limits);
    REQUIRE(ledger->load());
  }
  UsageRecord record(int64_t period, WallTime from, std::vector<AppKey> apps, int64_t requests = 1) const {
    UsageRecord made;
    made.meter = 7;
    made.period = period;
    made.from = from;
    made.until = from + 1s;
    for (const AppKey& app : apps) {
      made.lines.push_back({app, {.served = {.requests = requests}, .forwarded = {}, .noted = {}}});
    }
    return made;
  }
  void add(int64_t period, WallTime from, std::vector<AppKey> apps, int64_t requests = 1) {
    REQUIRE(ledger->add(record(period, from, std::move(apps), requests)));
  }
  /// As control keeps them: a total replaces the one before.
  void ship(bool acknowledge = true) {
    while (auto shipment = ledger->shipment()) {
      for (const UsageRow& row : shipment->rows) at_control[{shipment->journal, row.hour, row.app}] = row.usage;
      through = shipment->through;
      ++shipments;
      if (!acknowledge) return;
      ledger->acknowledged(shipment->through);
    }
  }
  int64_t billed(const AppKey& app) const {
    int64_t sum = 0;
    for (const auto& [key, usage] : at_control) sum += std::get<2>(key) == app ? usage.served.requests : 0;
    return sum;
  }

  ports::InlineRuntime runtime;
  FlakyFiles files;
  UsageLimits limits;
  std::unique_ptr<UsageLedger> ledger;
  std::map<std::tuple<int64_t, WallTime, UsageKey>, Usage> at_control;
  int64_t through = 0;
  int shipments = 0;
};

TEST_CASE("what was added is shipped as totals by app and hour, and again until it is acknowledged") {
  World w;
  CHECK_FALSE(w.ledger->shipment());
  w.add(1, start, {street, harbour});
  w.add(2, start + 1s, {street}, 4);
  w.add(3, start + 1h, {street});
  const auto shipment = w.ledger->shipment();
  REQUIRE(shipment);
  CHECK(shipment->after == 0);
  CHECK(shipment->through == 3);
  REQUIRE(shipment->rows.size() == 3);
  CHECK(shipment->rows[1].app == street);
  CHECK(shipment->rows[1].hour == start);
  CHECK(shipment->rows[1].until == start + 2s);
  CHECK(shipment->rows[1].usage.served.requests == 5);
  CHECK(print_json(to_json(*w.ledger->shipment())) == print_json(to_json(*shipment)));
  w.ledger->acknowledged(3);
  CHECK_FALSE(w.ledger->shipment());
  w.add(4, start + 1h, {street});
  const auto next = w.ledger->shipment();
  CHECK(next->after == 3);
  REQUIRE(next->rows.size() == 1);
  CHECK(next->rows[0].usage.served.requests == 2);
}

TEST_CASE("a bucket has rows of its own; a journal from before there were any is read") {
  World w;
  const UsageKey bucket(street.tenant, *BucketName::parse("street"), std::nullopt);
  const UsageKey passed(street.tenant, *BucketName::parse("street"), SiteId::of("mad1"));
  UsageRecord record = w.record(1, start, {street});
  Usage stored;
  stored.stored = {.byte_hours = 5, .reads = 2};
  record.lines.push_back({bucket, stored});
  record.lines.push_back({passed, stored});
  REQUIRE(w.ledger->add(record));
  w.restart();
  w.ship();
  CHECK(w.at_control.size() == 3);
  CHECK(w.billed(street) == 1);
  for (const auto& [key, usage] : w.at_control) {
    if (std::get<2>(key) == bucket || std::get<2>(key) == passed) CHECK(usage.stored.byte_hours == 5);
  }
  const auto old = from_json<UsageRow>(*parse_json(
      R"({"app":{"tenant":"acme","name":"street"},"hour":"2026-11-24T10:00:00Z","until":"2026-11-24T10:00:01Z",
          "usage":{"served":{"requests":1,"bytes_in":0,"bytes_out":0,"compute_us":0},
                   "forwarded":{"requests":0,"bytes_in":0,"bytes_out":0},
                   "noted":{"refused":0,"failed":0,"late":0}}})"));
  REQUIRE_MESSAGE(old, (old ? "" : old.error().text()));
  CHECK(old->app == street);
  CHECK(old->usage.stored.reads == 0);
  CHECK(old->usage.served.frames == 0);
  CHECK(old->usage.served.tokens_in == 0);
  CHECK(from_json<UsageKey>(*parse_json(R"({"tenant":"acme"})")).error().code == Code::invalid);
}

TEST_CASE("a restarted site goes on with its journal; a period that is in it is not added twice") {
  World w;
  w.add(1, start, {street});
  w.add(2, start, {street, harbour});
  w.restart();
  CHECK(w.ledger->journaled().back().meter == 7);
  CHECK(w.ledger->journaled().back().period == 2);
  w.add(2, start, {street, harbour});
  w.add(3, start, {street});
  w.ship();
  CHECK(w.through == 3);
  CHECK(w.billed(street) == 3);
  CHECK(w.billed(harbour) == 1);
}

TEST_CASE("a line torn at any byte is as if it had never been begun, and the journal goes on behind it") {
  World whole;
  whole.add(1, start, {street});
  const size_t before = whole.files.journal().size();
  whole.add(2, start, {harbour});
  const std::string text = whole.files.journal();
  for (size_t size = before; size < text.size(); ++size) {
    World w;
    w.files.journal() = text.substr(0, size);
    w.restart();
    REQUIRE(w.ledger->journaled().back().period == 1);
    w.add(2, start, {harbour});
    w.add(3, start, {street});
    w.restart();
    w.ship();
    REQUIRE(w.billed(street) == 2);
    REQUIRE(w.billed(harbour) == 1);
    REQUIRE_FALSE(w.files.content.contains("usage.journal.damaged"));
  }
}

TEST_CASE("a line damaged in the middle is reported by a copy, and costs only itself") {
  World w;
  w.add(1, start, {street});
  const size_t line = w.files.journal().size();
  w.add(2, start, {harbour});
  w.add(3, start, {street});
  w.files.journal()[line + 90] ^= 1;
  const std::string damaged = w.files.journal();
  w.restart();
  CHECK(w.files.content["usage.journal.damaged"] == damaged);
  w.add(4, start, {street});
  w.restart();
  w.ship();
  CHECK(w.billed(street) == 3);
  CHECK(w.billed(harbour) == 0);
  CHECK(w.through == 4);
}

TEST_CASE("a journal without a readable beginning is put aside, and another one begins with numbers of its own") {
  World w;
  w.add(1, start, {street});
  const auto old = w.ledger->shipment();
  w.files.journal()[80] ^= 1;
  w.restart();
  CHECK(w.files.content.contains("usage.journal.damaged"));
  w.add(1, start, {street});
  const auto shipment = w.ledger->shipment();
  CHECK(shipment->journal != old->journal);
  CHECK(shipment->after == 0);
  CHECK(shipment->through == 1);
}

TEST_CASE("a full disk loses nothing: the same period is added again, whatever part of it is there already") {
  for (const size_t failed_bytes : {size_t{0}, size_t{100}, size_t{100'000}}) {
    World w;
    w.files.failed_bytes = failed_bytes;
    w.add(1, start, {street});
    w.files.failures = 2;
    CHECK(w.ledger->add(w.record(2, start, {street})).error().code == Code::exhausted);
    CHECK(w.ledger->add(w.record(2, start, {street})).error().code == Code::exhausted);
    CHECK(w.ledger->journaled().back().period == 1);
    if (failed_bytes == 100'000) {
      w.restart();  // it was whole on the disk
      CHECK(w.ledger->journaled().back().period == 2);
    }
    w.add(2, start, {street});
    w.add(3, start, {street});
    w.restart();
    w.ship();
    CHECK(w.billed(street) == 3);
  }
}

TEST_CASE("a journal that cannot be read yet is read later") {
  World w;
  w.add(1, start, {street});
  w.files.unreadable = true;
  w.ledger = std::make_unique<UsageLedger>(w.runtime, w.files);
  CHECK_FALSE(w.ledger->load());
  CHECK_FALSE(w.ledger->loaded());
  CHECK_FALSE(w.ledger->shipment());
  w.files.unreadable = false;
  REQUIRE(w.ledger->load());
  CHECK(w.ledger->journaled().back().period == 1);
}

TEST_CASE("the file is bounded: it is replaced by totals when what was appended grows as long") {
  World w({.appended_bytes = 4000});
  for (int64_t period = 1; period <= 2000; ++period) w.add(period, start, {street, harbour});
  CHECK(w.files.journal().size() < 10'000);
  CHECK(w.files.writes > 100);
  CHECK(w.files.appends > w.files.writes);
  w.restart();
  w.ship();
  CHECK(w.billed(street) == 2000);
  CHECK(w.through == 2000);
}

TEST_CASE("ten days without control: rows by hour, shipped in bounded pieces afterwards, all of it") {
  World w({.rows_shipped = 16});
  int64_t period = 0;
  for (WallTime at = start; at < start + 240h; at += 10min) w.add(++period, at, {street, harbour}, 3);
  CHECK(w.ledger->rows() == 480);
  w.ship();
  CHECK(w.shipments == 30);
  CHECK(w.billed(street) == 3 * 6 * 240);
  CHECK(w.billed(harbour) == 3 * 6 * 240);
}

TEST_CASE("with too many rows hours merge, and nothing is dropped that control does not have") {
  World w({.rows = 10, .appended_bytes = 100});
  for (int64_t hour = 0; hour < 100; ++hour) w.add(hour + 1, start + hour * 1h, {street, harbour});
  CHECK(w.ledger->rows() <= 11);
  w.restart();
  w.ship();
  CHECK(w.billed(street) == 100);
  CHECK(w.billed(harbour) == 100);
  // Once control has them, old hours make room for new ones.
  for (int64_t hour = 100; hour < 200; ++hour) {
    w.add(hour + 1, start + hour * 1h, {street, harbour});
    w.ship();
  }
  CHECK(w.ledger->rows() <= 12);
  CHECK(w.billed(street) == 200);
  CHECK(w.at_control.size() > 100);
}

TEST_CASE("rows that control has are kept for two days, so that a restored control gets them again") {
  World w({.appended_bytes = 1});
  for (int64_t hour = 0; hour < 100; ++hour) {
    w.add(hour + 1, start + hour * 1h, {street});
    w.ship();
  }
  CHECK(w.ledger->rows() >= 48);
  CHECK(w.ledger->rows() <= 2 * 51);  // older ones go when the file is replaced, which is when it has doubled
  w.ledger->acknowledged(60);         // from its copy
  const auto again = w.ledger->shipment();
  REQUIRE(again);
  CHECK(again->after == 60);
  CHECK(again->rows.size() == 40);
  // Further back than what is kept here: what it says shows the gap.
  w.ledger->acknowledged(10);
  CHECK(w.ledger->shipment()->after > 10);
}

TEST_CASE("a clock that is set back does not let a dropped row begin again from nothing") {
  World w({.appended_bytes = 1});
  for (int64_t hour = 0; hour < 100; ++hour) {
    w.add(hour + 1, start + hour * 1h, {street});
    w.ship();
  }
  w.add(101, start, {street});
  w.ship();
  CHECK(w.billed(street) == 101);
}

TEST_CASE("a disk that went back in time is noticed, and a new journal begins") {
  World w;
  w.add(1, start, {street});
  const auto old = w.ledger->shipment();
  w.ledger->acknowledged(500);
  CHECK_FALSE(w.ledger->shipment());
  w.add(2, start, {street}, 9);
  const auto shipment = w.ledger->shipment();
  REQUIRE(shipment);
  CHECK(shipment->journal != old->journal);
  CHECK(shipment->after == 0);
  CHECK(shipment->rows[0].usage.served.requests == 9);
}

TEST_CASE("on a real disk an appended line is there for the next process") {
  ports::InlineRuntime runtime;
  std::string folder = (std::filesystem::temp_directory_path() / "barrio-agent-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  DiskSiteFiles files(runtime, folder);
  REQUIRE(files.append("x", "one "));
  REQUIRE(files.append("x", "two"));
  CHECK(**files.read("x") == "one two");
  REQUIRE(files.write("x", "three"));
  CHECK(**files.read("x") == "three");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace barrio::agent::usage_ledger_test
