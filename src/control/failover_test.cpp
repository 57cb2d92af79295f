#include <doctest/doctest.h>

#include <algorithm>

#include "base/text.h"
#include "control/http_world_test.h"
#include "control/world_test.h"

namespace barrio::control::failover_test {

namespace {

const TenantId traffic = TenantId::of("traffic");
using Sites = std::set<std::string>;

/// Every active site but the silent ones reports what it runs each second.
struct Reporting : World {
  using World::World;
  /// Replicas become ready within a second, or, not `ready`, go on starting.
  void pass(int seconds, const Sites& silent = {}, bool ready = true) {
    for (int i = 0; i < seconds; ++i) {
      for (const Site& site : config.network.sites) {
        const std::string& id = site.id.str();
        if (site.status != SiteStatus::active || silent.contains(id)) continue;
        SiteReport report;
        report.site = site.id;
        report.gateway = id + ":7000";
        report.flows = flows[id];
        if (runs.contains(id)) report.runs = runs.at(id);
        for (const ReplicaOrder& order : ordered[id]) {
          if (order.leave_within && left.contains(order.id)) continue;
          if (order.leave_within) left.insert(order.id);
          const bool serves = ready || was_ready.contains(order.id);
          if (serves) was_ready.insert(order.id);
          report.replicas.push_back(
              {order.id, order.generation, serves ? ReplicaPhase::ready : ReplicaPhase::starting, "", 0});
        }
        const auto orders = control->sync(report);
        REQUIRE(orders);
        ordered[id] = orders->run;
      }
      runtime.sleep_for(1s);
      REQUIRE(control->step());
    }
  }

  void deploy(const std::string& name, double percentile = 99, int replicas = 1) {
    AppSpec spec = people_app(name, "ES");
    spec.objective.percentile = percentile;
    spec.replicas = replicas;
    REQUIRE(control->deploy(traffic, spec));
  }

  Sites sites_of(const std::string& name) const {
    Sites sites;
    for (const Replica& replica : control->snapshot()->replicas) {
      if (replica.app.name.str() == name) sites.insert(replica.site.str());
    }
    return sites;
  }

  std::string detail(const std::string& name, const std::string& site) const {
    const auto explained = control->explain({traffic, AppName::of(name)});
    for (const api::DecisionView& decision : explained->decisions) {
      if (decision.site.str() == site) return decision.detail;
    }
    return "";
  }

  std::vector<std::string> told(int64_t after) const {
    std::vector<std::string> all;
    for (const Event& event : control->events().after(after, {}).events) {
      if (event.kind.starts_with("failover.")) all.push_back(event.kind + " " + event.what + " " + event.detail);
    }
    return all;
  }

  /// What a gateway sees of an app: so many of its requests are answered at `served_by`.
  void see(const std::string& name, const std::string& served_by, int64_t answered) {
    Flow flow;
    flow.app = {traffic, AppName::of(name)};
    flow.place = "Madrid";
    flow.location = {40.42, -3.70};
    flow.served_by = SiteId::of(served_by);
    flow.answered = answered;
    flow.seconds = 10;
    flows["agp1"] = {flow};
  }

