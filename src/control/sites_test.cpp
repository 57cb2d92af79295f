// A network that grows while it runs.

#include <doctest/doctest.h>

#include "base/rng.h"
#include "control/http_world_test.h"
#include "decide/routing/table.h"

namespace barrio::control::sites_test {

namespace {

Site new_site(const std::string& id) {
  Site site = *spain().find(SiteId::of("zaz1"));
  site.id = SiteId::of(id);
  site.city = "City of " + id;
  return site;
}

std::vector<std::string> ids(const Network& network) {
  std::vector<std::string> names;
  for (const Site& site : network.sites) names.push_back(site.id.str());
  return names;
}

std::vector<std::string> given(const World& world) {
  return ids(world.control->snapshot()->network);
}

std::string body_of(const Site& site) {
  return print_json(to_json(site));
}

}  // namespace

TEST_CASE("a site is added behind those that are there, and is there after a restart") {
  World world;
  auto expected = ids(spain());
  for (const char* id : {"zzz1", "aaa1", "mmm1"}) {
    const auto added = world.control->add_site(new_site(id));
    REQUIRE_MESSAGE(added, (added ? "" : added.error().text()));
    CHECK(*added);
    expected.emplace_back(id);
    CHECK(given(world) == expected);
  }
  world.restart();
  CHECK(given(world) == expected);
  REQUIRE(world.control->set_status(SiteId::of("aaa1"), SiteStatus::active));
  CHECK(given(world) == expected);
  AppSpec spec = people_app("counter", "ES");
  spec.policy.sites = {SiteId::of("aaa1")};
  const auto deployed = world.control->deploy(TenantId::of("traffic"), spec);
  REQUIRE(deployed);
  CHECK(world.replica_sites() == std::set<std::string>{"aaa1"});
  world.run_orders("aaa1");
  CHECK(world.phase_at("aaa1") == ReplicaPhase::ready);
}

TEST_CASE("added in any order and at any moment, sites leave the routes of the others as they were") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Rng rng(seed);
    World world;
    REQUIRE(world.control->deploy(TenantId::of("traffic"), people_app("counter", "ES-MD")));
    world.run_orders("mad1");
    const decide::RoutingTable before(world.control->snapshot());
    const size_t sites = before.site_count();
    const size_t app = *before.app_index("traffic", "counter");
    for (int i = 0; i < 8; ++i) {
      if (rng.below(3) == 0) world.restart();
      if (rng.below(3) == 0) world.run_orders("mad1");
      REQUIRE(world.control->add_site(new_site("n" + std::to_string(rng.next() % 1000000))));
      const decide::RoutingTable now(world.control->snapshot());
      CHECK(now.site_count() == sites + static_cast<size_t>(i) + 1);
      for (size_t index = 0; index < sites; ++index) CHECK(now.site(index).id == before.site(index).id);
      const decide::AppRoute& route = now.app(*now.app_index("traffic", "counter"));
      CHECK(route.permitted == before.app(app).permitted);
      CHECK(route.ready == before.app(app).ready);
    }
  }
}

TEST_CASE("a site is checked as in the network file, and errors name its field") {
  World world;
  const auto refused = [&](const Site& site, Code code, const std::string& where, std::string_view why) {
    const auto added = world.control->add_site(site);
    REQUIRE_FALSE(added);
    CHECK(added.error().code == code);
    CHECK(added.error().where == where);
    CHECK_MESSAGE(has_text(added.error().what, why), added.error().what);
  };
  Site site = new_site("tol1");
  site.owner = OperatorId::of("nobody");
  refused(site, Code::invalid, "owner", "no operator of this network, which has telefonica");
  site = new_site("tol1");
  site.city.clear();
  refused(site, Code::invalid, "city", "empty");
  for (const SiteStatus status : {SiteStatus::active, SiteStatus::draining, SiteStatus::retired}) {
    site = new_site("tol1");
    site.status = status;
    refused(site, Code::invalid, "status", "planned or testing");
  }
  refused(new_site("bio1"), Code::conflict, "id", "a site 'bio1' already");
  CHECK(given(world) == ids(spain()));
  for (size_t i = spain().sites.size(); i < max_sites; ++i)
    REQUIRE(world.control->add_site(new_site("n" + std::to_string(i))));
  refused(new_site("tol1"), Code::invalid, "sites", "at most 128");
  CHECK(world.control->snapshot()->network.sites.size() == max_sites);
}

TEST_CASE("of two that add another site under one id at once, the second is refused and overwrites nothing") {
  World world;
  Site other = new_site("tol1");
  other.city = "Toledo";
  bool once = true;
  world.store.meanwhile = [&] {
    if (std::exchange(once, false))
      REQUIRE(world.memory.commit({}, {write_site(Desired{}, other), {key::changed, "{}"}}));
  };
  const auto added = world.control->add_site(new_site("tol1"));
  REQUIRE_FALSE(added);
  CHECK(added.error().code == Code::conflict);
  CHECK(added.error().where == "id");
  world.restart();
  const Site* kept = world.control->snapshot()->network.find(SiteId::of("tol1"));
  REQUIRE(kept != nullptr);
  CHECK(kept->city == "Toledo");
}

