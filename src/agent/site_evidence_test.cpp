#include "agent/site_evidence.h"

#include <doctest/doctest.h>

#include <map>

#include "ports/inline_runtime.h"

namespace barrio::agent::site_evidence_test {

namespace {

class MemoryFiles final : public SiteFiles {
 public:
  Result<std::optional<std::string>> read(const std::string& name) override {
    const auto found = files.find(name);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  }
  Result<void> write(const std::string& name, const std::string& content) override {
    if (writes_left-- == 0) return fail(Code::exhausted, "disk full");
    files[name] = content;
    return {};
  }
  Result<void> append(const std::string&, const std::string&) override { return {}; }
  Result<void> remove(const std::string&) override { return {}; }
  std::string path(const std::string& name) const override { return name; }

  std::map<std::string, std::string> files;
  int writes_left = -1;
};

class MemoryLog final : public ports::TransparencyLog {
 public:
  Result<uint64_t> append(std::span<const LogEvent> more) override {
    if (!works) return fail(Code::unavailable, "no log");
    for (const LogEvent& event : more) {
      CHECK(event.check());
      events.push_back(event);
    }
    if (dies_after) return fail(Code::unavailable, "not known");
    return events.size() - more.size();
  }
  uint64_t size() const override { return events.size(); }
  Result<bool> has(const LogEvent& event, uint64_t from) override {
    return std::find(events.begin() + static_cast<std::ptrdiff_t>(from), events.end(), event) != events.end();
  }

  std::vector<LogEvent> events;
  bool works = true;
  bool dies_after = false;
};

const WallTime start{std::chrono::minutes(30'000'000)};

struct Bench {
  ports::InlineRuntime runtime;
  MemoryFiles files;
  MemoryLog log;
  Snapshot snapshot;
  std::unique_ptr<SiteEvidence> evidence;