  std::map<std::string, std::vector<ReplicaOrder>> ordered;
  std::map<std::string, std::vector<Flow>> flows;
  std::map<std::string, SiteRuns> runs;
  std::set<ReplicaId> was_ready;
  std::set<ReplicaId> left;  // they end a second after they may
};

void deploy_beside_bilbao(Reporting& world, const std::string& name) {
  AppSpec spec = people_app(name, "ES");
  spec.policy = {{}, {SiteId::of("bio1"), SiteId::of("mad1")}, {}};
  spec.replicas = 1;
  spec.demand = {{.name = "there", .location = {43.25722, -2.92391}}};
  REQUIRE(world.control->deploy(traffic, spec));
}

/// The app runs at one site, which is lost until it runs elsewhere, too. Where it was.
Sites deploy_and_lose(Reporting& world) {
  world.deploy("street");
  world.pass(3);
  Sites home = world.sites_of("street");
  world.pass(15, home);
  REQUIRE(world.sites_of("street").size() == 2);
  return home;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a container stands at the sites that say they run any, and moves where that changes") {
  TemporaryFolder folder;
  ports::InlineRuntime runtime;
  BlobStore blobs(runtime, {.folder = folder.path()});
  Reporting world({}, &blobs);
  for (const Site& site : world.config.network.sites) world.runs[site.id.str()] = {.containers = false};
  world.runs["svq1"].containers = true;
  AppSpec spec = people_app("hello", "ES");
  spec.model = {Backend::none, "", "", ""};
  const auto key = Ed25519Key::generate();
  REQUIRE(key);
  spec.container.emplace();
  spec.container->image = *ImageReference::parse("hello@sha256:" + std::string(64, 'a'));
  spec.container->sha256 = sha256_hex("archive");
  spec.container->signed_by = key->public_key();
  spec.container->signature = base64url(key->sign(spec.container->image.signed_text()));
  spec.replicas = 1;
  REQUIRE(world.control->add_model(traffic, spec.container->sha256, "archive"));
  world.pass(2);
  REQUIRE(world.control->deploy(traffic, spec));
  world.pass(3);
  CHECK(world.sites_of("hello") == Sites{"svq1"});
  CHECK(world.detail("hello", "mad1") == "mad1 runs no containers");
  world.runs["mad1"].containers = true;
  world.runs["svq1"].containers = false;
  world.pass(6);
  CHECK(world.sites_of("hello") == Sites{"mad1"});
}

TEST_CASE("what a silent site had is made elsewhere after ten seconds, and its own is kept for its return") {
  Reporting world;
  world.deploy("street");
  world.pass(3);
  const Sites home = world.sites_of("street");
  REQUIRE(home.size() == 1);
  const int64_t after = world.control->events().last();
  world.pass(8, home);
  CHECK(world.sites_of("street") == home);
  CHECK(world.control->figures().lost_sites == 0);
  world.pass(2, home);
  CHECK(world.sites_of("street").size() == 2);
  CHECK(world.control->figures().lost_sites == 1);
  CHECK(has(world.detail("street", *home.begin()), "is kept for the return of its site, which is lost"));
  CHECK(world.told(after) ==
        std::vector<std::string>{"failover.begun " + *home.begin() +
                                 " 1 replicas; 1 to be made elsewhere, 0 apps have no other place"});
  // The figures are of all tenants' apps.
  for (const Event& event : world.control->events().after(after, traffic).events)
    CHECK((event.kind != "failover.begun" || event.detail.empty()));
  world.pass(300, home);
  CHECK(world.sites_of("street").size() == 2);
}

TEST_CASE("what was made elsewhere goes when the site has been back for a while and has answered") {
  Reporting world;
  const Sites home = deploy_and_lose(world);
  const Sites both = world.sites_of("street");
  std::string other;
  for (const std::string& site : both) other = home.contains(site) ? other : site;
  const int64_t after = world.control->events().last();
  world.see("street", other, 10);
  world.pass(40);
  CHECK(world.told(after) == std::vector<std::string>{"failover.over " + *home.begin() + " "});
  // It is asked, and the one that is back has answered nothing yet.
  CHECK(world.sites_of("street") == both);
  CHECK(!world.ordered[other].at(0).leave_within);
  world.see("street", *home.begin(), 10);
  world.pass(2);
  CHECK(world.ordered[other].at(0).leave_within == 30s);
  world.pass(3);
  CHECK(world.sites_of("street") == home);
}

TEST_CASE("two at a time start at a target, hard objectives first, and the others say what they wait for") {
  Reporting world;
  for (int i = 0; i < 4; ++i) {
    AppSpec spec = people_app("app" + std::to_string(i), "ES");
    spec.objective.percentile = i < 2 ? 50 : 99;
    spec.policy = {{}, {SiteId::of("bio1"), SiteId::of("mad1")}, {}};
    spec.replicas = 1;
    spec.demand = {{.name = "there", .location = {43.25722, -2.92391}}};
    REQUIRE(world.control->deploy(traffic, spec));
  }
  world.pass(3);
  REQUIRE(world.sites_of("app0") == Sites{"bio1"});
  world.pass(11, {"bio1"}, false);
  const auto begun = [&] {
    Sites names;
    for (const Replica& replica : world.control->snapshot()->replicas) {
      if (replica.site.str() == "mad1") names.insert(replica.app.name.str());
    }
    return names;
  };
  CHECK(begun() == Sites{"app2", "app3"});
  CHECK(world.control->figures().moves_wait == 2);
  CHECK(has(world.detail("app0", "mad1"), "waits until those before it at mad1 are ready"));
  world.pass(60, {"bio1"}, false);
  CHECK(begun() == Sites{"app2", "app3"});
  // What does not get ready has had its time after two minutes.
  world.pass(70, {"bio1"}, false);
  CHECK(begun() == Sites{"app0", "app1", "app2", "app3"});
  CHECK(world.control->figures().moves_wait == 0);
}

TEST_CASE("what has yet to begin does not, once it is served again where it was lost") {
  Reporting world;
  for (int i = 0; i < 4; ++i) deploy_beside_bilbao(world, "app" + std::to_string(i));
  world.pass(3);
  world.pass(12, {"bio1"}, false);
  world.pass(20);
  CHECK(world.sites_of("app0") == Sites{"bio1", "mad1"});
  CHECK(world.sites_of("app2") == Sites{"bio1"});
  CHECK(world.control->figures().moves_wait == 2);
  world.pass(20);
  CHECK(world.control->figures().moves_wait == 0);
  CHECK(world.sites_of("app0") == Sites{"bio1"});
}

TEST_CASE("a site that comes and goes holds up what is to begin no longer than one that is silent") {
  Reporting world;
  for (int i = 0; i < 4; ++i) deploy_beside_bilbao(world, "app" + std::to_string(i));
  world.pass(3);
  world.pass(12, {"bio1"}, false);
  for (int round = 0; round < 40; ++round) {
    world.pass(1);
    world.pass(6, {"bio1"});
  }
  CHECK(world.control->figures().moves_wait == 0);
  for (int i = 0; i < 4; ++i) CHECK(world.sites_of("app" + std::to_string(i)) == Sites{"bio1", "mad1"});
}

TEST_CASE("what is to be made elsewhere is in the first commit, however much else there is to write") {
  Reporting world;
  world.deploy("street");
  world.pass(3);
  const Sites home = world.sites_of("street");
  for (int i = 0; i < 15; ++i) world.deploy("app" + std::to_string(i), 99, 9);
  world.pass(8, home, false);
  REQUIRE(world.sites_of("street") == home);
  world.pass(1, home);
  CHECK(world.control->figures().lost_sites == 1);
  CHECK(world.sites_of("street").size() == 2);
}

TEST_CASE("where each draining site's replicas are served decides what comes first: at a silent one they are not") {
  ControlConfig config;
  config.moves.at_once = 1;
  Reporting world(config);
  const auto deploy = [&](const std::string& name, const Sites& sites) {
    AppSpec spec = people_app(name, "ES");
    spec.policy = {};
    for (const std::string& site : sites) spec.policy.sites.push_back(SiteId::of(site));
    spec.replicas = 1;
    REQUIRE(world.control->deploy(traffic, spec));
  };
  deploy("a-served", {"bio1"});
  deploy("b-silent", {"vlc1"});
  world.pass(3);
  deploy("a-served", {"bio1", "mad1"});
  deploy("b-silent", {"vlc1", "mad1"});
  world.pass(3);
  REQUIRE(world.sites_of("a-served") == Sites{"bio1"});
  REQUIRE(world.sites_of("b-silent") == Sites{"vlc1"});
  deploy("first", {"mad1"});
  world.pass(2, {}, false);
  for (const char* site : {"bio1", "vlc1"}) REQUIRE(world.control->set_status(SiteId::of(site), SiteStatus::draining));
  world.pass(60, {"vlc1"}, false);
  REQUIRE(world.control->figures().moves_wait == 2);
  // Until the first has had its time.
  for (int second = 0; second < 120 && world.control->figures().moves_wait == 2; ++second)
    world.pass(1, {"vlc1"}, false);
  CHECK(world.sites_of("b-silent") == Sites{"mad1", "vlc1"});
  CHECK(world.sites_of("a-served") == Sites{"bio1"});
}

TEST_CASE("sites that were lost before do not keep control from seeing that others are lost now") {
  Reporting world;
  world.pass(3);
  Sites silent = {"agp1", "bcn1", "bio1", "vlc1"};
  world.pass(100, silent);
  CHECK(world.control->figures().lost_sites == 4);
  silent.merge(Sites{"mad2", "svq1"});
  world.pass(12, silent);
  CHECK(world.control->figures().lost_sites == 6);
  // Of the four that were heard until now none is: that is control.
  CHECK(world.control->figures().failover_withheld == 0);
  const int64_t after = world.control->events().last();
  Sites all = silent;
  for (const Site& site : world.config.network.sites) all.insert(site.id.str());
  world.pass(60, all);
  CHECK(world.control->figures().lost_sites == 6);
  CHECK(world.control->figures().failover_withheld == 1);
  world.pass(1, silent);
  CHECK(world.control->figures().failover_withheld == 0);
  CHECK(world.told(after) ==
        std::vector<std::string>{"failover.withheld control most sites are silent: nothing is made elsewhere",
                                 "failover.resumed control "});
}

TEST_CASE("a control that hears from few sites, or begins to lead, moves nothing for that") {
  Reporting world;
  world.deploy("street");
  world.pass(3);
  const Sites home = world.sites_of("street");
  Sites most = home;
  for (const Site& site : world.config.network.sites) {
    if (site.status == SiteStatus::active && site.id.str() != "mad1") most.insert(site.id.str());
  }
  world.pass(60, most);
  CHECK(world.sites_of("street") == home);
  CHECK(world.control->figures().lost_sites == 0);
  world.restart();
  world.pass(9, home);
  CHECK(world.sites_of("street") == home);
  world.pass(3, home);
  CHECK(world.sites_of("street").size() == 2);
}

TEST_CASE("a new leader lets nothing go for what it has yet to hear of") {
  Reporting world;
  world.deploy("street", 99, 2);
  world.pass(3);
  const Sites home = world.sites_of("street");
  REQUIRE(home.size() == 2);
  const Sites silent = {*home.begin()};
  world.pass(135, silent);
  const Sites all = world.sites_of("street");
  REQUIRE(all.size() == 3);
  world.restart();
  for (int second = 0; second < 60; ++second) {
    world.pass(1, silent);
    CHECK(world.sites_of("street") == all);
    CHECK(world.left.empty());
  }
}

TEST_CASE("a new leader lets nothing go for a site that it has heard for moments, or not at all") {
  Reporting world;
  const Sites home = deploy_and_lose(world);
  const Sites both = world.sites_of("street");
  // It has been back for five seconds.
  world.see("street", *home.begin(), 10);
  world.pass(5);
  REQUIRE(world.phase_at(*home.begin()) == ReplicaPhase::ready);
  world.restart();
  SUBCASE("it stays") {
    world.pass(25);
    CHECK(world.left.empty());
    CHECK(world.sites_of("street") == both);
    world.pass(20);
    CHECK(world.sites_of("street") == home);
  }
  SUBCASE("it is gone again") {
    world.pass(60, home);
    CHECK(world.left.empty());
    CHECK(world.sites_of("street") == both);
  }
}

TEST_CASE("an app that no other site may take says so, and is there when its site is") {
  Reporting world;
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES-PV")));
  world.pass(3);
  REQUIRE(world.sites_of("street") == Sites{"bio1"});
  const int64_t after = world.control->events().last();
  world.pass(12, {"bio1"});
  CHECK(world.sites_of("street") == Sites{"bio1"});
  const auto answer = world.control->app({traffic, AppName::of("street")});
  REQUIRE(answer->placement.refusal);
  CHECK(answer->placement.refusal->reason == RefusalReason::unavailable);
  CHECK(answer->placement.refusal->nearest == "bio1 when it is back");
  CHECK(has(world.told(after).at(0), "1 apps have no other place"));
  world.pass(40);
  CHECK(world.phase_at("bio1") == ReplicaPhase::ready);
  CHECK(!world.ordered["bio1"].at(0).leave_within);
}

TEST_CASE("lost sites and what waits are in control's figures") {
  HttpWorld world;
  const std::string text = world.ask("GET", "/metrics").body;
  CHECK(has(text, "barrio_control_sites_lost 0"));
  CHECK(has(text, "barrio_control_failover_withheld 0"));
  CHECK(has(text, "barrio_control_moves_waiting 0"));
}

TEST_CASE("a site that never spoke is given nothing that others have room for, whoever leads, until it speaks") {
  Reporting world;
  const Sites silent = {"bio1"};
  world.pass(12, silent);
  deploy_beside_bilbao(world, "street");
  CHECK(world.sites_of("street") == Sites{"mad1"});
  CHECK(has(world.detail("street", "bio1"), "has never spoken to control"));
  CHECK(world.control->site(SiteId::of("bio1"))->gateway.empty());
  world.restart();
  deploy_beside_bilbao(world, "second");
  CHECK(world.sites_of("second") == Sites{"mad1"});
  AppSpec alone = people_app("alone", "ES-PV");
  alone.replicas = 1;
  REQUIRE(world.control->deploy(traffic, alone));
  CHECK(world.sites_of("alone") == silent);
  CHECK(has(world.detail("alone", "bio1"), "has never spoken to control, and no other has room"));
  // Its first words are enough.
  world.pass(1);
  CHECK(world.ordered["bio1"].size() == 1);
  deploy_beside_bilbao(world, "third");
  CHECK(world.sites_of("third") == silent);
}

/// As far as the store knows.
bool spoke(const Reporting& world, const std::string& site) {
  return !world.control->site(SiteId::of(site))->gateway.empty();
}

/// `street` is at bio1, whose machine speaks for the first time while control's store is full.
void speak_to_full_store(Reporting& world) {
  world.pass(1, {"bio1"});
  deploy_beside_bilbao(world, "street");
  REQUIRE(world.sites_of("street") == Sites{"bio1"});
  world.store.failure = Code::exhausted;
  world.store.failures = 1000;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(world.sync("bio1").run.size() == 1);
    world.runtime.sleep_for(1s);
    CHECK(world.control->step().error().code == Code::exhausted);
  }
  REQUIRE(!spoke(world, "bio1"));
}

TEST_CASE("a site that spoke for the first time while the store was full keeps what it runs when control restarts") {
  Reporting world;
  speak_to_full_store(world);
  SUBCASE("there is room before the restart, for less than a step") {
    world.store.failures = 0;
    world.restart();
    CHECK(world.sites_of("street") == Sites{"bio1"});
  }
  SUBCASE("there is room after the restart") {
    world.restart();
    CHECK(world.sites_of("street") == Sites{"bio1"});
    world.store.failures = 0;
    REQUIRE(world.control->step());
  }
  CHECK(world.sites_of("street") == Sites{"bio1"});
  world.pass(1);
  CHECK(spoke(world, "bio1"));
  world.pass(60);
  CHECK(world.sites_of("street") == Sites{"bio1"});
  CHECK(world.left.empty());
}

TEST_CASE("that a site spoke is written as soon as the store has room") {
  Reporting world;
  speak_to_full_store(world);
  world.store.failures = 0;
  REQUIRE(world.control->step());
  CHECK(spoke(world, "bio1"));
}

TEST_CASE("a site that never spoke loses what it never ran once who leads has listened to it in vain") {
  Reporting world;
  world.pass(1, {"bio1"});
  deploy_beside_bilbao(world, "street");
  REQUIRE(world.sites_of("street") == Sites{"bio1"});
  world.restart();
  world.pass(9, {"bio1"});
  CHECK(world.sites_of("street") == Sites{"bio1"});
  CHECK(*world.control->improve() == 0);
  deploy_beside_bilbao(world, "second");
  CHECK(world.sites_of("second") == Sites{"mad1"});
  world.pass(3, {"bio1"});
  CHECK(world.sites_of("street") == Sites{"mad1"});
}

TEST_CASE("while a network begins, nobody has spoken yet; who has not after ten seconds has what others take over") {
  Reporting world;
  deploy_beside_bilbao(world, "street");
  CHECK(world.sites_of("street") == Sites{"bio1"});
  world.pass(9, {"bio1"});
  CHECK(world.sites_of("street") == Sites{"bio1"});
  world.pass(3, {"bio1"});
  CHECK(world.sites_of("street") == Sites{"mad1"});
  CHECK(world.phase_at("mad1") == ReplicaPhase::ready);
  CHECK(world.control->figures().lost_sites == 0);
}

}  // namespace barrio::control::failover_test
