// Releases: what was deployed under an app's name, how the newest reaches the sites one after the other, and the way
// back.

#include <algorithm>

#include "base/log.h"
#include "control/control.h"
#include "decide/placement/slices.h"

namespace barrio::control {

namespace {

constexpr size_t most_releases = 10;  // kept of one app

std::string what_runs(const AppSpec& spec) {
  if (spec.container) return "container " + spec.container->image.str();
  if (spec.program) return "program sha256:" + spec.program->sha256;
  const ModelSource& model = spec.model;
  std::string text = std::string("model ") + to_name(model.backend);
  if (!model.builtin.empty()) text += " " + model.builtin;
  if (!model.sha256.empty()) text += " sha256:" + model.sha256;
  return text;
}

/// What a site must have room for while either may run there. Of two kinds of accelerators only the first is counted.
Resources larger(Resources a, const Resources& b) {
  a.power = std::max(a.power, b.power);
  a.memory = std::max(a.memory, b.memory);
  a.cores = std::max(a.cores, b.cores);
  a.storage = std::max(a.storage, b.storage);
  if (b.accelerators == 0) return a;
  if (a.accelerators == 0) {
    a.accelerator = b.accelerator;
    a.accelerators = b.accelerators;
    a.slice = b.slice;
    a.accelerator_power = b.accelerator_power;
  } else if (a.accelerator == b.accelerator) {
    a.accelerators = std::max(a.accelerators, b.accelerators);
    a.accelerator_power = std::max(a.accelerator_power, b.accelerator_power);
    // All of a device is more than any slice of it.
    const bool sliced = a.slice && b.slice;
    a.slice = !sliced                                                                 ? std::nullopt
              : decide::slice_gigabytes(*a.slice) < decide::slice_gigabytes(*b.slice) ? b.slice
                                                                                      : a.slice;
  }
  return a;
}

}  // namespace

const Release* Control::release_of(const AppKey& app, int64_t generation) const {
  const auto known = desired_.releases.find(app);
  if (known == desired_.releases.end()) return nullptr;
  const auto found = std::ranges::find(known->second, generation, &Release::generation);
  return found == known->second.end() ? nullptr : &*found;
}

const Release* Control::last_good(const AppKey& app) const {
  const auto known = desired_.releases.find(app);
  if (known == desired_.releases.end()) return nullptr;
  const auto found = std::find_if(known->second.rbegin(), known->second.rend(),
                                  [](const Release& release) { return release.state == ReleaseState::done; });
  return found == known->second.rend() ? nullptr : &*found;
}

/// The generation that the app's replicas should come to.
int64_t Control::target_of(const App& app) const {
  const Release* newest = release_of(app.key(), app.generation);
  const bool stopped = newest != nullptr && newest->state == ReleaseState::stopped;
  const Release* good = stopped ? last_good(app.key()) : nullptr;
  return good == nullptr ? app.generation : good->generation;
}

/// With what is asked of them; and while two releases are on the way, each site has room for either.
std::vector<App> Control::sized_apps() const {
  std::vector<App> apps = desired_.apps;
  for (App& app : apps) {
    app = with_demand(std::move(app));
    for (const Replica& replica : desired_.replicas) {
      if (replica.app != app.key() || replica.generation == app.generation) continue;
      const Release* earlier = release_of(replica.app, replica.generation);
      if (earlier != nullptr) app.spec.resources = larger(app.spec.resources, earlier->spec.resources);
    }
  }
  return apps;
}

std::vector<decide::RolloutReplica> Control::rollout_replicas(const App& app) {
  std::vector<decide::RolloutReplica> replicas;
  const auto placement = placements_.find(app.key());
  if (placement == placements_.end()) return replicas;
  const Time now = runtime_.now();
  for (const decide::PlacedReplica& placed : placement->second.replicas) {
    const Replica* known = known_replica(placed.id);
    if (known == nullptr) continue;  // made in this step, with the target
    auto& [generation, since] = ordered_.try_emplace(placed.id, known->generation, now).first->second;
    if (std::exchange(generation, known->generation) != known->generation) since = now;
    const ReplicaReport* report = observed_.replica(*known);
    replicas.push_back({.id = placed.id,
                        .site = placed.site,
                        .ordered = known->generation,
                        .connected = observed_.connected(placed.site, now),
                        .report = report == nullptr ? std::nullopt : std::optional(*report),
                        .ordered_for = now - since});
  }
  return replicas;
}

void Control::roll_releases() {
  advancing_.clear();
  ended_.clear();
  stuck_.clear();
  std::erase_if(ordered_, [this](const auto& entry) { return known_replica(entry.first) == nullptr; });
  for (const App& app : desired_.apps) {
    const Release* newest = release_of(app.key(), app.generation);
    const auto replicas = rollout_replicas(app);
    const int64_t target = target_of(app);
    const decide::RolloutStep step = decide::roll(replicas, target, app.spec.rollout.value_or(RolloutSpec()));
    const bool rolling = newest != nullptr && newest->state == ReleaseState::rolling;
    if (rolling && step.failed && last_good(app.key()) != nullptr) {
      Release stopped = *newest;
      stopped.state = ReleaseState::stopped;
      stopped.detail = *step.failed;
      log_warning("rollout stopped", {{"app", app.key().str()}, {"why", stopped.detail}});
      ended_.emplace(key::release(app.key(), app.generation), std::move(stopped));
      changed_->notify();  // the way back begins in the next step
      continue;
    }
    if (rolling && step.failed)
      stuck_[app.key()] = *step.failed + "; it goes on trying, as there is no earlier release to go back to";
    if (rolling && step.done && !replicas.empty()) {
      Release done = *newest;
      done.state = ReleaseState::done;
      log_info("rolled out", {{"app", app.key().str()}, {"generation", std::to_string(app.generation)}});
      ended_.emplace(key::release(app.key(), app.generation), std::move(done));
    }
    advancing_.insert(step.advance.begin(), step.advance.end());
  }
}

void Control::gather_releases(Writes& writes) const {
  for (const auto& [key, release] : ended_) writes.push_back(write_json(key, release));
}

/// The new one; what was under way is replaced, and the oldest go, but never the last good one.
void Control::add_release(Writes& writes, const App& app) const {
  writes.push_back(
      write_json(key::release(app.key(), app.generation),
                 Release{app.key(), app.generation, app.spec, ReleaseState::rolling, "", runtime_.wall()}));
  const auto known = desired_.releases.find(app.key());
  if (known == desired_.releases.end()) return;
  const Release* good = last_good(app.key());
  size_t left = known->second.size() + 1;
  for (Release release : known->second) {
    const bool in_use = std::ranges::any_of(desired_.replicas, [&](const Replica& replica) {
      return replica.app == app.key() && replica.generation == release.generation;
    });
    const bool is_good = good != nullptr && good->generation == release.generation;
    if (left > most_releases && !in_use && !is_good) {
      writes.push_back({key::release(app.key(), release.generation), std::nullopt});
      --left;
    } else if (release.state == ReleaseState::rolling) {
      release.state = ReleaseState::replaced;
      writes.push_back(write_json(key::release(app.key(), release.generation), release));
    }
  }
}

tl::expected<Deployed, Rejected> Control::roll_back(const AppKey& key, int64_t generation, const Author& by) {
  auto rejected = [](Code code, std::string what) {
    return tl::unexpected(Rejected{Error{code, std::move(what), "generation"}, std::nullopt});
  };
  const auto app = known_app(key);
  if (!app) return tl::unexpected(Rejected{app.error(), std::nullopt});
  const Release* wanted = nullptr;
  if (generation != 0) {
    wanted = release_of(key, generation);
    if (wanted == nullptr)
      return rejected(Code::not_found, "there is no release " + std::to_string(generation) + " of " + key.str());
  } else {
    const auto known = desired_.releases.find(key);
    const std::string present = print_json(to_json((*app)->spec));
    for (const Release& release : known == desired_.releases.end() ? std::vector<Release>() : known->second) {
      const bool differs = print_json(to_json(release.spec)) != present;
      if (release.state == ReleaseState::done && differs) wanted = release_of(key, release.generation);
    }
    if (wanted == nullptr) return rejected(Code::conflict, "there is no earlier release that was rolled out");
  }
  return deploy(key.tenant, AppSpec(wanted->spec), by);
}

api::ReleaseView Control::release_view(const Release& release) const {
  const auto stuck = stuck_.find(release.app);
  const bool is_stuck = stuck != stuck_.end() && release.state == ReleaseState::rolling;
  return {release.generation, what_runs(release.spec), to_name(release.state),
          is_stuck ? stuck->second : release.detail, release.at};
}

Result<api::ReleaseList> Control::releases(const AppKey& key) const {
  TRY_DO(known_app(key));
  api::ReleaseList list{key.str(), {}};
  const auto known = desired_.releases.find(key);
  if (known == desired_.releases.end()) return list;
  for (auto release = known->second.rbegin(); release != known->second.rend(); ++release)
    list.releases.push_back(release_view(*release));
  return list;
}

}  // namespace barrio::control
