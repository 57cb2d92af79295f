// What is asked of apps, and what placement makes of it: replicas that follow demand, and better places for them.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/log.h"
#include "control/control.h"

namespace barrio::control {

namespace {

constexpr size_t most_shapes_a_step = 50;

/// Up to the next of steps of a tenth, so that a rate that only trembles changes no plan.
double in_steps(double rate) {
  constexpr double step = 1.1;
  return std::pow(step, std::ceil(std::log(rate) / std::log(step) - 1e-9));
}

std::string rate_text(double rate) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), rate < 10 ? "%.2g" : "%.0f", rate);
  return std::string(buffer.data()) + " requests/s";
}

/// What was declared, where it says how much, and what is asked: of each place the larger.
std::vector<DemandPlace> merged(const std::vector<DemandPlace>& declared, const std::vector<DemandPlace>& asked) {
  std::vector<DemandPlace> places = asked;
  for (const DemandPlace& place : declared) {
    if (!place.requests_per_second) continue;
    const auto known = std::ranges::find(places, place.name, &DemandPlace::name);
    if (known == places.end())
      places.push_back(place);
    else
      known->requests_per_second = std::max(*known->requests_per_second, *place.requests_per_second);
  }
  return places.empty() ? declared : places;
}

}  // namespace

bool Control::same_demand(const std::vector<App>& a, const std::vector<App>& b) {
  return std::ranges::equal(a, b, [](const App& one, const App& other) {
    return one.spec.replicas == other.spec.replicas && std::ranges::equal(one.spec.demand, other.spec.demand);
  });
}

void Control::start_demand() {
  demand_ = {};
  seen_apps_.clear();
  shapes_known_ = false;
  due_shapes_.clear();
  demand_since_ = runtime_.now();
}

/// Of each app and generation, since when; what the store knows of their days, once.
void Control::note_apps() {
  std::set<AppKey> apps;
  const Time now = runtime_.now();
  for (const App& app : desired_.apps) {
    apps.insert(app.key());
    const auto [known, made] = seen_apps_.try_emplace(app.key(), app.generation, now);
    if (!made && known->second.first != app.generation) known->second = {app.generation, now};
  }
  std::erase_if(seen_apps_, [&](const auto& entry) { return !apps.contains(entry.first); });
  demand_.keep_only(apps);
  if (std::exchange(shapes_known_, true)) return;
  for (const decide::DailyShape& shape : desired_.shapes) {
    if (apps.contains(shape.app)) demand_.put(shape);
  }
}

/// Nobody has asked for so long that it needs no replica. One that has none since before this member came to lead stays
/// as it is.
bool Control::sleeps(const App& app) const {
  const auto& scale = app.spec.scale;
  if (!scale || !scale->idle) return false;
  const Time now = runtime_.now();
  const AppKey key = app.key();
  const auto idle_since = [&](Time last) { return now - last >= *scale->idle; };
  const auto last = demand_.last_asked(key);
  if (last && !idle_since(*last)) return false;
  if (demand_.asked(key, now, runtime_.wall()).expected > 0) return false;
  const auto seen = seen_apps_.find(key);
  if (seen == seen_apps_.end() || seen->second.first != app.generation) return false;  // it is being deployed
  if (idle_since(seen->second.second)) return true;
  const Release* release = release_of(key, app.generation);
  const bool was_there = release != nullptr && release->state != ReleaseState::rolling;
  return was_there && std::ranges::find(desired_.replicas, key, &Replica::app) == desired_.replicas.end();
}

/// At sites that take replicas.
int Control::standing(const AppKey& app) const {
  return static_cast<int>(std::ranges::count_if(desired_.replicas, [&](const Replica& replica) {
    const Site* site = replica.app == app ? desired_.network.find(replica.site) : nullptr;
    return site != nullptr && site->status == SiteStatus::active && !lost_.contains(site->id);
  }));
}

