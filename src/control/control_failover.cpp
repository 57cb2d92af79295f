// What happens when a site is lost and when it comes back. Lost: it has spoken to control before, is active, and has
// been silent for as long as its replicas are believed. What it had is placed elsewhere as if it were not there,
// started in the order and at the pace of decide/placement/moves.h; its own replicas stay in the books, for it may
// serve on, cut off from control alone, or come back. Once it has been heard again for long enough its replicas count
// again, and what is more than enough then leaves as from a draining site.

#include <algorithm>

#include "base/log.h"
#include "control/control.h"
#include "decide/routing/load_view.h"

namespace barrio::control {

namespace {

/// Gateways give a site its devices back over one return window from when it is ready: thrice that shows whether it
/// stays.
constexpr Duration counts_again_after = 3 * decide::return_window;
/// What was made elsewhere waits no longer for the site to have answered: routing may have no reason to send it
/// anything.
constexpr Duration proves_itself_within = 2min;

}  // namespace

const Replica* Control::known_replica(const ReplicaId& id) const {
  const auto found = std::ranges::lower_bound(desired_.replicas, id, {}, &Replica::id);
  return found == desired_.replicas.end() || found->id != id ? nullptr : &*found;
}

/// Of who begins to lead. Which sites were lost, or back for moments only, was known to another member: of replicas
/// that led to nothing is let go until each site has shown again whether it stays.
void Control::hear_sites_anew() {
  const Time now = runtime_.now();
  observed_ = Observed(now);
  lets_go_from_ = desired_.replicas.empty() ? now : now + counts_again_after;
  first_light_until_ = desired_.gateways.empty() ? now + trusted_for : now;
  going_since_.clear();
  lost_.clear();
  returned_.clear();
  ordered_.clear();
  events_.hear_anew();
}

/// Where most of the sites that were not lost before are silent, it is control that is cut off: it moves nothing.
void Control::note_lost() {
  const Time now = runtime_.now();
  std::vector<SiteId> known;
  size_t heard = 0;
  size_t silent = 0;
  bool would_be_lost = false;
  for (const Site& site : desired_.network.sites) {
    if (site.status != SiteStatus::active || !desired_.gateways.contains(site.id.str())) continue;
    known.push_back(site.id);
    if (lost_.contains(site.id)) continue;
    observed_.connected(site.id, now) ? ++heard : ++silent;
    would_be_lost = would_be_lost || silence(site.id) >= trusted_for;
  }
  std::erase_if(lost_, [&](const auto& entry) { return std::ranges::find(known, entry.first) == known.end(); });
  std::erase_if(returned_, [&](const auto& entry) { return now - entry.second >= proves_itself_within; });
  for (const SiteId& site : known) hear_lost(site, silent > heard);
  figures_.lost_sites = lost_.size();
  const bool withheld = would_be_lost && silent > heard;
  if (withheld && figures_.failover_withheld == 0)
    log_warning("most sites are silent: nothing is made elsewhere",
                {{"silent", std::to_string(silent)}, {"heard", std::to_string(heard)}});
  figures_.failover_withheld = withheld ? 1 : 0;
}

Duration Control::silence(const SiteId& site) const {
  const Observation* seen = observed_.of(site);
  return runtime_.now() - (seen == nullptr ? observed_.started() : seen->last);
}

void Control::hear_lost(const SiteId& site, bool most_are_silent) {
  const Time now = runtime_.now();
  const auto known = lost_.find(site);
  if (known == lost_.end()) {
    if (silence(site) < trusted_for || most_are_silent) return;
    log_warning("a site is lost", {{"site", site.str()}});
    lost_.emplace(site, Lost{now - silence(site), std::nullopt});
    returned_.erase(site);
    return;
  }
  Lost& lost = known->second;
  if (!observed_.connected(site, now)) return lost.back.reset();
  if (!lost.back) lost.back = now;
  if (now - *lost.back < counts_again_after) return;
  log_info("a site is back", {{"site", site.str()}});
  returned_[site] = now;
  lost_.erase(known);
}

/// Some replicas are where they should not stay.
bool Control::is_away() const {
  return !lost_.empty() || std::ranges::any_of(desired_.network.sites,
                                               [](const Site& site) { return site.status == SiteStatus::draining; });
}

std::map<SiteId, SiteRuns> Control::runs_of_sites() const {
  std::map<SiteId, SiteRuns> runs;
  for (const auto& [site, seen] : observed_.sites()) {
    if (seen.report.runs) runs.emplace(site, *seen.report.runs);
  }
  return runs;
}

/// Active, and no machine has ever spoken for them. In a network that has just begun, all may do so in a moment.
std::set<SiteId> Control::unheard_sites() const {
  std::set<SiteId> unheard;
  if (runtime_.now() < first_light_until_) return unheard;
  for (const Site& site : desired_.network.sites) {
    const bool spoke = desired_.gateways.contains(site.id.str()) || observed_.of(site.id) != nullptr;
    if (site.status == SiteStatus::active && !spoke) unheard.insert(site.id);
  }
  return unheard;
}

/// A store that was full says of none who spoke that it did: who begins to lead listens first, and takes nothing from
/// a site that runs it.
decide::AtUnheard Control::at_unheard() const {
  const bool listened = runtime_.now() - observed_.started() >= trusted_for;
  return listened ? decide::AtUnheard::leaves : decide::AtUnheard::stays;
}

decide::PlacementOptions Control::placement_options() const {
  decide::PlacementOptions options;
  const Time now = runtime_.now();
  options.unheard = unheard_sites();
  options.runs = runs_of_sites();
  options.at_unheard = at_unheard();
  for (const auto& [site, lost] : lost_) options.lost.emplace(site, now - lost.since);
  for (const Site& site : desired_.network.sites) {
    if (site.status == SiteStatus::draining && silence(site.id) >= trusted_for)
      options.lost.emplace(site.id, silence(site.id));
  }
  if (!is_away()) return options;
  for (const App& app : desired_.apps) {
    const auto asked = demand_.asked(app.key(), now, runtime_.wall());
    options.asked.emplace(app.key(), std::max(asked.measured, asked.expected));
  }
  return options;
}

/// How many start at each site. One that has had its time counts no longer.
std::map<SiteId, size_t> Control::starting_now() {
  const Time now = runtime_.now();
  std::map<SiteId, size_t> starting;
  for (const Replica& replica : desired_.replicas) {
    const Time since = ordered_.try_emplace(replica.id, replica.generation, now).first->second.second;
    if (observed_.phase(replica, now) != ReplicaPhase::starting) continue;
    if (now - since < ready_within(replica.app)) ++starting[replica.site];
  }
  // Where control does not hear of them, nothing begins.
  for (const Site& site : desired_.network.sites) {
    if (desired_.gateways.contains(site.id.str()) && !observed_.connected(site.id, now))
      starting[site.id] = config_.moves.at_once;
  }
  return starting;
}

/// Which of the replicas that are to be made elsewhere begin in this step, and what the others wait for.
void Control::note_moves() {
  waiting_.clear();
  begun_.clear();
  if (is_away()) {
    const Time now = runtime_.now();
    auto moves = decide::moves(desired_.network, placed_with_.apps, placed(desired_), placements_, placement_options(),
                               config_.moves);
    std::map<SiteId, size_t> starting = starting_now();
    std::set<AppKey> serve_again;  // where they were lost
    for (const Replica& replica : desired_.replicas) {
      const auto lost = lost_.find(replica.site);
      // A site that comes and goes is waited for no longer than one that is silent.
      if (lost == lost_.end() || now - lost->second.since >= config_.moves.spare_after) continue;
      if (observed_.connected(replica.site, now) && observed_.phase(replica, now) == ReplicaPhase::ready)
        serve_again.insert(replica.app);
    }
    for (decide::Move& move : moves) {
      move.may_wait = move.may_wait || serve_again.contains(move.replica.app);
      const std::string& site = move.replica.site.str();
      waiting_.emplace(move.replica.id, move.may_wait
                                            ? "waits: the others serve all that is asked, and the lost site may be back"
                                            : "waits until those before it at " + site + " are ready");
    }
    for (const decide::PlacedReplica& next : decide::next_moves(moves, starting, config_.moves)) {
      waiting_.erase(next.id);
      begun_.push_back(next.id);
    }
  }
  figures_.moves_wait = waiting_.size();
}

/// What gateways see of the sites that are back. Once a step: many replicas ask.
void Control::note_served() {
  asked_.clear();
  served_.clear();
  if (returned_.empty()) return;
  for (const auto& [gateway, seen] : observed_.sites()) {
    if (!observed_.connected(gateway, runtime_.now())) continue;
    for (const Flow& flow : seen.report.flows) {
      if (flow.answered + flow.refused > 0) asked_.insert(flow.app);
      if (flow.answered > 0 && returned_.contains(flow.served_by)) served_.emplace(flow.app, flow.served_by);
    }
  }
}

/// True of a site that was not lost lately, too, and where nobody asks.
bool Control::served_since_return(const decide::PlacedReplica& replica) const {
  return !returned_.contains(replica.site) || served_.contains({replica.app, replica.site}) ||
         !asked_.contains(replica.app);
}

/// Of the apps that have a replica there.
std::string Control::loss_text(const SiteId& site) const {
  const std::set<ReplicaId> begun(begun_.begin(), begun_.end());
  const auto had = std::ranges::count(desired_.replicas, site, &Replica::site);
  int64_t elsewhere = 0;
  int64_t without_place = 0;
  for (const auto& [app, placement] : placements_) {
    if (std::ranges::find(placement.leaving, site, &decide::PlacedReplica::site) == placement.leaving.end()) continue;
    without_place += placement.refusal ? 1 : 0;
    elsewhere += std::ranges::count_if(placement.replicas, [&](const decide::PlacedReplica& replica) {
      return begun.contains(replica.id) || waiting_.contains(replica.id);
    });
  }
  return std::to_string(had) + " replicas; " + std::to_string(elsewhere) + " to be made elsewhere, " +
         std::to_string(without_place) + " apps have no other place";
}

void Control::tell_lost() {
  std::set<SiteId> lost;
  for (const auto& [site, of] : lost_) lost.insert(site);
  events_.lost(lost, [this](const SiteId& site) { return loss_text(site); });
  events_.withheld(figures_.failover_withheld == 1);
}

}  // namespace barrio::control
