#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "base/tar.h"
#include "base/text.h"
#include "control/http_world_test.h"

namespace barrio::control::rollout_test {

namespace {

const TenantId traffic = TenantId::of("traffic");
const AppKey street{traffic, AppName::of("street")};

/// An app at three sites, whose releases differ in their memory.
AppSpec release(int64_t mebibytes) {
  AppSpec spec = people_app("street", "ES");
  spec.policy.jurisdictions.clear();
  for (const char* site : {"mad1", "bcn1", "vlc1"}) spec.policy.sites.push_back(SiteId::of(site));
  spec.resources.memory = mib(mebibytes);
  return spec;
}

/// The same as a program, which is not uploaded yet.
AppSpec program_release() {
  AppSpec spec = release(64);
  spec.model = {Backend::none, "", "", ""};
  spec.program.emplace().file = "server";
  return spec;
}

/// What each site was told to run.
std::map<std::string, int64_t> ordered(World& world) {
  std::map<std::string, int64_t> generations;
  for (const char* site : {"mad1", "bcn1", "vlc1"}) {
    for (const Replica& replica : world.control->snapshot()->replicas) {
      if (replica.site.str() == site) generations[site] = replica.generation;
    }
  }
  return generations;
}

void all_run(World& world) {
  for (const char* site : {"mad1", "bcn1", "vlc1"}) world.run_orders(site);
}

int64_t count(World& world, int64_t generation) {
  return std::ranges::count_if(ordered(world), [&](const auto& entry) { return entry.second == generation; });
}

std::string state_of(World& world, int64_t generation) {
  const auto list = world.control->releases(street);
  REQUIRE(list);
  for (const api::ReleaseView& one : list->releases) {
    if (one.generation == generation) return one.state;
  }
  return "none";
}

/// The site that was told to run this one reports that it restarts there, while the one before serves.
void fail_at_the_first(World& world, int64_t generation) {
  for (const auto& [site, told] : ordered(world)) {
    if (told != generation) continue;
    const ReplicaOrder order = world.sync(site).run.at(0);
    CHECK(order.generation == generation);
    ReplicaReport report{order.id, generation - 1, ReplicaPhase::ready, "no such file", 3, 0};
    report.coming = generation;
    world.sync(site, {report});
  }
  REQUIRE(world.control->step());
}

}  // namespace

TEST_CASE("a new release goes to one site after the other, and each is told the spec of its own") {
  World world;
  REQUIRE(world.control->deploy(traffic, release(256)));
  all_run(world);
  all_run(world);
  CHECK(state_of(world, 1) == "done");
  REQUIRE(world.control->deploy(traffic, release(512)));
  for (int done = 0; done < 3; ++done) {
    CHECK(count(world, 2) == done + 1);
    for (const auto& [site, generation] : ordered(world)) {
      const ReplicaOrder order = world.control->sync({SiteId::of(site), 0, "127.0.0.1:7000", {}, {}})->run.at(0);
      CHECK(order.generation == generation);
      CHECK(order.resources.memory == mib(generation == 1 ? 256 : 512));
    }
    for (const auto& [site, generation] : ordered(world)) {
      if (generation == 2) world.run_orders(site);
    }
  }
  REQUIRE(world.control->step());
  CHECK(state_of(world, 2) == "done");
}

TEST_CASE("a site that is to run the release before for now keeps room for its storage and accelerators, too") {
  World world;
  const auto spec = [](const char* name, std::vector<SiteId> sites, Bytes storage, int accelerators) {
    AppSpec made = people_app(name, "ES");
    made.policy.sites = std::move(sites);
    made.resources.storage = storage;
    if (accelerators > 0) made.resources.accelerator = "L4", made.resources.power = Watts(72 * accelerators);
    made.resources.accelerators = accelerators;
    if (accelerators > 0) made.model = {Backend::oip, "", "", ""};
    return made;
  };
  const std::vector<SiteId> both = {SiteId::of("vlc1"), SiteId::of("bcn1")};
  const Site valencia = *world.config.network.find(both[0]);
  const auto l4 = std::ranges::find(valencia.accelerators, "L4", &Accelerator::model);
  REQUIRE(l4 != valencia.accelerators.end());
  REQUIRE(world.control->deploy(traffic, spec("street", both, valencia.servers.storage, l4->count)));
  all_run(world);
  all_run(world);
  REQUIRE(world.control->deploy(traffic, spec("street", both, gib(1), 0)));
  REQUIRE(count(world, 2) == 1);
  std::string behind;
  for (const auto& [site, generation] : ordered(world)) behind = generation == 1 ? site : behind;
  const std::vector<SiteId> there = {SiteId::of(behind)};
  REQUIRE(!behind.empty());
  const Site& site = *world.config.network.find(there[0]);
  const auto others = std::ranges::find(site.accelerators, "L4", &Accelerator::model)->count;
  const auto big = spec("big", there, site.servers.storage - gib(2), 0);
  const auto fast = spec("fast", there, gib(0), others);
  CHECK(!world.control->deploy(traffic, big));
  CHECK(!world.control->deploy(traffic, fast));
  for (int done = 0; done < 3; ++done) all_run(world);
  CHECK(world.control->deploy(traffic, big));
  CHECK(world.control->deploy(traffic, fast));
}

TEST_CASE("a site that still serves the release before counts as ready for gateways, and not for the rollout") {
  World world;
  REQUIRE(world.control->deploy(traffic, release(256)));
  all_run(world);
  all_run(world);
  REQUIRE(world.control->deploy(traffic, release(512)));
  std::map<std::string, ReplicaReport> reports;
  for (const auto& [site, generation] : ordered(world)) {
    const ReplicaOrder order = world.sync(site).run.at(0);
    world.sync(site, {{order.id, 1, ReplicaPhase::ready, "", 0, 0}});
  }
  REQUIRE(world.control->step());
  for (const Replica& replica : world.control->snapshot()->replicas) CHECK(replica.phase == ReplicaPhase::ready);
  CHECK(count(world, 2) == 1);
}

TEST_CASE("a release that fails at its first site is stopped there, and that site goes back") {
  World world;
  REQUIRE(world.control->deploy(traffic, release(256)));
  all_run(world);
  all_run(world);
  REQUIRE(world.control->deploy(traffic, release(512)));
  fail_at_the_first(world, 2);
  CHECK(state_of(world, 2) == "stopped");
  const auto list = world.control->releases(street);
  CHECK(list->releases.front().detail.find("no such file") != std::string::npos);
  REQUIRE(world.control->step());
  CHECK(count(world, 1) == 3);
  all_run(world);
  all_run(world);
  CHECK(count(world, 1) == 3);
  CHECK(state_of(world, 2) == "stopped");
  // The same decisions after a restart of control.
  world.restart();
  CHECK(count(world, 1) == 3);
}

TEST_CASE("a first release that fails has none to go back to: it goes on, and says why") {
  World world;
  REQUIRE(world.control->deploy(traffic, release(256)));
  for (const auto& [site, told] : ordered(world)) {
    const ReplicaOrder order = world.sync(site).run.at(0);
    world.sync(site, {ReplicaReport{order.id, 1, ReplicaPhase::failed, "no such file", 3, 0}});
  }
  REQUIRE(world.control->step());
  CHECK(state_of(world, 1) == "rolling");
  const auto why = [&] { return world.control->releases(street)->releases.front().detail; };
  CHECK(why().find("no such file") != std::string::npos);
  CHECK(why().find("no earlier release") != std::string::npos);
  all_run(world);
  all_run(world);
  CHECK(state_of(world, 1) == "done");
  CHECK(why().empty());
}

TEST_CASE("rolling back deploys the last good release that differs, or the one that is named") {
  World world;
  CHECK(world.control->roll_back(street, 0).error().error.code == Code::not_found);
  REQUIRE(world.control->deploy(traffic, release(256)));
  for (int i = 0; i < 2; ++i) all_run(world);
  CHECK(world.control->roll_back(street, 0).error().error.code == Code::conflict);
  REQUIRE(world.control->deploy(traffic, release(512)));
  for (int i = 0; i < 8; ++i) all_run(world);
  const auto back = world.control->roll_back(street, 0);
  REQUIRE(back);
  CHECK(back->app.generation == 3);
  CHECK(back->app.spec.resources.memory == mib(256));
  for (int i = 0; i < 8; ++i) all_run(world);
  CHECK(count(world, 3) == 3);
  REQUIRE(world.control->roll_back(street, 2));
  CHECK(world.control->roll_back(street, 77).error().error.code == Code::not_found);
}

TEST_CASE("ten releases of an app are kept, and none of one that is deleted") {
  World world;
  for (int64_t i = 1; i <= 14; ++i) {
    REQUIRE(world.control->deploy(traffic, release(256 + i)));
    for (int turn = 0; turn < 8; ++turn) all_run(world);
  }
  const auto list = world.control->releases(street);
  REQUIRE(list);
  CHECK(list->releases.size() == 10);
  CHECK(list->releases.front().generation == 14);
  REQUIRE(world.control->remove(street));
  CHECK(world.memory.list("release/")->entries.empty());
}

TEST_CASE("over HTTP: releases, rolling back, and secrets whose values nobody reads back") {
  HttpWorld world;
  const auto deploy = [&](int64_t mebibytes) {
    return world.status("PUT", "/barrio/v1/apps/street", "traffic", print_json(to_json(release(mebibytes))));
  };
  REQUIRE(deploy(256) == 201);
  for (int i = 0; i < 2; ++i) all_run(world);
  REQUIRE(deploy(512) == 200);
  CHECK(world.status("POST", "/barrio/v1/apps/street/rollback", "traffic", R"({"generation":1})") == 200);
  CHECK(world.status("POST", "/barrio/v1/apps/street/rollback", "traffic", R"({"generation":9})") == 404);
  const Json releases = json_of(world.ask("GET", "/barrio/v1/apps/street/releases", "traffic"));
  CHECK(releases.at("releases").as_array().size() == 3);
  CHECK(world.status("GET", "/barrio/v1/apps/street/releases", "harbour") == 404);

  CHECK(world.status("PUT", "/barrio/v1/secrets/api-token", "traffic", R"({"value":"s3cret"})") == 200);
  CHECK(world.status("PUT", "/barrio/v1/secrets/API", "traffic", R"({"value":"x"})") == 400);
  const net::Response names = world.ask("GET", "/barrio/v1/secrets", "traffic");
  CHECK(json_of(names).at("secrets").at(0) == "api-token");
  CHECK(names.body.find("s3cret") == std::string::npos);
  CHECK(print_json(to_json(*world.control->snapshot())).find("s3cret") == std::string::npos);
  CHECK(json_of(world.ask("GET", "/barrio/v1/secrets", "harbour")).at("secrets").as_array().empty());
  CHECK(world.status("DELETE", "/barrio/v1/secrets/api-token", "harbour") == 404);
  CHECK(world.status("DELETE", "/barrio/v1/secrets/api-token", "traffic") == 204);
}

TEST_CASE("a container is accepted with its image uploaded and signed and its secrets there; only its sites get them") {
  TemporaryFolder folder;
  ports::InlineRuntime runtime;
  BlobStore blobs(runtime, {.folder = folder.path()});
  World world({}, &blobs);
  const auto key = Ed25519Key::generate();
  REQUIRE(key);
  AppSpec spec = release(64);
  spec.model = {Backend::none, "", "", ""};
  ContainerSpec container;
  container.image = *ImageReference::parse("hello@sha256:" + std::string(64, 'a'));
  container.sha256 = sha256_hex("archive");
  container.signed_by = key->public_key();
  container.signature = base64url(key->sign("something else"));
  container.secrets["TOKEN"] = "api-token";
  const auto refused = [&](const std::string& where) {
    spec.container = container;
    const auto deployed = world.control->deploy(traffic, spec);
    REQUIRE(!deployed);
    CHECK(deployed.error().error.where == where);
  };
  refused("container: signature");
  container.signature = base64url(key->sign(container.image.signed_text()));
  refused("container.sha256");
  REQUIRE(world.control->add_model(traffic, container.sha256, "archive"));
  refused("container.secrets.TOKEN");
  REQUIRE(world.control->set_secret(traffic, "api-token", "s3cret"));
  spec.container = container;
  REQUIRE(world.control->deploy(traffic, spec));
  const ReplicaOrder order = world.sync("mad1").run.at(0);
  CHECK(order.secrets.at("TOKEN") == "s3cret");
  CHECK(files_of(order) == std::vector{container.sha256});
  CHECK(print_json(to_json(*world.control->snapshot())).find("s3cret") == std::string::npos);
  CHECK(world.control->remove_secret(traffic, "api-token").error().what.find("street") != std::string::npos);
}

TEST_CASE("a program is accepted with its file uploaded and its secrets there; only its sites get them") {
  TemporaryFolder folder;
  ports::InlineRuntime runtime;
  BlobStore blobs(runtime, {.folder = folder.path()});
  World world({}, &blobs);
  AppSpec spec = program_release();
  spec.program->sha256 = sha256_hex("executable");
  spec.program->secrets["TOKEN"] = "api-token";
  const auto refused = [&](const std::string& where) {
    const auto deployed = world.control->deploy(traffic, spec);
    REQUIRE(!deployed);
    CHECK(deployed.error().error.where == where);
  };
  refused("program.sha256");
  REQUIRE(world.control->add_model(traffic, spec.program->sha256, "executable"));
  refused("program.secrets.TOKEN");
  REQUIRE(world.control->set_secret(traffic, "api-token", "s3cret"));
  const auto deployed = world.control->deploy(traffic, spec);
  REQUIRE(deployed);
  CHECK(deployed->app.spec.program->file.empty());
  const ReplicaOrder order = world.sync("mad1").run.at(0);
  CHECK(order.secrets.at("TOKEN") == "s3cret");
  CHECK(files_of(order) == std::vector{spec.program->sha256});
  CHECK(print_json(to_json(*world.control->snapshot())).find("s3cret") == std::string::npos);
  CHECK(world.control->remove_secret(traffic, "api-token").error().what.find("street") != std::string::npos);
}

TEST_CASE("an archive that no site could unpack, or that has nothing to execute, is refused when it is deployed") {
  TemporaryFolder folder;
  ports::InlineRuntime runtime;
  BlobStore blobs(runtime, {.folder = folder.path()});
  World world({}, &blobs);
  AppSpec spec = program_release();
  const auto deploy = [&](const std::string& archive) {
    spec.program->sha256 = sha256_hex(archive);
    REQUIRE(world.control->add_model(traffic, spec.program->sha256, archive));
    const auto deployed = world.control->deploy(traffic, spec);
    return deployed ? std::string() : deployed.error().error.text();
  };
  const TarEntry program{.name = "program", .executable = true, .content = "#!/bin/sh"};
  const auto good = write_tar({program, {.name = "data", .content = std::string_view("some")}});
  REQUIRE(good);
  const std::string torn = deploy(good->substr(0, 520));
  CHECK(torn.starts_with("program.sha256: the archive cannot be unpacked: "));
  CHECK(torn.find("it breaks off after 0 entries") != std::string::npos);
  const auto twice = write_tar({program, program});
  CHECK(deploy(*twice).starts_with("program.sha256: the archive cannot be unpacked: "));
  const auto other = write_tar({{.name = "server", .executable = true, .content = "#!/bin/sh"}});
  CHECK(deploy(*other).starts_with("program.command: "));
  spec.program->command = {"./server"};
  CHECK(deploy(*other).empty());
  spec.program->command.clear();
  CHECK(deploy(*good).empty());
}

}  // namespace barrio::control::rollout_test