App Control::with_demand(App app) const {
  if (sleeps(app)) {
    app.spec.replicas = 0;
    return app;
  }
  auto asked = demand_.asked(app.key(), runtime_.now(), runtime_.wall());
  for (DemandPlace& place : asked.places) place.requests_per_second = in_steps(*place.requests_per_second);
  if (app.spec.scale) {
    app.spec.demand = merged(app.spec.demand, asked.places);
    // What was asked before this member led is not known here: what it led to stays so long.
    if (runtime_.now() - demand_since_ < decide::held_for)
      app.spec.replicas = std::max(app.spec.replicas.value_or(1), standing(app.key()));
  } else if (app.spec.replicas && app.spec.demand.empty()) {
    // How many is said; where is seen.
    for (DemandPlace& place : asked.places) place.weight = *std::exchange(place.requests_per_second, std::nullopt);
    app.spec.demand = std::move(asked.places);
  }
  return app;
}

std::string Control::demand_text(const App& app) const {
  const auto asked = demand_.asked(app.key(), runtime_.now(), runtime_.wall());
  std::string text = rate_text(asked.measured) + " within the last 3 minutes";
  if (asked.expected > 0) text += ", " + rate_text(asked.expected) + " usual at this time";
  if (sleeps(app)) text += "; no replica while nobody asks";
  return text;
}

/// The shapes of the days, once an hour.
void Control::gather_demand(Writes& writes) {
  due_shapes_.merge(demand_.turn(runtime_.now(), runtime_.wall()));
  const auto stored = [&](const AppKey& app) {
    const auto found = std::ranges::find(desired_.shapes, app, &decide::DailyShape::app);
    return found == desired_.shapes.end() ? std::string() : print_json(to_json(*found));
  };
  for (auto due = due_shapes_.begin(); due != due_shapes_.end() && writes.size() < most_shapes_a_step;) {
    const auto shape = find_app(*due) == nullptr ? std::nullopt : demand_.shape(*due);
    if (!shape || print_json(to_json(*shape)) == stored(*due)) {
      due = due_shapes_.erase(due);
      continue;
    }
    writes.push_back(write_json(key::demand(*due), *shape));
    ++due;
  }
  for (const decide::DailyShape& shape : desired_.shapes) {
    if (find_app(shape.app) == nullptr) writes.push_back({key::demand(shape.app), std::nullopt});
  }
}

Result<size_t> Control::improve() {
  if (!lost_.empty()) return 0;  // not while something is on its way
  const std::set<SiteId> unheard = unheard_sites();
  if (!unheard.empty() && at_unheard() == decide::AtUnheard::stays) return 0;  // they may yet be heard
  const ports::Revision revision = desired_.revision;
  const Network network = desired_.network;
  const std::vector<App> apps = sized_apps();
  if (improved_revision_ == revision && same_demand(apps, improved_apps_)) return 0;  // nothing was found in it
  const auto present = placed(desired_);
  std::vector<decide::PlacedReplica> better;
  const decide::ImprovementOptions options{.work = config_.improve_work,
                                           .given_up = [this] { return runtime_.stopping(); },
                                           .unheard = unheard,
                                           .runs = runs_of_sites()};
  runtime_.offload([&] { better = decide::improvement(network, apps, present, options); });
  if (runtime_.stopping()) return 0;
  if (better.empty()) {
    improved_revision_ = revision;
    improved_apps_ = apps;
    return 0;
  }
  const ports::Turn::Hold turn(stepping_);
  TRY_DO(load());
  if (desired_.revision != revision || !lost_.empty()) return 0;  // another time
  Writes writes;
  std::vector<ports::Guard> guards = {desired_.guard(key::placement)};
  for (const decide::PlacedReplica& one : better) {
    const App* app = find_app(one.app);
    const Replica replica{one.id, one.app, one.site, ReplicaPhase::starting, target_of(*app), one.seat};
    writes.push_back(write_json(key::replica(one.id), replica));
    guards.push_back(desired_.guard(writes.back().key));
    log_info("a better place", {{"app", one.app.str()}, {"site", one.site.str()}});
  }
  writes.push_back({key::placement, "{}"});
  TRY_DO(state_.commit(std::move(guards), std::move(writes)));
  changed_->notify();
  return better.size();
}

}  // namespace barrio::control
