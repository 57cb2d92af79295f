// How one container is started and ended, from its image on.

#include <unistd.h>

#include "adapters/podman/instance.h"
#include "base/log.h"
#include "base/read_file.h"

namespace barrio::adapters {

namespace {

bool is_hybrid() {
  return ::access("/sys/fs/cgroup/unified", F_OK) == 0;
}

std::string with_hint(const Error& error, const PodmanHost* host) {
  if (host == nullptr || host->runtime == "runc" || host->cgroups_v2 || !is_hybrid()) return error.text();
  return error.text() + " (this machine's cgroups are hybrid: start podman with --runtime runc)";
}

}  // namespace

std::string PodmanWorkloadRuntime::in_words(const Error& error) const {
  return with_hint(error, host_ ? &*host_ : nullptr);
}

Result<void> PodmanWorkloadRuntime::start(Instance& one) {
  one.detail = "checks its image";
  TRY_DO(check_image(one));
  TRY_DO(create_or_adopt(one));
  TRY(auto state, api_.inspect(one.name));
  if (!state.running) TRY_DO(api_.start(one.name));
  TRY(state, api_.inspect(one.name));
  if (!state.running) return fail(Code::unavailable, "ended at once, with code " + std::to_string(state.exit_code));
  TRY(one.endpoint, loopback_of(state.pid, one.container().port));
  return {};
}

Result<void> PodmanWorkloadRuntime::check_image(Instance& one) {
  const ContainerSpec& container = one.container();
  TRY_DO(container.check_signature());
  // By the archive, too: a digest alone would lend one tenant's image to another.
  const std::string known = container.sha256 + container.image.digest;
  if (images_.contains(known)) return {};
  const ports::Turn::Hold hold(images_turn_);
  if (!keeper_.acts_on(one)) return fail(Code::cancelled, "is not wanted any more", one.name);
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

Result<std::optional<std::string>> PodmanWorkloadRuntime::ended(Instance& one) {
  const auto state = api_.inspect(one.name);
  if (!state && state.error().code == Code::not_found) return "its container is gone";
  if (!state) return fail(state.error());
  if (state->running) return std::nullopt;
  return state->out_of_memory ? "ended: out of memory" : "ended with code " + std::to_string(state->exit_code);
}

void PodmanWorkloadRuntime::stop(Instance& one) {
  static_cast<void>(api_.stop(one.name, config_.stop_grace));
}

/// Tries until it is gone: what podman cannot do now, it can later.
void PodmanWorkloadRuntime::take_away(Instance& one) {
  decide::RestartDelay delay(config_.times.restart);
  bool tried = false;
  while (!runtime_.stopping() && !keeper_.stood_down()) {
    stop(one);
    const auto removed = api_.remove(one.name);
    if (removed) return;
    // The first failure is most often podman's own cleaning up, which is not over yet.
    if (std::exchange(tried, true))
      log_warning("cannot remove a container", {{"container", one.name}, {"why", removed.error().text()}});
    runtime_.sleep_for(delay.after_running(Duration::zero(), runtime_.rng()));
  }
}

}  // namespace barrio::adapters
