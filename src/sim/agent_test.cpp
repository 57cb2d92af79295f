// The agent in virtual time: exact instants.
#include <doctest/doctest.h>

#include "agent/agent.h"

#include "base/crypto.h"
#include "sim/site_fakes.h"
#include "sim/spain_test.h"

namespace barrio::sim::agent_test {

namespace {

/// A control that a test scripts.
class ScriptedControl final : public ports::ControlLink {
 public:
  explicit ScriptedControl(ports::Runtime& runtime) : runtime_(runtime) {}
  Result<SiteOrders> sync(const SiteReport& report) override {
    last = report;
    ++syncs;
    if (hangs) runtime_.sleep_for(1h);
    if (away) return fail(Code::unavailable, "connection refused");
    SiteOrders orders{run, std::nullopt};
    if (report.snapshot_version < snapshot.version) orders.snapshot = snapshot;
    orders.unreadable = unreadable;
    return orders;
  }
  Result<std::string> fetch_blob(const std::string& sha256) override {
    ++blobs_fetched;
    if (sha256 != sha256_hex(blob)) return fail(Code::not_found, "no such blob");
    return blob;
  }
  std::vector<ReplicaOrder> run;
  Snapshot snapshot{};
  std::optional<RefusedSnapshot> unreadable;
  SiteReport last;
  std::string blob = "a model";
  int syncs = 0;
  int blobs_fetched = 0;
  bool hangs = false;
  bool away = false;

 private:
  ports::Runtime& runtime_;
};

const ReplicaId r1 = ReplicaId::of("r1");

const ReplicaId r2 = ReplicaId::of("r2");

/// Of a site that has 200 W and 8 cores for machines.
Snapshot small_site() {
  Snapshot snapshot;
  snapshot.version = 1;
  snapshot.network = spain();
  Site& site = *std::ranges::find(snapshot.network.sites, SiteId::of("mad1"), &Site::id);
  site.power = {.budget = Watts(200), .pue = 1};
  site.servers = {8, gib(8), gib(8)};
  return snapshot;
}

ReplicaOrder people(int64_t generation = 1) {
  return {r1,
          {TenantId::of("t"), AppName::of("people")},
          generation,
          {Backend::opencv, "people", "", ""},
          {Watts(40), mib(100), 1, "", 0}};
}

/// One site whose process can crash; disk and control live on.
struct OneSite {
  SimLoop loop{7};
  SimRuntime outside{loop, "control"};
  ScriptedControl control{outside};
  Disk disk;
  struct Life {
    explicit Life(OneSite& site)
        : runtime(site.loop, "site"),
          files(runtime, site.disk),
          workloads(site.loop, {.started =
                                    [&site](const ReplicaOrder& order) {
                                      site.starts.push_back(site.loop.now());
                                      site.started = order;
                                    }}),
          agent(runtime, workloads, site.control, files,
                {.site = SiteId::of("mad1"), .data_folder = "", .gateway_address = "g:1"},
                {.on_snapshot = [&site](auto snapshot) { site.seen = snapshot; }, .on_local = {}, .flows = {}}) {
      runtime.spawn("agent", [this] { agent.run(); });
    }
    SimRuntime runtime;
    SimSiteFiles files;
    SimWorkloadRuntime workloads;
    agent::Agent agent;
  };
  std::vector<Time> starts;
  ReplicaOrder started;  // the last one
  std::shared_ptr<const Snapshot> seen;
  std::unique_ptr<Life> life;

