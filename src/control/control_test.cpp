#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "base/crypto.h"
#include "control/past_app.h"
#include "control/place_name.h"
#include "control/world_test.h"

namespace barrio::control::control_test {

namespace {
const TenantId traffic = TenantId::of("traffic");
}

TEST_CASE("an app is placed on every permitted active site, and each site is ordered its own") {
  World world;
  auto deployed = world.control->deploy(traffic, people_app("street", "ES"));
  REQUIRE(deployed);
  CHECK(deployed->created);
  CHECK(deployed->app.generation == 1);
  CHECK(world.replica_sites().size() == 10);
  const SiteOrders orders = world.sync("bio1");
  REQUIRE(orders.run.size() == 1);
  CHECK(orders.run[0].app.str() == "traffic/street");
  CHECK(orders.run[0].model.builtin == "people");
  CHECK(world.sync("zaz1").run.empty());
}

TEST_CASE("an app that no site may run is refused with the reason and what would work, and changes nothing") {
  World world;
  const auto before = world.control->snapshot()->version;
  auto refused = world.control->deploy(traffic, people_app("street", "ES-AR"));  // Zaragoza is planned only
  REQUIRE(!refused);
  REQUIRE(refused.error().refusal);
  CHECK(!refused.error().refusal->detail.empty());
  CHECK(!refused.error().refusal->nearest.empty());
  CHECK(world.control->apps(traffic).empty());
  CHECK(world.control->snapshot()->version == before);
}

TEST_CASE("activating a planned site brings a replica there, and it cannot be planned again") {
  World world;
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES")));
  auto id = world.control->find_site("zaragoza");
  REQUIRE(id);
  REQUIRE(world.control->set_status(*id, SiteStatus::active));
  CHECK(world.replica_sites().contains(id->str()));
  CHECK(world.control->snapshot()->network.find(*id)->status == SiteStatus::active);
  REQUIRE(world.control->set_status(*id, SiteStatus::active));  // asked twice: the same
  REQUIRE(world.control->set_status(*id, SiteStatus::draining));
  auto back = world.control->set_status(*id, SiteStatus::planned);
  REQUIRE(!back);
  CHECK(back.error().what.find("only active or retired") != std::string::npos);
}

std::string detail_at(World& world, const std::string& site) {
  const auto view = world.control->site(SiteId::of(site));
  REQUIRE(view);
  return view->replicas.empty() ? "" : view->replicas.front().detail;
}

TEST_CASE("a replica leaves a draining site when another site is ready, and only when its own says that it has ended") {
  World world;
  AppSpec one = people_app("street", "ES");
  one.replicas = 1;
  REQUIRE(world.control->deploy(traffic, one));
  const std::string first = *world.replica_sites().begin();
  world.run_orders(first);
  REQUIRE(world.control->set_status(SiteId::of(first), SiteStatus::draining));
  REQUIRE(world.replica_sites().size() == 2);
  CHECK(detail_at(world, first) == "leaves once a replica elsewhere is ready");
  CHECK(!world.sync(first).run.at(0).leave_within);
  std::string second;
  for (const std::string& site : world.replica_sites()) second = site == first ? second : site;
  world.run_orders(second);
  REQUIRE(world.control->step());
  CHECK(detail_at(world, first) == "leaves once its requests are answered");
  world.runtime.sleep_for(1ms);
  const ReplicaOrder order = world.sync(first).run.at(0);
  CHECK(order.leave_within == 30s);
  world.runtime.sleep_for(60s);
  world.sync(first, {{order.id, order.generation, ReplicaPhase::stopping, "", 0}});
  REQUIRE(world.control->step());
  CHECK(world.replica_sites().contains(first));
  const auto early = world.control->set_status(SiteId::of(first), SiteStatus::retired);
  REQUIRE(!early);
  CHECK(early.error().what.find("still runs traffic/street (leaves once") != std::string::npos);
  for (int i = 0; i < 3; ++i) {
    world.run_orders(second);
    world.runtime.sleep_for(1ms);
    world.sync(first);
  }
  REQUIRE(world.control->step());
  CHECK(world.replica_sites() == std::set<std::string>{second});
  CHECK(world.control->set_status(SiteId::of(first), SiteStatus::retired));
}

TEST_CASE("a replica that no other site can take stays on a draining site, and the drain says so") {
  World world;
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES-PV")));
  world.run_orders("bio1");
  REQUIRE(world.control->set_status(SiteId::of("bio1"), SiteStatus::draining));
  world.run_orders("bio1");
  CHECK(world.replica_sites() == std::set<std::string>{"bio1"});
  CHECK(world.phase_at("bio1") == ReplicaPhase::ready);
  CHECK(!world.sync("bio1").run.at(0).leave_within);
  CHECK(detail_at(world, "bio1").starts_with("stays: no other site can take it: "));
  REQUIRE(world.control->set_status(SiteId::of("bio1"), SiteStatus::active));
  CHECK(world.replica_sites() == std::set<std::string>{"bio1"});
}

TEST_CASE("a draining site that is lost does not keep its replicas for ever") {
  World world;
  AppSpec one = people_app("street", "ES");
  one.replicas = 1;
  REQUIRE(world.control->deploy(traffic, one));
  const std::string first = *world.replica_sites().begin();
  world.run_orders(first);
  REQUIRE(world.control->set_status(SiteId::of(first), SiteStatus::draining));
  std::string second;
  for (const std::string& site : world.replica_sites()) second = site == first ? second : site;
  for (int i = 0; i < 39; ++i) {
    world.run_orders(second);
    world.runtime.sleep_for(1s);
  }
  CHECK(world.replica_sites().contains(first));
  world.runtime.sleep_for(2s);
  world.run_orders(second);
  CHECK(world.replica_sites() == std::set<std::string>{second});
}

TEST_CASE("a snapshot comes only when the site's differs, and its version grows only with its content") {
  World world;
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES-PV")));
  world.run_orders("bio1");
  const auto version = world.control->snapshot()->version;
  CHECK(world.phase_at("bio1") == ReplicaPhase::ready);
  CHECK(world.control->snapshot()->gateways.at("bio1") == "127.0.0.1:7000");
  CHECK(!world.sync("mad1", {}, version).snapshot);
  REQUIRE(world.sync("mad1", {}, version - 1).snapshot);
  REQUIRE(world.control->step());
  // mad1's gateway address is new; once known, nothing changes any more.
  const auto settled = world.control->snapshot()->version;
  CHECK(settled > version);
  REQUIRE(world.control->add_tenant(TenantId::of("other")));
  for (int i = 0; i < 3; ++i) REQUIRE(world.control->step());
  CHECK(world.control->snapshot()->version == settled);
}

TEST_CASE("replicas of a silent site stop being ready after ten seconds, not before, and come back with its report") {
  World world;
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES-PV")));
  world.run_orders("bio1");
  world.runtime.sleep_for(9999ms);
  REQUIRE(world.control->step());
  CHECK(world.phase_at("bio1") == ReplicaPhase::ready);
  CHECK(!world.control->site(SiteId::of("bio1"))->connected);
  world.runtime.sleep_for(1ms);
  REQUIRE(world.control->step());
  CHECK(world.phase_at("bio1") == ReplicaPhase::starting);
  world.run_orders("bio1");
  CHECK(world.phase_at("bio1") == ReplicaPhase::ready);
}

TEST_CASE("a restarted control has all it had and calls nothing unready that it has not heard yet") {
  World world;
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES-PV")));
  world.run_orders("bio1");
  const Snapshot before = *world.control->snapshot();
  world.runtime.sleep_for(60s);
  world.restart();
  const Snapshot after = *world.control->snapshot();
  CHECK(print_json(to_json(before)) == print_json(to_json(after)));
  CHECK(world.phase_at("bio1") == ReplicaPhase::ready);
  CHECK(world.sync("bio1", {{before.replicas[0].id, 1, ReplicaPhase::ready, "", 0}}, before.version).run.size() == 1);
  CHECK(world.sync("bio1", {{before.replicas[0].id, 1, ReplicaPhase::ready, "", 0}}, before.version)
            .snapshot.has_value() == false);
}

TEST_CASE("a site that heard nothing of an app's end replaces what it runs by the app that has its name now") {
  World world;
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES-PV")));
  world.run_orders("bio1");
  const ReplicaId before = world.control->snapshot()->replicas.at(0).id;
  REQUIRE(world.control->remove({traffic, AppName::of("street")}));
  AppSpec other = people_app("street", "ES-PV");
  other.resources.power = Watts(100);
  const auto deployed = world.control->deploy(traffic, other);
  REQUIRE(deployed);
  CHECK(deployed->created);
  CHECK(deployed->app.generation == 2);
  const auto orders = world.sync("bio1", {{before, 1, ReplicaPhase::ready, "", 0}}, 0);
  REQUIRE(orders.run.size() == 1);
  CHECK(orders.run[0].id == before);
  CHECK(orders.run[0].generation == 2);
  CHECK(orders.run[0].resources.power == Watts(100));
}

TEST_CASE("what apps were called before is forgotten in the end") {
  World world;
  const AppKey street{traffic, AppName::of("street")};
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES-PV")));
  REQUIRE(world.control->remove(street));
  const WallTime now = world.control->wall();
  CHECK(forget_past_apps(world.store, now + past_app_kept_for - 1h).value() == 0);
  CHECK(first_generation(world.store, street)->generation == 2);
  CHECK(forget_past_apps(world.store, now + past_app_kept_for + 1h).value() == 1);
  CHECK(first_generation(world.store, street)->generation == 1);
}

TEST_CASE("of what a tenant's apps were called before, so many are kept, the last ones") {
  World world;
  const auto past = [&](size_t i, const TenantId& tenant) {
    App app;
    app.tenant = tenant;
    app.spec.name = AppName::of("app-" + std::to_string(i));
    app.generation = 7;
    return app;
  };
  const WallTime began = world.control->wall();
  const TenantId other = TenantId::of("other");
  const auto remove = [&](const App& app, WallTime at) {
    auto writes = make_room_for_past_app(world.store, app.key());
    REQUIRE(writes);
    writes->push_back(write_past_app(app, at));
    REQUIRE(world.store.commit({}, std::move(*writes)));
  };
  remove(past(0, other), began - 24h);
  for (size_t i = 0; i < most_past_apps + 2; ++i) remove(past(i, traffic), began + std::chrono::seconds(i));
  const auto next = [&](const App& app) { return first_generation(world.store, app.key())->generation; };
  CHECK(next(past(0, traffic)) == 1);
  CHECK(next(past(1, traffic)) == 1);
  CHECK(next(past(2, traffic)) == 8);
  CHECK(next(past(most_past_apps + 1, traffic)) == 8);
  CHECK(next(past(0, other)) == 8);
  // One that is there already takes no other's place.
  remove(past(most_past_apps, traffic), began + 24h);
  CHECK(next(past(2, traffic)) == 8);
}

TEST_CASE("deploying the same again changes nothing; a change is a new generation that sites must replace") {
  World world;
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES-PV")));
  world.run_orders("bio1");
  const auto version = world.control->snapshot()->version;
  auto same = world.control->deploy(traffic, people_app("street", "ES-PV"));
  CHECK(same->app.generation == 1);
  CHECK(!same->created);
  CHECK(world.control->snapshot()->version == version);
  AppSpec changed = people_app("street", "ES-PV");
  changed.resources.power = Watts(80);
  auto next = world.control->deploy(traffic, changed);
  REQUIRE(next);
  CHECK(next->app.generation == 2);
  CHECK(world.sync("bio1").run[0].generation == 2);
  REQUIRE(world.control->step());
  CHECK(world.phase_at("bio1") == ReplicaPhase::starting);
  REQUIRE(world.control->remove({traffic, changed.name}));
  CHECK(world.sync("bio1").run.empty());
  CHECK(world.control->remove({traffic, changed.name}).error().code == Code::not_found);
}

TEST_CASE("a commit that loses a race is decided again; one that cannot be written is an error and changes nothing") {
  World world;
  world.store.failures = 2;
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES-PV")));
  world.store.failures = 1;
  world.store.failure = Code::exhausted;
  auto full = world.control->deploy(traffic, people_app("second", "ES-PV"));
  REQUIRE(!full);
  CHECK(full.error().error.code == Code::exhausted);
  CHECK(world.control->apps(traffic).size() == 1);
  // While the store is away, sites still get what they should run.
  world.store.failures = 1000;
  world.store.failure = Code::unavailable;
  CHECK(world.sync("bio1").run.size() == 1);
  CHECK(!world.control->step());
  CHECK(world.sync("bio1").snapshot);
}

TEST_CASE(
    "control starts on a full disk, gives out what it has, refuses changes, and takes them again once there is room") {
  World world;
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES-PV")));
  world.run_orders("bio1");
  const int64_t version = world.control->snapshot()->version;
  world.store.failures = 1'000'000;
  world.store.failure = Code::exhausted;
  world.restart();
  CHECK(world.control->snapshot()->version == version);
  const SiteOrders orders = world.sync("bio1");
  CHECK(orders.run.size() == 1);
  REQUIRE(orders.snapshot);
  CHECK(world.phase_at("bio1") == ReplicaPhase::ready);
  // A site that is new to it cannot be noted, and is served all the same.
  CHECK(world.sync("mad1").snapshot);
  CHECK(world.control->step().error().code == Code::exhausted);
  CHECK(world.sync("bio1").run.size() == 1);
  CHECK(world.control->deploy(traffic, people_app("second", "ES-PV")).error().error.code == Code::exhausted);
  CHECK(world.control->apps(traffic).size() == 1);
  CHECK(world.control->set_status(SiteId::of("mad1"), SiteStatus::draining).error().code == Code::exhausted);
  world.store.failures = 0;
  REQUIRE(world.control->deploy(traffic, people_app("second", "ES-PV")));
  CHECK(world.control->snapshot()->gateways.contains("mad1"));
}

TEST_CASE("sites are found by id, or by city whatever its case and accents; a slip is answered with the nearest") {
  World world;
  CHECK(*world.control->find_site("bio1") == SiteId::of("bio1"));
  CHECK(world.control->find_site("ZARAGOZA"));
  CHECK(*world.control->find_site("Málaga") == *world.control->find_site("malaga"));
  auto slip = world.control->find_site("zaragosa");
  REQUIRE(!slip);
  CHECK(slip.error().what.find("Zaragoza") != std::string::npos);
  auto two = world.control->find_site("madrid");
  REQUIRE(!two);
  CHECK(two.error().what.find("mad1, mad2") != std::string::npos);
  CHECK(folded_place("A Coruña") == folded_place("a coruna"));
  CHECK(folded_place("ÁÉÍÓÚÜÑÇ") == "aeiouunc");
  CHECK(!world.control->find_site(""));
}

TEST_CASE("reports of unknown sites and reports over the limits are refused") {
  World world;
  CHECK(world.control->sync({SiteId::of("nowhere"), 0, "", {}, {}}).error().code == Code::not_found);
  SiteReport large{SiteId::of("bio1"), 0, "", {}, {}};
  large.flows.resize(10'000);
  CHECK(world.control->sync(large).error().code == Code::invalid);
  CHECK(!world.control->site(SiteId::of("bio1"))->connected);
}

TEST_CASE("emulated models are refused to tenants, unless control is configured to accept them") {
  AppSpec spec = people_app("street", "ES");
  spec.model = {Backend::profile, "a=5ms,c=1ms", "", ""};
  World world;
  CHECK(world.control->deploy(traffic, spec).error().error.where == "model.builtin");
  ControlConfig config;
  config.emulated_models = true;
  World tests(config);
  CHECK(tests.control->deploy(traffic, spec));
}

TEST_CASE("no accelerator is kept for what runs on a CPU") {
  World world;
  AppSpec spec = people_app("street", "ES");
  spec.resources.power = Watts(72);
  spec.resources.accelerator = "L4";
  spec.resources.accelerators = 1;
  const auto refused = world.control->deploy(traffic, spec);
  REQUIRE(!refused);
  CHECK(refused.error().error.where == "resources.accelerators");
  CHECK(refused.error().error.what.find("model server") != std::string::npos);
  AppSpec steps = spec;
  steps.model = {Backend::pipeline, "", "", ""};
  steps.pipeline.emplace().steps.resize(1);
  steps.pipeline->steps[0].model = spec.model;
  CHECK(world.control->deploy(traffic, steps).error().error.where == "resources.accelerators");
  spec.model = {Backend::oip, "", "", ""};
  CHECK(world.control->deploy(traffic, spec));
}

TEST_CASE("models: unknown built-ins and files that were not uploaded by this tenant are refused") {
  TemporaryFolder folder;
  ports::InlineRuntime disk;
  BlobStore blobs(disk, {folder.path(), kib(64), kib(100)});
  World world({}, &blobs);
  AppSpec spec = people_app("street", "ES");
  spec.model.builtin = "cats";
  CHECK(world.control->deploy(traffic, spec).error().error.what.find("people") != std::string::npos);
  const std::string bytes(50'000, 'm');
  const std::string sha = sha256_hex(bytes);
  spec.model = {Backend::onnx, "", "", sha};
  CHECK(world.control->deploy(traffic, spec).error().error.where == "model.sha256");
  CHECK(world.control->add_model(traffic, sha, bytes + "x").error().code == Code::invalid);
  REQUIRE(world.control->add_model(traffic, sha, bytes));
  REQUIRE(world.control->add_model(traffic, sha, bytes));
  CHECK(world.control->deploy(traffic, spec));
  CHECK(!world.control->deploy(TenantId::of("other"), spec));
  CHECK(*world.control->model({}, sha) == bytes);
  CHECK(world.control->model(TenantId::of("other"), sha).error().code == Code::not_found);
  // A pipeline's are checked step by step.
  AppSpec several = people_app("several", "ES");
  several.model = {Backend::pipeline, "", "", ""};
  several.pipeline.emplace().steps.resize(2);
  several.pipeline->steps[0].model = {Backend::opencv, "crop-8x8-grey", "", ""};
  several.pipeline->steps[1].model = {Backend::onnx, "", "m.onnx", sha256_hex("x")};
  CHECK(world.control->deploy(traffic, several).error().error.where == "pipeline.steps[1].model.sha256");
  several.pipeline->steps[1].model.sha256 = sha;
  const auto deployed = world.control->deploy(traffic, several);
  REQUIRE(deployed);
  CHECK(deployed->app.spec.pipeline->steps[1].model.file.empty());
  several.pipeline->steps[0].model.builtin = "cats-8x8";
  CHECK(world.control->deploy(traffic, several).error().error.where == "pipeline.steps[0].model.builtin");
  // Limits: each, and together.
  CHECK(world.control->add_model(traffic, sha256_hex(bytes + bytes), bytes + bytes).error().code == Code::exhausted);
  const std::string second(60'000, 'n');
  CHECK(world.control->add_model(traffic, sha256_hex(second), second).error().code == Code::exhausted);
  CHECK(world.control->add_model(traffic, "../../etc/passwd", "x").error().code == Code::invalid);
  std::ofstream(folder.path() + "/" + sha) << "damaged";
  CHECK(world.control->model({}, sha).error().code == Code::unavailable);
}

}  // namespace barrio::control::control_test
