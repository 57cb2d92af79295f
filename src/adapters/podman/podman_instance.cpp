// What the fiber of one container does, from its image to its end.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "adapters/podman/instance.h"
#include "base/log.h"
#include "base/read_file.h"

namespace barrio::adapters {

namespace {

constexpr Duration step = 50ms;

/// How the gateway reaches the port of a process in its own network namespace.
Result<std::string> endpoint_in(uint32_t pid, int port) {
  struct stat seen{};
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  struct stat ours{};
  if (pid == 0 || ::stat(path.c_str(), &seen) != 0 || ::stat("/proc/self/ns/net", &ours) != 0)
    return fail(Code::unavailable, "cannot see the container's network", path);
  // Never our own loopback, where others listen who trust it.
  if (seen.st_ino == ours.st_ino) return fail(Code::denied, "the container has no network of its own", path);
  return "netns:" + std::to_string(pid) + ":" + std::to_string(seen.st_ino) + "@127.0.0.1:" + std::to_string(port);
}

bool is_hybrid() {
  return ::access("/sys/fs/cgroup/unified", F_OK) == 0;
}

std::string with_hint(const Error& error, const PodmanHost* host) {
  if (host == nullptr || host->runtime == "runc" || host->cgroups_v2 || !is_hybrid()) return error.text();
  return error.text() + " (this machine's cgroups are hybrid: start podman with --runtime runc)";
}

}  // namespace

bool PodmanWorkloadRuntime::acts_on(const Instance& one) const {
  return !one.unwanted && !runtime_.stopping() && !stood_down_;
}

void PodmanWorkloadRuntime::keep(const Kept& one) {
  decide::RestartDelay delay(config_.restart);
  while (acts_on(*one)) {
    one->started = runtime_.now();
    run_once(*one);
    if (!acts_on(*one)) break;
    const Duration wait = delay.after_running(runtime_.now() - one->started, runtime_.rng());
    one->phase = ReplicaPhase::failed;
    ++one->restarts;
    log_warning("container failed", {{"container", one->name},
                                     {"why", one->detail},
                                     {"next", to_string(std::chrono::floor<std::chrono::milliseconds>(wait))}});
    const Time again = runtime_.now() + wait;
    while (acts_on(*one) && runtime_.now() < again) runtime_.sleep_for(std::min(step, again - runtime_.now()));
    if (acts_on(*one)) one->phase = ReplicaPhase::starting;
  }
  if (one->unwanted) take_away(*one);
}

/// Until it has failed, or is not wanted any more; the reason is in its detail.
void PodmanWorkloadRuntime::run_once(Instance& one) {
  if (auto up = bring_up(one); !up) {
    one.detail = with_hint(up.error(), host_ ? &*host_ : nullptr);
    one.endpoint.clear();
    return;
  }
  if (!acts_on(one)) return;
  std::string why = watch(one);
  if (!acts_on(one)) return;
  one.detail = std::move(why);
  one.endpoint.clear();
}

Result<void> PodmanWorkloadRuntime::bring_up(Instance& one) {
  one.detail = "checks its image";
  TRY_DO(check_image(one));
  TRY_DO(create_or_adopt(one));
  TRY_DO(start(one));
  return await_ready(one);
}

Result<void> PodmanWorkloadRuntime::check_image(Instance& one) {
  const ContainerSpec& container = one.container();
  TRY_DO(container.check_signature());
  // By the archive, too: a digest alone would lend one tenant's image to another.
  const std::string known = container.sha256 + container.image.digest;
  if (images_.contains(known)) return {};
  const ports::Turn::Hold hold(images_turn_);
  if (!acts_on(one)) return fail(Code::cancelled, "is not wanted any more", one.name);
  if (images_.contains(known)) return {};
  std::optional<Result<std::string>> archive;
  // Verified: what is loaded is what was asked for, whatever has happened on the disk.
  runtime_.offload([&] { archive = read_verified_file(one.file_path, container.sha256); });
  if (!*archive) return fail(archive->error());
  TRY(auto id, api_.load_image(**archive, container.image.digest));
  images_[known] = id;
  return {};
}

Result<void> PodmanWorkloadRuntime::create_or_adopt(Instance& one) {
  TRY(const PodmanHost* host, known_host());
  const std::string image = images_.at(one.container().sha256 + one.container().image.digest);
  const Specification wanted = specification(one.order, config_.site, image, *host);
  for (const std::string& what : wanted.unlimited)
    log_warning("cgroups do not limit a container here", {{"container", one.name}, {"what", what}});
  auto present = api_.inspect(one.name);
  if (present) {
    if (present->labels[label::made_from] == wanted.made_from) return {};
    TRY_DO(api_.remove(one.name));
  } else if (present.error().code != Code::not_found) {
    return fail(present.error());
  }
  auto created = api_.create(wanted.json);
  // An image may have gone from podman's store since it was checked: the next try loads it again.
  if (!created) images_.erase(one.container().sha256 + one.container().image.digest);
  return created;
}

Result<void> PodmanWorkloadRuntime::start(Instance& one) {
  TRY(auto state, api_.inspect(one.name));
  if (!state.running) TRY_DO(api_.start(one.name));
  TRY(state, api_.inspect(one.name));
  if (!state.running) return fail(Code::unavailable, "ended at once, with code " + std::to_string(state.exit_code));
  TRY(one.endpoint, endpoint_in(state.pid, one.container().port));
  return {};
}

Result<void> PodmanWorkloadRuntime::await_ready(Instance& one) {
  const HealthCheck check = one.container().ready.value_or(HealthCheck());
  const Time latest = runtime_.now() + one.container().start_within;
  one.detail = "waits for " + check.path + " to answer";
  while (acts_on(one)) {
    if (answers(one, check)) {
      one.phase = ReplicaPhase::ready;
      one.detail.clear();
      return {};
    }
    TRY(auto state, api_.inspect(one.name));
    if (!state.running)
      return fail(Code::unavailable,
                  state.out_of_memory ? "ended: out of memory" : "ended with code " + std::to_string(state.exit_code));
    if (runtime_.now() >= latest) {
      TRY_DO(api_.stop(one.name, config_.stop_grace));
      return fail(Code::timed_out, "was not ready after " + to_string(one.container().start_within));
    }
    runtime_.sleep_for(config_.ready_period);
  }
  return {};
}

/// Why it does not run any more.
std::string PodmanWorkloadRuntime::watch(Instance& one) {
  const HealthCheck ready = one.container().ready.value_or(HealthCheck());
  const std::optional<HealthCheck>& live = one.container().live;
  decide::Misses not_ready, not_live;
  Time next_ready = runtime_.now() + ready.every;
  Time next_live = runtime_.now() + (live ? live->every : Duration::zero());
  Time next_look = runtime_.now();
  while (acts_on(one)) {
    const Time now = runtime_.now();
    if (now >= next_look) {
      next_look = now + config_.look_every;
      const auto state = api_.inspect(one.name);
      if (state && !state->running)
        return state->out_of_memory ? "ended: out of memory" : "ended with code " + std::to_string(state->exit_code);
      if (!state && state.error().code == Code::not_found) return "its container is gone";
    }
    if (now >= next_ready) {
      next_ready = now + ready.every;
      not_ready.note(answers(one, ready));
      const bool out = not_ready.reached(ready.failures);
      one.phase = out ? ReplicaPhase::starting : ReplicaPhase::ready;
      one.detail = out ? ready.path + " does not answer" : "";
    }
    if (live && now >= next_live) {
      next_live = now + live->every;
      not_live.note(answers(one, *live));
      if (not_live.reached(live->failures)) {
        one.phase = ReplicaPhase::failed;
        static_cast<void>(api_.stop(one.name, config_.stop_grace));
        return live->path + " did not answer " + std::to_string(live->failures) + " times in a row";
      }
    }
    runtime_.sleep_for(step);
  }
  return "";
}

bool PodmanWorkloadRuntime::answers(const Instance& one, const HealthCheck& check) {
  const auto address = net::SocketAddress::parse(one.endpoint);
  if (!address) return false;
  net::Request request{
      .method = "GET", .target = check.path, .headers = {{"User-Agent", "barrio-health"}}, .body = {}, .peer_ip = {}};
  const auto answer = probe_(*address, std::move(request), runtime_.now() + check.timeout);
  return answer && answer->status >= 200 && answer->status < 400;
}

/// Tries until it is gone: what podman cannot do now, it can later.
void PodmanWorkloadRuntime::take_away(Instance& one) {
  decide::RestartDelay delay(config_.restart);
  bool tried = false;
  one.phase = ReplicaPhase::stopping;
  one.detail = "ends";
  while (!runtime_.stopping() && !stood_down_) {
    static_cast<void>(api_.stop(one.name, config_.stop_grace));
    const auto removed = api_.remove(one.name);
    if (removed) return;
    // The first failure is most often podman's own cleaning up, which is not over yet.
    if (std::exchange(tried, true))
      log_warning("cannot remove a container", {{"container", one.name}, {"why", removed.error().text()}});
    runtime_.sleep_for(delay.after_running(Duration::zero(), runtime_.rng()));
  }
}

}  // namespace barrio::adapters