  void boot() { life = std::make_unique<Life>(*this); }
  void crash() {
    life->runtime.kill();
    life.reset();
    seen = nullptr;
  }
  ReplicaPhase phase() { return (*life->workloads.list())[0].report.phase; }
  /// 0: it does not run.
  int64_t generation(const ReplicaId& id) {
    const auto listed = life->workloads.list();
    for (const ports::WorkloadStatus& status : *listed) {
      if (status.report.id == id) return status.report.generation;
    }
    return 0;
  }
};

ReplicaOrder taking(const ReplicaId& id, int64_t generation, int64_t watts, double cores) {
  ReplicaOrder order = people(generation);
  order.id = id;
  order.resources = {Watts(watts), mib(100), cores, "", 0};
  return order;
}

}  // namespace

TEST_CASE("a replica begins when there is room for it and not when control believes so") {
  OneSite site;
  site.control.snapshot = small_site();
  site.control.run = {taking(r1, 1, 150, 1)};
  site.boot();
  site.loop.run_for(2s);
  // The smaller release cannot be fetched yet, so the larger one still runs.
  ReplicaOrder smaller = taking(r1, 2, 50, 1);
  smaller.model.backend = Backend::onnx;
  smaller.model.sha256 = sha256_hex("another model");
  site.control.run = {smaller, taking(r2, 1, 100, 1)};
  site.loop.run_for(5s);
  CHECK(site.generation(r1) == 1);
  CHECK(site.generation(r2) == 0);
  const auto waits = std::ranges::find(site.control.last.replicas, r2, &ReplicaReport::id);
  REQUIRE(waits != site.control.last.replicas.end());
  CHECK(waits->phase == ReplicaPhase::starting);
  CHECK(waits->detail.find("made room") != std::string::npos);
  site.control.blob = "another model";
  site.loop.run_for(1min);
  CHECK(site.generation(r1) == 2);
  CHECK(site.generation(r2) == 1);
}

TEST_CASE("a replica begins when there is room for it in its rack and not when the site has some") {
  OneSite site;
  site.control.snapshot = small_site();
  Site& mad1 = *std::ranges::find(site.control.snapshot.network.sites, SiteId::of("mad1"), &Site::id);
  mad1.accelerators.clear();
  mad1.racks = {{"left", "", {Watts(100)}, {}, {4, gib(4), gib(4)}},
                {"right", "", {Watts(100)}, {}, {4, gib(4), gib(4)}}};
  const auto in_left = [](const ReplicaId& id) {
    return Replica{id, people().app, SiteId::of("mad1"), ReplicaPhase::starting, 1, Seat{"left", {}}};
  };
  site.control.snapshot.replicas = {in_left(r1), in_left(r2)};
  site.control.run = {taking(r1, 1, 80, 1)};
  site.boot();
  site.loop.run_for(2s);
  // The smaller release cannot be fetched yet, so the larger one still runs.
  ReplicaOrder smaller = taking(r1, 2, 40, 1);
  smaller.model.backend = Backend::onnx;
  smaller.model.sha256 = sha256_hex("another model");
  site.control.run = {smaller, taking(r2, 1, 60, 1)};
  site.loop.run_for(5s);
  CHECK(site.generation(r1) == 1);
  CHECK(site.generation(r2) == 0);
  site.control.blob = "another model";
  site.loop.run_for(1min);
  CHECK(site.generation(r1) == 2);
  CHECK(site.generation(r2) == 1);
}

TEST_CASE("where there are racks a replica begins once it is known in which one, unless control is away") {
  OneSite site;
  site.control.snapshot = small_site();
  Site& mad1 = *std::ranges::find(site.control.snapshot.network.sites, SiteId::of("mad1"), &Site::id);
  mad1.accelerators.clear();
  mad1.racks = {{"left", "", {Watts(100)}, {}, {4, gib(4), gib(4)}},
                {"right", "", {Watts(100)}, {}, {4, gib(4), gib(4)}}};
  const auto in = [](const char* rack, const ReplicaId& id) {
    return Replica{id, people().app, SiteId::of("mad1"), ReplicaPhase::starting, 1, Seat{rack, {}}};
  };
  site.control.snapshot.replicas = {in("left", r1)};
  site.control.run = {taking(r1, 1, 80, 1), taking(r2, 1, 60, 1)};
  site.boot();
  site.loop.run_for(10s);
  CHECK(site.generation(r1) == 1);
  CHECK(site.generation(r2) == 0);
  SUBCASE("it is told") {
    site.control.snapshot.replicas.push_back(in("right", r2));
    ++site.control.snapshot.version;
    site.loop.run_for(2s);
    CHECK(site.generation(r2) == 1);
  }
  SUBCASE("what tells it cannot be taken") {
    site.control.unreadable = RefusedSnapshot{7, "no snapshot"};
    site.loop.run_for(5s);
    CHECK(site.generation(r2) == 1);
  }
  SUBCASE("nobody is there to tell") {
    site.control.away = true;
    site.loop.run_for(5s);
    CHECK(site.generation(r2) == 1);
  }
}

TEST_CASE("a site that starts again begins what is ordered as far as it has room") {
  OneSite site;
  site.control.snapshot = small_site();
  site.control.run = {taking(r1, 1, 150, 1), taking(r2, 1, 51, 1)};
  site.boot();
  site.loop.run_for(5s);
  site.crash();
  site.control.away = true;
  site.boot();
  site.loop.run_for(5s);
  CHECK(site.generation(r1) == 1);
  CHECK(site.generation(r2) == 0);
}

TEST_CASE("two that wait for each other's room do not wait for ever") {
  OneSite site;
  site.control.snapshot = small_site();
  site.control.run = {taking(r1, 1, 60, 6), taking(r2, 1, 120, 2)};
  site.boot();
  site.loop.run_for(5s);
  // With what is ordered for both there is never room for either.
  site.control.run = {taking(r1, 2, 150, 2), taking(r2, 2, 60, 6)};
  site.loop.run_for(10s);
  CHECK(site.generation(r1) == 1);
  CHECK(site.generation(r2) == 1);
  site.control.run = {taking(r1, 3, 130, 2), taking(r2, 3, 60, 6)};
  site.loop.run_for(10s);
  CHECK(site.generation(r1) == 3);
  CHECK(site.generation(r2) == 3);
}

TEST_CASE("a crashed replica starts again within one period after its back-off") {
  OneSite site;
  site.control.run = {people()};
  site.boot();
  site.loop.run_for(2s);
  REQUIRE(site.starts.size() == 1);
  REQUIRE(site.phase() == ReplicaPhase::ready);
  const Time crashed = site.loop.now();
  site.life->workloads.crash(r1);
  site.loop.run_for(2s);
  REQUIRE(site.starts.size() == 2);
  CHECK(site.starts[1] >= crashed + SimWorkloadRuntime::first_back_off);
  CHECK(site.starts[1] <= crashed + SimWorkloadRuntime::first_back_off + 500ms);
}

TEST_CASE("a control that hangs for an hour delays no local repair") {
  OneSite site;
  site.control.run = {people()};
  site.boot();
  site.loop.run_for(2s);
  site.control.hangs = true;
  site.loop.run_for(2s);
  site.life->workloads.crash(r1);
  const Time crashed = site.loop.now();
  site.loop.run_for(1s);
  REQUIRE(site.starts.size() == 2);
  CHECK(site.starts[1] - crashed <= 600ms);
}

TEST_CASE("a site that restarts while control is away goes on with what its disk holds") {
  OneSite site;
  site.control.run = {people()};
  site.control.snapshot = small_site();
  site.control.snapshot.version = 5;
  site.boot();
  site.loop.run_for(2s);
  site.crash();
  site.control.away = true;
  site.boot();
  const Time booted = site.loop.now();
  site.loop.run_for(10ms);
  REQUIRE(site.seen != nullptr);
  CHECK(site.seen->version == 5);
  REQUIRE(site.starts.size() == 2);
  CHECK(site.starts[1] == booted);
}

TEST_CASE("a snapshot that does not hold together is refused and told, and the one before stays, on disk too") {
  OneSite site;
  site.control.run = {people()};
  site.control.snapshot = small_site();
  site.boot();
  site.loop.run_for(2s);
  site.control.snapshot.version = 2;
  site.control.snapshot.network.operators.clear();
  site.control.run = {people(2)};
  site.loop.run_for(3s);
  CHECK(site.seen->version == 1);
  REQUIRE(site.control.last.refused);
  CHECK(site.control.last.refused->version == 2);
  CHECK(site.control.last.refused->why.find("network: sites[0].owner") != std::string::npos);
  CHECK(site.control.last.snapshot_version == 1);
  CHECK(site.generation(r1) == 2);  // its orders stand
  site.crash();
  site.control.away = true;
  site.boot();
  site.loop.run_for(1s);
  CHECK(site.seen->version == 1);
  // One that names other sites only is of another network.
  site.control.away = false;
  site.control.snapshot = small_site();
  site.control.snapshot.version = 3;
  std::erase_if(site.control.snapshot.network.sites, [](const Site& one) { return one.id.str() == "mad1"; });
  site.loop.run_for(2s);
  CHECK(site.control.last.refused->why.find("must name this site, 'mad1'") != std::string::npos);
  site.control.snapshot = small_site();
  site.control.snapshot.version = 4;
  site.loop.run_for(2s);
  CHECK(site.seen->version == 4);
  CHECK(!site.control.last.refused);
}

TEST_CASE("what the link could not read is told as the agent's own refusals are, and taken for no snapshot") {
  OneSite site;
  site.control.run = {people()};
  site.control.snapshot = small_site();
  site.boot();
  site.loop.run_for(2s);
  site.control.unreadable = RefusedSnapshot{7, std::string(5000, 'x')};
  site.loop.run_for(2s);
  CHECK(site.seen->version == 1);
  REQUIRE(site.control.last.refused);
  CHECK(site.control.last.refused->version == 7);
  CHECK(site.control.last.refused->why.size() == 1000);
}

TEST_CASE("damaged files on disk are ignored: nothing starts, nothing crashes, and control repairs them") {
  OneSite site;
  site.control.run = {people()};
  site.boot();
  site.loop.run_for(2s);
  site.crash();
  site.disk.files["orders.json"][80] ^= 1;
  site.disk.files["snapshot.json"] = "not even a hash";
  site.control.away = true;
  site.boot();
  site.loop.run_for(2s);
  CHECK(site.starts.size() == 1);
  site.control.away = false;
  site.loop.run_for(2s);
  CHECK(site.starts.size() == 2);
}

TEST_CASE("a site that has never heard of control stops nothing, and what is no longer ordered is stopped") {
  OneSite site;
  site.control.run = {people()};
  site.boot();
  site.loop.run_for(2s);
  REQUIRE(site.life->workloads.replicas().size() == 1);
  site.control.run.clear();
  site.loop.run_for(2s);
  CHECK(site.life->workloads.replicas().empty());
}

TEST_CASE("a new generation replaces the replica and is reported as such") {
  OneSite site;
  site.control.run = {people(1)};
  site.boot();
  site.loop.run_for(2s);
  site.control.run = {people(2)};
  site.loop.run_for(3s);
  CHECK(site.starts.size() == 2);
  REQUIRE(site.control.last.replicas.size() == 1);
  CHECK(site.control.last.replicas[0].generation == 2);
  CHECK(site.control.last.replicas[0].phase == ReplicaPhase::ready);
}

TEST_CASE("a model is fetched once, kept on disk, and used again after a crash without control") {
  OneSite site;
  ReplicaOrder order = people();
  order.model = {Backend::onnx, "", "", sha256_hex("a model")};
  site.control.run = {order};
  site.boot();
  site.loop.run_for(2s);
  CHECK(site.control.blobs_fetched == 1);
  CHECK(site.starts.size() == 1);
  site.crash();
  site.control.away = true;
  site.boot();
  site.loop.run_for(1s);
  CHECK(site.control.blobs_fetched == 1);
  CHECK(site.starts.size() == 2);
}

TEST_CASE("a pipeline starts once the files of all its steps are there, and is told where they are") {
  OneSite site;
  ReplicaOrder order = people();
  order.model = {Backend::pipeline, "", "", ""};
  const std::string there = sha256_hex("a model");
  PipelineStep detect;
  detect.name = "detect";
  detect.model = {Backend::opencv, "people", "", ""};
  PipelineStep classify;
  classify.name = "classify";
  classify.model = {Backend::onnx, "", "", sha256_hex("another model")};
  order.pipeline = PipelineSpec{{detect, classify}, {}};
  site.control.run = {order};
  site.boot();
  site.loop.run_for(2s);
  CHECK(site.starts.empty());
  REQUIRE(site.control.last.replicas.size() == 1);
  CHECK(site.control.last.replicas[0].detail.find("waits for its file") != std::string::npos);
  order.generation = 2;
  order.pipeline->steps[1].model.sha256 = there;
  site.control.run = {order};
  site.loop.run_for(2s);
  REQUIRE(site.starts.size() == 1);
  CHECK(site.started.pipeline->steps[0].model.file.empty());
  CHECK(site.started.pipeline->steps[1].model.file == "/sim/blobs/" + there);
  site.loop.run_for(60s);
  CHECK(site.control.blobs_fetched >= 1);
  CHECK(site.disk.files.contains("blobs/" + there));
}

TEST_CASE("a model with another content than ordered never starts, and the report says why") {
  OneSite site;
  ReplicaOrder order = people();
  order.model = {Backend::onnx, "", "", sha256_hex("another model")};
  site.control.run = {order};
  site.boot();
  site.loop.run_for(2s);
  CHECK(site.starts.empty());
  REQUIRE(site.control.last.replicas.size() == 1);
  CHECK(site.control.last.replicas[0].detail.find("waits for its file") != std::string::npos);
}

}  // namespace barrio::sim::agent_test