  Bench() {
    Site site{.id = SiteId::of("bio1"),
              .city = "Bilbao",
              .owner = OperatorId::of("op"),
              .jurisdiction = *Jurisdiction::parse("ES-PV"),
              .location = {},
              .power = {},
              .accelerators = {},
              .servers = {},
              .assumptions = {}};
    snapshot.network.sites.push_back(site);
    begin();
  }
  void begin() {
    evidence = std::make_unique<SiteEvidence>(runtime, files, log, SiteId::of("bio1"));
    REQUIRE(evidence->load());
  }
  Result<void> add(int64_t period, WallTime from, int64_t requests) {
    UsageRecord record{.meter = 7, .period = period, .from = from, .until = from + 1s, .lines = {}};
    if (requests > 0) record.lines.push_back({*AppKey::parse("acme/people"), {{requests, 10, 20, 5}, {}, {}}});
    return evidence->add(record, &snapshot);
  }
  Result<void> look(WallTime now, std::vector<ReplicaOrder> orders = {},
                    std::vector<ports::WorkloadStatus> running = {}) {
    return evidence->log(now, &snapshot, orders, running);
  }
};

ReplicaOrder order_of(int64_t generation) {
  ReplicaOrder order;
  order.id = ReplicaId::of("people-1");
  order.app = *AppKey::parse("acme/people");
  order.generation = generation;
  order.model.sha256 = std::string(64, 'a');
  return order;
}

ports::WorkloadStatus running_as(int64_t generation, ReplicaPhase phase) {
  ports::WorkloadStatus status;
  status.report = {ReplicaId::of("people-1"), generation, phase, "", 0, 0};
  return status;
}

}  // namespace

TEST_CASE("what was processed in a minute is logged once the minute is over") {
  Bench bench;
  CHECK(bench.add(1, start + 1s, 3));
  CHECK(bench.add(2, start + 58s, 4));
  CHECK(bench.add(3, start + 60s, 5));
  CHECK(bench.add(3, start + 60s, 5));  // again, after a crash before it was journaled
  CHECK(bench.look(start + 61s));
  CHECK(bench.log.events.empty());
  CHECK(bench.look(start + 70s));
  REQUIRE(bench.log.events.size() == 1);
  CHECK(bench.log.events[0].session == LoggedSession{start, start + 1min, 7, 20, 40});
  CHECK(bench.log.events[0].subject == "app/people");
  CHECK(bench.log.events[0].where.str() == "ES-PV");
  CHECK(bench.look(start + 5min));
  REQUIRE(bench.log.events.size() == 2);
  CHECK(bench.log.events[1].session->requests == 5);
  CHECK(bench.look(start + 6min));
  CHECK(bench.log.events.size() == 2);
}

TEST_CASE("nothing is lost or logged twice, wherever the agent dies") {
  Bench bench;
  CHECK(bench.add(1, start, 3));
  SUBCASE("before the minute is over") {}
  SUBCASE("when the log does not work") {
    bench.log.works = false;
    CHECK(!bench.look(start + 70s));
    bench.log.works = true;
  }
  SUBCASE("after the leaf was written, before anybody knew") {
    bench.log.dies_after = true;
    CHECK(!bench.look(start + 70s));
    bench.log.dies_after = false;
  }
  SUBCASE("when the disk is full before the log is asked") {
    bench.files.writes_left = 0;
    CHECK(!bench.look(start + 70s));
    bench.files.writes_left = -1;
  }
  SUBCASE("when the disk is full after the log has it") {
    bench.files.writes_left = 1;
    CHECK(!bench.look(start + 70s));
    bench.files.writes_left = -1;
  }
  bench.begin();
  CHECK(bench.add(1, start, 3));
  CHECK(bench.look(start + 71s));
  CHECK(bench.look(start + 72s));
  REQUIRE(bench.log.events.size() == 1);
  CHECK(bench.log.events[0].session->requests == 3);
}

TEST_CASE("a period that could not be kept is taken again") {
  Bench bench;
  bench.files.writes_left = 0;
  CHECK(!bench.add(1, start, 3));
  bench.files.writes_left = -1;
  CHECK(bench.add(1, start, 3));
  CHECK(bench.look(start + 70s));
  CHECK(bench.log.events.at(0).session->requests == 3);
}

TEST_CASE("a replica is logged when it is ready, when it changes and when it is gone, not when it is restarted") {
  Bench bench;
  CHECK(bench.look(start, {order_of(1)}, {running_as(1, ReplicaPhase::starting)}));
  CHECK(bench.log.events.empty());
  CHECK(bench.look(start, {order_of(1)}, {running_as(1, ReplicaPhase::ready)}));
  bench.begin();
  CHECK(bench.look(start, {order_of(1)}, {}));
  CHECK(bench.look(start, {order_of(1)}, {running_as(1, ReplicaPhase::ready)}));
  REQUIRE(bench.log.events.size() == 1);
  CHECK(bench.log.events[0].operation == LogOperation::placed);
  CHECK(bench.log.events[0].content == std::string(64, 'a'));
  CHECK(bench.look(start, {order_of(2)}, {running_as(1, ReplicaPhase::ready)}));
  CHECK(bench.look(start, {order_of(2)}, {running_as(2, ReplicaPhase::ready)}));
  REQUIRE(bench.log.events.size() == 2);
  CHECK(bench.log.events[1].policy == 2);
  CHECK(bench.look(start, {}, {running_as(2, ReplicaPhase::stopping)}));
  CHECK(bench.log.events.size() == 2);
  CHECK(bench.look(start, {}, {}));
  REQUIRE(bench.log.events.size() == 3);
  CHECK(bench.log.events[2].operation == LogOperation::removed);
}

TEST_CASE("a damaged file is kept aside, and said") {
  Bench bench;
  bench.files.files[SiteEvidence::file] = "nonsense";
  bench.begin();
  CHECK(bench.files.files.contains("evidence.json.damaged"));
  CHECK(bench.add(1, start, 3));
}

}  // namespace barrio::agent::site_evidence_test