TEST_CASE("an operator adds a site over HTTP: again changes nothing, another under its id is refused") {
  HttpWorld world;
  const std::string path = "/barrio/v1/sites/tol1";
  const Site site = new_site("tol1");
  CHECK(world.status("PUT", path, "traffic", body_of(site)) == 403);
  CHECK(world.status("PUT", path, "bio1", body_of(site)) == 403);
  const int64_t seen = world.control->events().last();
  const auto made = world.ask("PUT", path, "ops", body_of(site));
  REQUIRE_MESSAGE(made.status == 201, made.body);
  CHECK(json_of(made).at("status") == "planned");
  const auto events = world.control->events().after(seen, {}).events;
  REQUIRE(events.size() == 1);
  CHECK(events.front().kind == "site.added");
  CHECK(events.front().what == "tol1");
  CHECK(world.status("POST", path + "/activate", "ops") == 200);
  CHECK(world.status("PUT", path, "ops", body_of(site)) == 200);
  CHECK(json_of(world.ask("GET", path, "ops")).at("status") == "active");
  Site other = site;
  other.power.budget = Watts(1000);
  CHECK(json_of(world.ask("PUT", path, "ops", body_of(other))).at("status") == 409);
  CHECK(json_of(world.ask("PUT", "/barrio/v1/sites/tol2", "ops", body_of(site))).at("where") == "id");
  CHECK(json_of(world.ask("PUT", "/barrio/v1/sites/tol2", "ops", R"({"id":"tol2"})")).at("status") == 400);
  const auto audit = json_of(world.ask("GET", "/barrio/v1/audit", "ops")).at("entries").as_array();
  const auto additions =
      std::ranges::count_if(audit, [](const Json& entry) { return entry.at("action") == "site add"; });
  CHECK(additions == 1);
}

TEST_CASE("a site gets more or less power at any time, and what has no room any more leaves") {
  World world;
  AppSpec one = people_app("street", "ES");
  one.replicas = 1;
  REQUIRE(world.control->deploy(TenantId::of("traffic"), one));
  const std::string first = *world.replica_sites().begin();
  world.run_orders(first);
  Site less = *spain().find(SiteId::of(first));
  less.power.cap = Watts(1);
  REQUIRE(world.control->set_site(less));
  CHECK(world.control->snapshot()->network.find(less.id)->power.cap == Watts(1));
  CHECK(world.control->snapshot()->network.find(less.id)->status == SiteStatus::active);
  for (int i = 0; i < 100 && world.replica_sites().contains(first); ++i) {
    for (const std::string& site : world.replica_sites()) world.run_orders(site);
    world.runtime.sleep_for(1s);
  }
  const auto left = world.replica_sites();
  CHECK(left.size() == 1);
  CHECK_FALSE(left.contains(first));
  world.restart();
  CHECK(world.control->snapshot()->network.find(less.id)->power.cap == Watts(1));
  CHECK(given(world) == ids(spain()));
  const auto again = world.control->set_site(less);
  REQUIRE(again);
  CHECK_FALSE(*again);
}

TEST_CASE("who looks at a site sees its racks and feeders, and what of their power is used, as placement counts it") {
  World world;
  Site site = new_site("tol1");
  site.power = {Watts(4000), 2.0, std::nullopt, Redundancy{2, 1}};
  site.accelerators.clear();
  site.servers = {8, gib(16), gib(100)};
  const Servers half{4, gib(8), gib(50)};
  site.feeders = {{"a", {Watts(900)}}, {"b", {Watts(900), Watts(500)}}};
  site.racks = {{"r1", "a", {Watts(600), Watts(1)}, {}, half}, {"r2", "b", {Watts(600)}, {}, half}};
  REQUIRE(world.control->add_site(site));
  REQUIRE(world.control->set_status(site.id, SiteStatus::active));
  AppSpec spec = people_app("counter", "ES");
  spec.policy.sites = {site.id};
  spec.replicas = 2;
  REQUIRE(world.control->deploy(TenantId::of("traffic"), spec));
  const Watts each = spec.resources.power;
  const auto view = world.control->site(site.id, {});
  REQUIRE(view);
  CHECK(view->power.it_budget == Watts(1000));
  CHECK(view->power.redundancy->spare == 1);
  REQUIRE(view->racks.size() == 2);
  CHECK(view->racks[0].usable == Watts(1));
  CHECK(view->racks[0].used == Watts(0));
  CHECK(view->racks[1].used == each);
  REQUIRE(view->feeders.size() == 2);
  CHECK(view->feeders[0].used == Watts(0));
  CHECK(view->feeders[1].usable == Watts(500));
  CHECK(view->feeders[1].used == each);
  // The audit names the node whose power became another, and nothing else.
  site.status = SiteStatus::active;
  site.racks->at(0).power.cap = Watts(600);
  REQUIRE(world.control->set_site(site));
  const auto audit = world.control->audit({}, world.runtime.wall() + 1s, {});
  REQUIRE(audit);
  CHECK(audit->back().action == "site set");
  CHECK(audit->back().detail == "racks r1.power.cap 1W -> 600W");
  // It asks for two, and is permitted at one site.
  const auto explained = world.control->explain({TenantId::of("traffic"), spec.name});
  REQUIRE(explained->missing);
  CHECK(explained->missing->detail.starts_with("1 of 2 replicas have a place"));
}

