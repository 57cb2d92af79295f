#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/http_world_test.h"

namespace barrio::control::config_test {

namespace {

const TenantId traffic = TenantId::of("traffic");
const TenantId harbour = TenantId::of("harbour");

/// A network whose sites report twice a second what their gateways see, and take the snapshots that they are given.
struct Sites {
  explicit Sites(World& over) : world(over) {
    for (const Site& site : over.config.network.sites) {
      if (site.status == SiteStatus::active) names.push_back(site.id.str());
    }
    pass(1s);
  }

  static Flow flow(const AppKey& app, int64_t answered, int64_t refused) {
    Flow made;
    made.app = app;
    made.place = "there";
    made.location = {40.4, -3.7};
    made.answered = answered;
    made.refused = refused;
    made.total = {20, 60};
    return made;
  }

  void report(const std::string& site) {
    SiteReport report{SiteId::of(site), held[site].version, "127.0.0.1:7000", {}, {}};
    // Each has a few more than the one before it.
    const auto index = std::ranges::find(names, site) - names.begin();
    report.flows = {flow({traffic, AppName::of("street")}, 100 + index, bad(site) ? 60 : 0)};
    const bool refuses = refusing.contains(site) && (refused[site] != 0 || nameless);
    if (refuses) report.refused = RefusedSnapshot{nameless ? 0 : refused[site], "paths.stretch: is not for here"};
    for (const ReplicaOrder& order : running[site]) {
      report.replicas.push_back({order.id, order.generation, ReplicaPhase::ready, "", 0});
    }
    const auto orders = world.control->sync(report);
    if (!orders) return;
    running[site] = orders->run;
    if (!orders->snapshot) return;
    ++given[site];
    if (refusing.contains(site)) {
      refused[site] = orders->snapshot->version;
      return;
    }
    // As it comes over the wire.
    const auto json = parse_json(print_json(to_json(*orders->snapshot)));
    REQUIRE(json);
    auto read = from_json<Snapshot>(*json, "snapshot");
    REQUIRE_MESSAGE(read, (read ? "" : read.error().text()));
    held[site] = std::move(*read);
  }
  bool bad(const std::string& site) { return poison(held[site]); }

  void pass(Duration time) {
    for (Duration gone{}; gone < time; gone += 500ms) {
      world.runtime.sleep_until(world.runtime.now() + 500ms);
      for (const std::string& site : names) {
        if (!silent.contains(site)) report(site);
      }
      static_cast<void>(world.control->step());
    }
  }

  /// Those whose snapshot is so.
  std::set<std::string> with(const std::function<bool(const Snapshot&)>& is) {
    std::set<std::string> found;
    for (const std::string& site : names) {
      if (is(held[site])) found.insert(site);
    }
    return found;
  }

