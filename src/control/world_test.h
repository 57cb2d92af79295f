#pragma once
// What control's tests have in common: the real network, a clock that the test moves, and a store in memory.

#include <filesystem>
#include <fstream>
#include <sstream>

#include "adapters/memory_state/memory_state_store.h"
#include "base/yaml.h"
#include "control/control.h"
#include "ports/inline_runtime.h"

namespace barrio::control {

inline Network spain() {
  std::ifstream in(std::string(BARRIO_SOURCE_DIR) + "/data/networks/spain.yaml");
  std::ostringstream text;
  text << in.rdbuf();
  auto network = from_yaml<Network>(text.str(), "spain.yaml");
  REQUIRE_MESSAGE(network, (network ? "" : network.error().text()));
  return *network;
}

inline AppSpec people_app(const std::string& name, const std::string& jurisdiction) {
  auto json = parse_json(R"({"name":")" + name + R"(","model":{"backend":"opencv","builtin":"people"},
    "objective":{"latency":"250ms","percentile":99},"policy":{"jurisdictions":[")" +
                         jurisdiction + R"("]},"resources":{"power":"75W","memory":"512MiB"}})");
  auto spec = from_json<AppSpec>(*json);
  REQUIRE_MESSAGE(spec, (spec ? "" : spec.error().text()));
  return *spec;
}

/// Answers what it is told to instead of committing.
class FlakyStateStore final : public ports::StateStore {
 public:
  explicit FlakyStateStore(ports::StateStore& inner) : inner_(inner) {}
  Result<std::optional<ports::Entry>> get(const std::string& key) override { return inner_.get(key); }
  Result<ports::Listing> list(const ports::KeyRange& range) override {
    if (lists_fail-- > 0) return fail(Code::unavailable, "told to fail");
    return inner_.list(range);
  }
  Result<ports::Revision> commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) override {
    if (failures-- > 0) return fail(failure, "told to fail");
    if (meanwhile) meanwhile();
    return inner_.commit(std::move(guards), std::move(writes));
  }
  Result<ports::Revision> wait_for_change(ports::Revision seen, Time until) override {
    return inner_.wait_for_change(seen, until);
  }
  Result<ports::Lease> hold(const std::string& key, const std::string& value, Duration ttl,
                            ports::Revision seen) override {
    return inner_.hold(key, value, ttl, seen);
  }
  Result<void> keep(const ports::Lease& lease) override {
    if (meanwhile_kept) meanwhile_kept();
    return inner_.keep(lease);
  }
  Result<void> release(const ports::Lease& lease) override { return inner_.release(lease); }
  int failures = 0;
  int lists_fail = 0;
  Code failure = Code::conflict;
  std::function<void()> meanwhile;       // what others do while a commit is on its way
  std::function<void()> meanwhile_kept;  // what happens while a lease is renewed

 private:
  ports::StateStore& inner_;
};

struct World {
  explicit World(ControlConfig wanted = {}, BlobStore* kept = nullptr) : config(std::move(wanted)), blobs(kept) {
    config.network = spain();
    config.leadership.lasts = 24h * 365;  // no fiber renews it here
    restart();
  }
  void restart() {
    control = std::make_unique<Control>(runtime, store, config, blobs, &usage);
    auto started = control->start();
    REQUIRE_MESSAGE(started, (started ? "" : started.error().text()));
  }
  SiteOrders sync(const std::string& site, std::vector<ReplicaReport> replicas = {}, int64_t seen = 0) {
    auto orders = control->sync({SiteId::of(site), seen, "127.0.0.1:7000", std::move(replicas), {}});
    REQUIRE(orders);
    return *orders;
  }
  /// The site reports everything that it was ordered as ready.
  void run_orders(const std::string& site) {
    std::vector<ReplicaReport> reports;
    for (const ReplicaOrder& order : sync(site).run) {
      reports.push_back({order.id, order.generation, ReplicaPhase::ready, "", 0});
    }
    sync(site, reports);
    REQUIRE(control->step());
  }
  ReplicaPhase phase_at(const std::string& site) const {
    for (const Replica& replica : control->snapshot()->replicas) {
      if (replica.site.str() == site) return replica.phase;
    }
    return ReplicaPhase::failed;
  }
  std::set<std::string> replica_sites() const {
    std::set<std::string> sites;
    for (const Replica& replica : control->snapshot()->replicas) sites.insert(replica.site.str());
    return sites;
  }

  ports::InlineRuntime runtime;
  adapters::MemoryStateStore memory{runtime};
  FlakyStateStore store{memory};
  adapters::MemoryStateStore usage_memory{runtime};
  FlakyStateStore usage_store{usage_memory};
  UsageBook usage{runtime, usage_store};
  ControlConfig config;
  BlobStore* blobs;
  std::unique_ptr<Control> control;
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "barrio-control-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace barrio::control