TEST_CASE("an operator changes what a site has: not who and where it is, and nothing under what runs but its power") {
  HttpWorld world;
  REQUIRE(world.control->deploy(TenantId::of("traffic"), people_app("street", "ES-PV")));
  const Site bio1 = *spain().find(SiteId::of("bio1"));
  const std::string path = "/barrio/v1/sites/bio1/equipment";
  CHECK(world.status("PUT", path, "traffic", body_of(bio1)) == 403);
  CHECK(world.status("PUT", path, "bio1", body_of(bio1)) == 403);
  Site more = bio1;
  more.power.budget = Watts(250'000);
  const auto set = world.ask("PUT", path, "ops", body_of(more));
  REQUIRE_MESSAGE(set.status == 200, set.body);
  CHECK(world.control->snapshot()->network.find(bio1.id)->power.budget == Watts(250'000));
  CHECK(json_of(set).at("power").at("budget") == "250kW");
  more.servers.cores += 64;
  const auto under = world.ask("PUT", path, "ops", body_of(more));
  CHECK(under.status == 409);
  CHECK(has_text(under.body, "bio1 runs 1 replica: its power can change now"));
  Site elsewhere = bio1;
  elsewhere.location.lat += 1;
  CHECK(json_of(world.ask("PUT", path, "ops", body_of(elsewhere))).at("where") == "location");
  elsewhere = bio1;
  elsewhere.jurisdiction = *Jurisdiction::parse("ES-CT");
  CHECK(json_of(world.ask("PUT", path, "ops", body_of(elsewhere))).at("where") == "jurisdiction");
  Site wrong = bio1;
  wrong.power.pue = 0.5;
  CHECK(json_of(world.ask("PUT", path, "ops", body_of(wrong))).at("status") == 400);
  CHECK(world.status("PUT", "/barrio/v1/sites/tol1/equipment", "ops", body_of(new_site("tol1"))) == 404);
  CHECK(json_of(world.ask("PUT", "/barrio/v1/sites/tol1/equipment", "ops", body_of(bio1))).at("where") == "id");
  // Where nothing runs, all of it.
  Site empty = *spain().find(SiteId::of("vlc1"));
  empty.servers.cores += 64;
  CHECK(world.status("PUT", "/barrio/v1/sites/vlc1/equipment", "ops", body_of(empty)) == 200);
  CHECK(world.control->snapshot()->network.find(empty.id)->servers.cores == empty.servers.cores);
}

TEST_CASE("a site's account is made once, its secret shown once, and replaced only when somebody says so") {
  HttpWorld world;
  const std::string path = "/barrio/v1/sites/tol1/account";
  CHECK(world.status("POST", path, "ops", "{}") == 404);
  REQUIRE(world.status("PUT", "/barrio/v1/sites/tol1", "ops", body_of(new_site("tol1"))) == 201);
  CHECK(world.status("POST", path, "traffic", "{}") == 403);
  const auto made = world.ask("POST", path, "ops", "{}");
  REQUIRE(made.status == 201);
  const auto secret = [](const net::Response& response) {
    return std::string(json_of(response).at("client_secret").as_string());
  };
  CHECK(json_of(made).at("client_id") == "site-tol1");
  const auto grant = [&](const std::string& with) { return world.control->accounts().grant({"site-tol1", with, {}}); };
  const auto token = grant(secret(made));
  REQUIRE(token);
  world.tokens["site-tol1"] = token->access_token;
  const std::string report = print_json(to_json(SiteReport{SiteId::of("tol1"), 0, "127.0.0.1:7000", {}, {}}));
  CHECK(world.status("POST", "/barrio/v1/sites/tol1/sync", "site-tol1", report) == 200);
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/sync", "site-tol1", report) == 403);
  CHECK(json_of(world.ask("POST", path, "ops", "{}")).at("where") == "replace");
  CHECK(grant(secret(made)));
  const auto again = world.ask("POST", path, "ops", R"({"replace":true})");
  REQUIRE(again.status == 201);
  CHECK_FALSE(grant(secret(made)));
  CHECK(grant(secret(again)));
  const auto stored = world.memory.list("");
  REQUIRE(stored);
  for (const auto& entry : stored->entries) CHECK_FALSE(has_text(entry.value, secret(again)));
  // Somebody else's name stays theirs.
  REQUIRE(world.status("POST", "/barrio/v1/tenants", "ops", R"({"name":"site-bio1"})") == 201);
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/account", "ops", R"({"replace":true})") == 409);
}

}  // namespace barrio::control::sites_test