  World& world;
  std::vector<std::string> names;
  std::map<std::string, Snapshot> held;
  std::map<std::string, std::vector<ReplicaOrder>> running;
  std::set<std::string> silent;
  std::set<std::string> refusing;
  std::map<std::string, int64_t> refused;  // the version that each refused last
  bool nameless = false;                   // they cannot even tell which
  std::map<std::string, int> given;        // how many snapshots
  std::function<bool(const Snapshot&)> poison = [](const Snapshot&) { return false; };
};

NetworkSettings stretched(const World& world, double stretch) {
  NetworkSettings settings = world.control->network_settings();
  settings.paths.stretch = stretch;
  return settings;
}

std::function<bool(const Snapshot&)> has_stretch(double stretch) {
  return [stretch](const Snapshot& snapshot) { return snapshot.network.paths.stretch == stretch; };
}

AppSpec street(Duration latency) {
  AppSpec spec = people_app("street", "ES");
  spec.objective.latency = latency;
  return spec;
}

std::function<bool(const Snapshot&)> has_latency(Duration latency) {
  return [latency](const Snapshot& snapshot) {
    return !snapshot.apps.empty() && snapshot.apps.front().spec.objective.latency == latency;
  };
}

std::string stage_of(const World& world) {
  const auto changes = world.control->config().changes;
  return changes.empty() ? "none" : changes.front().stage;
}

bool was_told(World& world, const std::string& kind, const std::string& detail = "") {
  const auto events = world.control->events().after(0, {}).events;
  return std::ranges::any_of(
      events, [&](const Event& event) { return event.kind == kind && event.detail.find(detail) != std::string::npos; });
}

}  // namespace

TEST_CASE("a change of the delay priors is at one site, then at a quarter, a half, and all, and placement waits") {
  World world;
  Sites sites(world);
  REQUIRE(world.control->set_network_settings(stretched(world, 3), {"operator", "operator"}));
  sites.pass(1s);
  // The one with the fewest requests.
  CHECK(sites.with(has_stretch(3)) == std::set{sites.names.front()});
  CHECK(world.control->config().changes.at(0).sites == std::vector{SiteId::of(sites.names.front())});
  sites.pass(19s);
  CHECK(sites.with(has_stretch(3)).size() == 1);
  sites.pass(3s);
  CHECK(sites.with(has_stretch(3)).size() == 3);
  sites.pass(6s);
  CHECK(sites.with(has_stretch(3)).size() == 5);
  sites.pass(6s);
  CHECK(sites.with(has_stretch(3)).size() == 10);
  CHECK(stage_of(world) == "portions");
  sites.pass(6s);
  CHECK(stage_of(world) == "none");
  CHECK(sites.with(has_stretch(3)).size() == 10);
  CHECK(was_told(world, "config.stage", "at " + sites.names.front()));
  CHECK(was_told(world, "config.done"));
}

TEST_CASE("one that makes the first site's requests fail goes back within a minute, by itself and to nobody else") {
  World world;
  REQUIRE(world.control->deploy(traffic, street(250ms)));
  Sites sites(world);
  sites.poison = has_stretch(3);
  sites.pass(5s);
  REQUIRE(world.control->set_network_settings(stretched(world, 3), {"operator", "operator"}));
  std::set<std::string> reached;
  for (int second = 0; second < 60; ++second) {
    sites.pass(1s);
    reached.merge(sites.with(has_stretch(3)));
  }
  CHECK(reached == std::set{sites.names.front()});
  CHECK(sites.with(has_stretch(3)).empty());
  CHECK(stage_of(world) == "failed");
  const auto failed = world.control->config().changes.at(0);
  CHECK(has_text(failed.reason, sites.names.front() + ": 38 % of its requests are refused or late"));
  CHECK(world.control->config().rolled_back == 1);
  CHECK(was_told(world, "config.failed", "38 %"));
  const auto log = world.control->audit(world.control->wall() - 1h, world.control->wall() + 1h, {});
  REQUIRE(log);
  CHECK(std::ranges::any_of(
      *log, [](const api::AuditEntry& entry) { return entry.action == "config rollback" && entry.by == "control"; }));

  // Whoever begins to lead then knows it, too, and gives it to nobody.
  world.restart();
  sites.pass(30s);
  CHECK(sites.with(has_stretch(3)).empty());
  CHECK(stage_of(world) == "failed");
  CHECK(world.control->network_settings().paths.stretch == 3);

  sites.poison = has_stretch(4);
  REQUIRE(world.control->retry_config("network", {}));
  CHECK(world.control->retry_config("network", {}).error().code == Code::conflict);
  sites.pass(60s);
  CHECK(sites.with(has_stretch(3)).size() == 10);
  CHECK(stage_of(world) == "none");
  CHECK(world.control->retry_config("network", {}).error().code == Code::not_found);
}

TEST_CASE("a member that begins to lead goes on with a change where it stands, and soaks it again") {
  World world;
  Sites sites(world);
  REQUIRE(world.control->set_network_settings(stretched(world, 3), {}));
  sites.pass(15s);
  const auto first = sites.with(has_stretch(3));
  CHECK(first.size() == 1);
  world.restart();
  sites.pass(15s);
  CHECK(sites.with(has_stretch(3)) == first);
  sites.pass(7s);
  CHECK(sites.with(has_stretch(3)).size() == 3);
}

TEST_CASE("a first site that falls silent, or refuses the snapshot, takes the change back") {
  for (const bool refuses : {true, false}) {
    CAPTURE(refuses);
    World world;
    Sites sites(world);
    const std::string first = sites.names.front();
    if (refuses) sites.refusing.insert(first);
    REQUIRE(world.control->set_network_settings(stretched(world, 3), {}));
    sites.pass(2s);
    if (!refuses) sites.silent.insert(first);
    sites.pass(15s);
    CHECK(stage_of(world) == "failed");
    const std::string reason = world.control->config().changes.at(0).reason;
    CHECK(has_text(reason, first + (refuses ? ": refuses it: paths.stretch: is not for here" : ": is silent")));
    CHECK(sites.with(has_stretch(3)).size() == (refuses ? 0 : 1));
    sites.silent.clear();
    if (refuses) CHECK(world.control->config().refusals.at(0).site.str() == first);
    sites.refusing.clear();
    sites.refused.clear();
    sites.pass(2s);
    CHECK(sites.with(has_stretch(3)).empty());
    CHECK(world.control->config().refusals.empty());
  }
}

TEST_CASE("force gives a change to all at once, and a change back before it came ends it") {
  World world;
  Sites sites(world);
  const double was = world.control->network_settings().paths.stretch;
  REQUIRE(world.control->set_network_settings(stretched(world, 3), {}));
  sites.pass(2s);
  REQUIRE(world.control->set_network_settings(stretched(world, was), {}));
  sites.pass(1s);
  CHECK(stage_of(world) == "none");
  CHECK(sites.with(has_stretch(was)).size() == 10);
  CHECK(was_told(world, "config.withdrawn"));
  CHECK(!was_told(world, "config.done"));
  REQUIRE(world.control->set_network_settings(stretched(world, 3), {}));
  sites.pass(2s);
  REQUIRE(world.control->force_config("network", {}));
  sites.pass(1s);
  CHECK(sites.with(has_stretch(3)).size() == 10);
  CHECK(world.control->force_config("network", {}).error().code == Code::not_found);
  NetworkSettings nobodys = stretched(world, 3);
  nobodys.operators.clear();
  CHECK(world.control->set_network_settings(nobodys, {}).error().where == "sites[0].owner");
}

TEST_CASE("an app's objective is staged; its policy, a lower limit, a key that ends and a drained site never wait") {
  World world(with_accounts());
  REQUIRE(world.control->deploy(traffic, street(250ms)));
  Sites sites(world);
  const auto key = world.control->create_key(traffic, {});
  REQUIRE(key);
  AppSpec spec = street(200ms);
  REQUIRE(world.control->deploy(traffic, spec));
  sites.pass(1s);
  CHECK(sites.with(has_latency(200ms)).size() == 1);
  CHECK(sites.with([](const Snapshot& snapshot) { return snapshot.api_keys.size() == 1; }).size() == 10);

  spec.policy.jurisdictions = {*Jurisdiction::parse("ES-MD")};
  spec.limits.emplace().requests_per_second = 5;
  REQUIRE(world.control->deploy(traffic, spec));
  REQUIRE(world.control->revoke_key(traffic, key->id));
  REQUIRE(world.control->set_quota(traffic, {.requests_per_second = 7}));
  REQUIRE(world.control->set_status(SiteId::of("bcn1"), SiteStatus::draining));
  sites.pass(1s);
  const auto urgent = sites.with([](const Snapshot& snapshot) {
    const App& app = snapshot.apps.front();
    return app.spec.policy.jurisdictions.front().str() == "ES-MD" && app.spec.limits->requests_per_second == 5 &&
           snapshot.api_keys.empty() && snapshot.quotas.at("traffic").requests_per_second == 7 &&
           snapshot.network.find(SiteId::of("bcn1"))->status == SiteStatus::draining;
  });
  CHECK(urgent.size() == 10);
  CHECK(sites.with(has_latency(200ms)).size() == 1);
  REQUIRE(world.control->remove({traffic, spec.name}));
  sites.pass(1s);
  CHECK(sites.with([](const Snapshot& snapshot) { return snapshot.apps.empty(); }).size() == 10);
  CHECK(stage_of(world) == "none");
}

TEST_CASE("what a document says beside its staged settings comes at once, and every site can read what it is given") {
  World world;
  AppSpec spec = street(250ms);
  spec.work = RequestWork{.device_time = 20ms};
  spec.replicas = 2;
  spec.scale = ScaleSpec{.most = 3, .idle = {}, .warm_up = 5s};
  REQUIRE(world.control->deploy(traffic, spec));
  Sites sites(world);
  spec.replicas = 5;
  spec.scale->most = 10;
  spec.objective.latency = 200ms;
  REQUIRE(world.control->deploy(traffic, spec));
  sites.pass(1s);
  CHECK(sites
            .with([](const Snapshot& snapshot) {
              const AppSpec& app = snapshot.apps.front().spec;
              return app.replicas == 5 && app.scale->most == 10;
            })
            .size() == 10);
  CHECK(sites.with(has_latency(200ms)).size() == 1);
}

TEST_CASE("a site that asks while control has read a newer state is given the snapshot with what was held then") {
  World world;
  Sites sites(world);
  const double was = world.control->network_settings().paths.stretch;
  REQUIRE(world.control->set_network_settings(stretched(world, 3), {}));
  sites.pass(2s);
  const SiteId first = SiteId::of(sites.names.front());
  const SiteId other = SiteId::of(sites.names.back());
  // Another address is to be written in the step after the change, in which nothing is held any more.
  REQUIRE(world.control->sync({first, sites.held[first.str()].version, "127.0.0.1:7001", {}, {}}));
  int asked = 0;
  world.store.meanwhile = [&] {
    const auto orders = world.control->sync({other, 0, "127.0.0.1:7000", {}, {}});
    REQUIRE(orders);
    REQUIRE(orders->snapshot);
    CHECK(!has_stretch(3)(*orders->snapshot));
    ++asked;
  };
  REQUIRE(world.control->set_network_settings(stretched(world, was), {}));
  CHECK(asked == 2);
}

TEST_CASE("a site that refuses its snapshots already is not the first one, and fails no change") {
  for (const bool nameless : {false, true}) {
    CAPTURE(nameless);
    World world;
    Sites sites(world);
    const std::string old = sites.names.front();
    sites.nameless = nameless;
    sites.refusing.insert(old);
    REQUIRE(world.control->deploy(traffic, street(250ms)));
    sites.pass(3s);
    CHECK(world.control->config().refusals.size() == 1);
    REQUIRE(world.control->set_network_settings(stretched(world, 3), {}));
    sites.pass(1s);
    CHECK(sites.with(has_stretch(3)) == std::set{sites.names.at(1)});
    sites.given.clear();
    sites.pass(50s);
    CHECK(stage_of(world) == "none");
    CHECK(sites.with(has_stretch(3)).size() == 9);
    // Each new one once, and not at every sync.
    CHECK(sites.given[old] < 10);
  }
}

TEST_CASE("a second try is held against what was before the first one, not against what that did") {
  for (const bool replaced : {false, true}) {
    CAPTURE(replaced);
    World world;
    REQUIRE(world.control->deploy(traffic, street(250ms)));
    Sites sites(world);
    sites.poison = [](const Snapshot& snapshot) { return snapshot.network.paths.stretch >= 3; };
    sites.pass(5s);
    sites.silent.insert(sites.names.begin() + 1, sites.names.end());
    sites.pass(5s);
    REQUIRE(world.control->set_network_settings(stretched(world, 3), {}));
    for (int i = 0; i < 20 && stage_of(world) != "failed"; ++i) sites.pass(500ms);
    REQUIRE(stage_of(world) == "failed");
    if (replaced)
      REQUIRE(world.control->set_network_settings(stretched(world, 4), {}));
    else
      REQUIRE(world.control->retry_config("network", {}));
    CHECK(stage_of(world) == "first");
    sites.pass(10s);
    CHECK(stage_of(world) == "failed");
  }
}

TEST_CASE("where there is room for no change, what takes away from somebody still gets through") {
  World world(with_accounts());
  REQUIRE(world.control->deploy(traffic, street(250ms)));
  REQUIRE(world.control->set_quota(traffic, {.requests_per_second = 700}));
  world.config.most_snapshot_bytes = static_cast<size_t>(world.control->config().snapshot_bytes) * 5 / 4;
  world.restart();
  AppSpec more = street(250ms);
  more.name = AppName::of("another");
  CHECK(world.control->deploy(traffic, more).error().error.code == Code::exhausted);
  CHECK(!world.control->set_quota(traffic, {.requests_per_second = 700, .receipts = true}));
  CHECK(world.control->set_quota(traffic, {.requests_per_second = 600.125}));
  AppSpec stricter = street(250ms);
  stricter.policy.jurisdictions = {*Jurisdiction::parse("ES-MD"), *Jurisdiction::parse("ES-CT")};
  stricter.limits.emplace().requests_per_second = 5;
  CHECK(world.control->deploy(traffic, stricter));
  CHECK(world.control->set_status(SiteId::of("bio1"), SiteStatus::draining));
}

TEST_CASE("a cap is refused where the snapshot has no room for what it says once the cap is reached") {
  World world(with_accounts());
  const auto present = static_cast<size_t>(world.control->config().snapshot_bytes);
  const TenantId harbour = TenantId::of("harbour");
  const Euros cap = *Euros::parse("100EUR");
  // A quarter is kept for what takes away.
  world.config.most_snapshot_bytes = (present + 210) / 3 * 4 + 4;
  world.restart();
  REQUIRE(world.control->set_spend_cap(traffic, cap));
  CHECK(world.control->set_spend_cap(harbour, cap).error().code == Code::exhausted);
  CHECK(world.control->set_spend_cap(traffic, *Euros::parse("50EUR")));
  REQUIRE(world.control->remove_spend_cap(traffic));
  CHECK(world.control->set_spend_cap(harbour, cap));
}

TEST_CASE("a snapshot that was too large is no fault any more once it is as it was, and no tenant is told of it") {
  World world;
  world.config.most_snapshot_bytes = static_cast<size_t>(world.control->config().snapshot_bytes) + 1000;
  world.restart();
  Sites sites(world);
  REQUIRE(world.control->config().fault.empty());
  const auto bytes = world.control->config().snapshot_bytes;
  const auto speak = [&](const std::string& address) {
    for (const std::string& site : sites.names) REQUIRE(world.control->sync({SiteId::of(site), 0, address, {}, {}}));
    REQUIRE(world.control->step());
  };
  speak("https://" + std::string(200, 'x') + ":7000");
  CHECK(has_text(world.control->config().fault, "sites take"));
  CHECK(world.control->config(traffic).fault.empty());
  speak("127.0.0.1:7000");
  CHECK(world.control->config().fault.empty());
  CHECK(world.control->config().snapshot_bytes == bytes);
}

TEST_CASE("what a lost site served is elsewhere at once, while a change is on its way or has failed") {
  World world;
  REQUIRE(world.control->deploy(traffic, street(250ms)));
  Sites sites(world);
  sites.poison = has_stretch(3);
  sites.pass(5s);
  REQUIRE(world.control->set_network_settings(stretched(world, 3), {}));
  sites.pass(1s);
  const std::string lost = sites.names.at(4);
  const auto believes_ready = [&](const Snapshot& snapshot) {
    return std::ranges::any_of(snapshot.replicas, [&](const Replica& replica) {
      return replica.site.str() == lost && replica.phase == ReplicaPhase::ready;
    });
  };
  CHECK(sites.with(believes_ready).size() == 10);
  sites.silent.insert(lost);
  sites.pass(11s);
  CHECK(sites.with(believes_ready) == std::set{lost});
  CHECK(stage_of(world) == "failed");
}

TEST_CASE("a higher quota waits, a lower one does not") {
  World world(with_accounts());
  Sites sites(world);
  const auto rate = [&](double wanted) {
    return sites
        .with([&](const Snapshot& snapshot) {
          const auto quota = snapshot.quotas.find("harbour");
          return quota != snapshot.quotas.end() && quota->second.requests_per_second == wanted;
        })
        .size();
  };
  TenantQuota quota;
  quota.requests_per_second = 9000;
  REQUIRE(world.control->set_quota(harbour, quota));
  sites.pass(1s);
  CHECK(rate(9000) == 1);
  quota.requests_per_second = 100;
  REQUIRE(world.control->set_quota(harbour, quota));
  sites.pass(1s);
  CHECK(rate(100) == 10);
  CHECK(stage_of(world) == "none");
}

TEST_CASE("a change that would make the snapshot too large is refused before it is made, and says what would help") {
  ControlConfig config = with_accounts();
  config.most_snapshot_bytes = 40 * 1024;
  World world(config);
  const auto version = world.control->snapshot()->version;
  AppSpec spec = street(250ms);
  for (int i = 0; i < 300; ++i) spec.demand.push_back({"place " + std::to_string(i), {40.4, -3.7}});
  const auto refused = world.control->deploy(traffic, spec);
  REQUIRE(!refused);
  CHECK(refused.error().error.code == Code::exhausted);
  CHECK(has_text(refused.error().error.what, "the snapshot that every site keeps would have"));
  CHECK(world.control->snapshot()->version == version);
  REQUIRE(world.control->deploy(traffic, street(250ms)));
}

TEST_CASE("a snapshot that is larger than sites take is not given out: they keep the one before, and it is told") {
  World world;
  REQUIRE(world.control->deploy(traffic, street(250ms)));
  Sites sites(world);
  // As after an upgrade that allows less.
  world.config.most_snapshot_bytes = 1000;
  world.control = std::make_unique<Control>(world.runtime, world.store, world.config, nullptr, &world.usage);
  REQUIRE(world.control->start());
  CHECK(world.control->snapshot() == nullptr);
  CHECK(has_text(world.control->config().fault, "sites take 0 KiB"));
  CHECK(world.control->sync({SiteId::of("bio1"), 0, "127.0.0.1:7000", {}, {}}).error().code == Code::unavailable);
}

TEST_CASE("over HTTP: changes on their way, retry and force, and the network's settings") {
  HttpWorld world;
  Sites sites(world);
  const Json settings = json_of(world.ask("GET", "/barrio/v1/config/network", "ops"));
  Json changed = settings;
  changed.at("paths").at("stretch") = 3;
  const std::string wanted = print_json(changed);
  CHECK(world.status("PUT", "/barrio/v1/config/network", "traffic", wanted) == 403);
  changed.at("operators") = JsonArray();
  CHECK(world.status("PUT", "/barrio/v1/config/network", "ops", print_json(changed)) == 400);
  CHECK(world.status("PUT", "/barrio/v1/config/network", "ops", wanted) == 200);
  sites.pass(1s);
  const Json config = json_of(world.ask("GET", "/barrio/v1/config", "ops"));
  CHECK(config.at("changes").at(0).at("what") == "network");
  CHECK(config.at("changes").at(0).at("stage") == "first");
  CHECK(config.at("changes").at(0).at("by") == "operator");
  CHECK(json_of(world.ask("GET", "/barrio/v1/config", "traffic")).at("changes").as_array().empty());
  CHECK(has_text(world.ask("GET", "/metrics").body, "barrio_control_config_under_way 1"));

  const std::string named = R"({"what":"network"})";
  CHECK(world.status("POST", "/barrio/v1/config/retry", "ops", named) == 409);
  sites.silent.insert(sites.names.front());
  sites.pass(20s);
  CHECK(has_text(world.ask("GET", "/metrics").body, "barrio_control_config_failed 1"));
  CHECK(world.status("POST", "/barrio/v1/config/retry", "ops", named) == 200);
  CHECK(world.status("POST", "/barrio/v1/config/force", "ops", named) == 200);
  CHECK(world.status("POST", "/barrio/v1/config/force", "ops", named) == 404);
  CHECK(world.status("POST", "/barrio/v1/config/force", "traffic", named) == 403);
  CHECK(json_of(world.ask("GET", "/barrio/v1/config", "ops")).at("changes").as_array().empty());
}

}  // namespace barrio::control::config_test
