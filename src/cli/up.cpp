#include "cli/up.h"

#include <cstdio>
#include <filesystem>

#include "cli/container_story.h"
#include "cli/files.h"
#include "cli/first_light.h"
#include "cli/home_lock.h"
#include "cli/proof_story.h"
#include "cli/storage_story.h"

namespace barrio::cli {

namespace {

constexpr const char* demo_file = "data/cameras.yaml";

Result<std::string> fresh_home(const std::string& home, const UpCommand& command, Screen& screen) {
  std::error_code error;
  const std::string absolute = std::filesystem::canonical(home, error).string();
  if (error) return fail(Code::unavailable, error.message(), home);
  if (command.keep) return absolute;
  if (std::filesystem::exists(absolute + "/control"))
    screen.say("removing the state of the last run (--keep keeps it)");
  for (const char* folder : {"config", "control", "etcd", "sites", "log"})
    TRY_DO(remove_folder(absolute + "/" + folder));
  TRY_DO(remove_folder(absolute + "/secrets.yaml"));
  TRY_DO(remove_folder(absolute + "/contexts.yaml"));
  return absolute;
}

Result<WorldPlan> make_plan(const std::string& home, const UpCommand& command, Screen& screen) {
  TRY(auto network, read_yaml<Network>(command.network));
  TRY(auto demo, read_yaml<Demo>(demo_file));
  if (network.sites.size() > 100) return fail(Code::invalid, "'barrio up' shows at most 100 sites", command.network);
  if (command.state == "etcd" && !std::filesystem::exists(etcd_program)) {
    return fail(Code::unsupported, std::string(etcd_program) + " is not installed (Debian package etcd-server)",
                "--state");
  }
  std::vector<AppSpec> specs;
  for (const DemoApp& app : demo.apps) {
    TRY(auto spec, read_yaml<AppSpec>(app.file));
    specs.push_back(std::move(spec));
  }
  TRY(auto layout, Layout::pick());
  TRY(auto absolute, fresh_home(home, command, screen));
  const std::string network_file = std::filesystem::absolute(command.network).string();
  return WorldPlan{.home = absolute,
                   .network = std::move(network),
                   .network_file = network_file,
                   .demo = std::move(demo),
                   .layout = layout,
                   .specs = std::move(specs),
                   .members = command.state == "etcd" ? 3u : 1u,
                   .podman = ""};
}

bool tells_the_story(const Network& network) {
  for (const char* id : {"bio1", "vlc1", "svq1", "zaz1"}) {
    if (network.find(SiteId::of(id)) == nullptr) return false;
  }
  return true;
}

bool play(World& world, const Result<std::unique_ptr<PodmanService>>& podman) {
  Verdicts verdicts = play_first_light(world);
  if (podman) {
    play_containers(world, **podman, verdicts);
  } else {
    verdicts.skip("6. A container at two sites, rolled forward and back", podman.error().text());
  }
  play_storage(world, verdicts);
  play_proof(world, verdicts);
  world.screen().say(verdicts.summary());
  if (world.stopping()) world.screen().say("interrupted; what was not tried is not told");
  return verdicts.all_held();
}

/// Ctrl-C is how a network ends, but not how a story does.
Result<bool> ended_early(const UpCommand& command) {
  if (command.once) return fail(Code::cancelled, "interrupted before the end of the story", "--once");
  return true;
}

}  // namespace

Result<bool> up(const std::string& home, const UpCommand& command) {
  // Before anything else: what a running network needs would be removed.
  TRY(const auto lock, lock_home(home));
  Screen screen(stdout, [] { return size_of(stdout); });
  TRY(auto plan, make_plan(home, command, screen));
  const auto podman = PodmanService::start(plan.home + "/podman");
  if (podman) plan.podman = (*podman)->address();
  screen.say("containers: " + (podman ? "podman works here" : "not on this machine: " + podman.error().text()));
  TRY_DO(write_configs(plan));
  World world(std::move(plan), screen);
  if (auto started = world.start_all(); !started) {
    if (world.stopping()) return ended_early(command);
    return fail(std::move(started).error());
  }
  const bool story = !command.keep && tells_the_story(world.plan().network);
  if (command.once && !story)
    return fail(Code::invalid, "the story needs the sites of data/networks/spain.yaml and a fresh start", "--once");
  bool held = true;
  screen.pause(false);
  if (story) {
    held = play(world, podman);
  }
  if (!command.once) {
    if (!world.stopping()) screen.say("serving until Ctrl-C; console: http://" + world.plan().layout.control() + "/");
    while (world.pause(1s)) continue;
    held = true;
  }
  const bool interrupted = world.stopping();
  screen.pause(true);
  screen.say("ending all processes");
  world.end();
  return interrupted ? ended_early(command) : Result<bool>(held);
}

}  // namespace barrio::cli
