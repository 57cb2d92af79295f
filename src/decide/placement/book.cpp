#include "decide/placement/book.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "decide/latency/path.h"
#include "decide/placement/demand.h"
#include "decide/placement/search.h"
#include "decide/placement/waiting.h"
#include "decide/residency/residency.h"

namespace barrio::decide {

namespace {

/// More than any hour of any app: no replica is left out because it costs something.
constexpr double missing_replica = 1e6;
/// And none that has its place gives it up for others that have none.
constexpr double lost_replica = 64 * missing_replica;
/// More than any other place costs, and less than none.
constexpr double unheard_site = missing_replica / 4;
constexpr double bytes_per_gib = 1073741824;

AssignmentItem vacant_item(size_t bins) {
  AssignmentItem item;
  item.copies = 0;
  item.cost.assign(bins, forbidden);
  return item;
}

std::optional<size_t> asked_of(const AppSpec& spec, size_t for_load) {
  if (spec.replicas == 0) return 0;  // it sleeps
  if (!spec.replicas && !spec.scale) return std::nullopt;
  const size_t asked = std::max(static_cast<size_t>(spec.replicas.value_or(1)), for_load);
  return spec.scale && spec.scale->most ? std::min(asked, static_cast<size_t>(*spec.scale->most)) : asked;
}

double requests_of(const AppSpec& spec) {
  double requests = 0;
  for (const DemandPlace& place : spec.demand) requests += place.requests_per_second.value_or(0);
  return requests;
}

/// Wait and service where so many share what is asked. Of a load that is too much for all of them, what they are given
/// is as much as they can take.
Duration time_shared(const AppSpec& spec, size_t replicas) {
  const double each = requests_of(spec) / static_cast<double>(replicas);
  const double busy = utilisation(queue_of(*spec.work, each));
  return time_in_site(*spec.work, busy > most_utilisation ? each * most_utilisation / busy : each,
                      spec.objective.percentile);
}

}  // namespace

PlacementBook::PlacementBook(const Network& network, const Weights& weights, const std::vector<SiteId>& lost,
                             const std::set<SiteId>& unheard, const std::map<SiteId, SiteRuns>& runs)
    : network_(network),
      weights_(weights),
      capacity_(network),
      problem_(capacity_.problem(weights.reserve_watt)),
      now_(problem_),
      lost_(network.sites.size(), false) {
  for (size_t s = 0; s < network.sites.size(); ++s) {
    sites_.emplace(network.sites[s].id, s);
    unheard_.push_back(unheard.contains(network.sites[s].id));
    const auto said = runs.find(network.sites[s].id);
    runs_.push_back(said == runs.end() ? SiteRuns() : said->second);
  }
  for (const SiteId& site : lost) {
    if (const auto known = sites_.find(site); known != sites_.end()) lost_[known->second] = true;
  }
  problem_.device_cost = weights.begun_device;
  problem_.services.push_back(service_costs(network, default_demand(network)));
}

uint32_t PlacementBook::new_item() {
  if (!free_items_.empty()) {
    const uint32_t item = free_items_.back();
    free_items_.pop_back();
    return item;
  }
  problem_.items.emplace_back();
  own_services_.push_back(none);
  now_.grow();
  return static_cast<uint32_t>(problem_.items.size() - 1);
}

uint32_t PlacementBook::service_of(const AppSpec& spec, uint32_t item) {
  if (spec.demand.empty()) return 0;
  uint32_t& own = own_services_[item];
  if (own == none) {
    own = static_cast<uint32_t>(problem_.services.size());
    problem_.services.emplace_back();
  }
  problem_.services[own] = service_costs(network_, spec.demand);
  return own;
}

/// How long the network takes, how many replicas there are to be, and how long one of them takes then. The same while
/// sites are lost, so that a loss takes no replica from those that are left: requests wait longer there meanwhile.
void PlacementBook::set_times(Entry& entry) const {
  const AppSpec& spec = entry.app.spec;
  entry.network.clear();
  size_t candidates = 0;
  for (size_t s = 0; s < network_.sites.size(); ++s) {
    const Site& site = network_.sites[s];
    Duration nearest = spec.demand.empty() ? Duration() : Duration::max();
    for (const DemandPlace& place : spec.demand) {
      nearest = std::min(nearest, path_rtt(network_.paths, place.location, site.location));
    }
    entry.network.push_back(access_rtt(network_.paths, Access::fibre) + nearest);
    candidates += serves(entry, s) ? 1 : 0;
  }
  entry.for_load = replicas_for_load(entry, candidates);
  entry.asked = asked_of(spec, entry.for_load);
  entry.in_site = Duration();
  if (!spec.work) return;
  entry.in_site = time_shared(spec, std::max<size_t>(1, std::min(candidates, entry.asked.value_or(candidates))));
  // What is more than an app that scales can take is refused in time where it arrives, and takes its place from none.
  if (spec.scale && least_network(entry) + entry.in_site >= spec.objective.latency)
    entry.in_site = service_tail(*spec.work, spec.objective.percentile);
}

Duration PlacementBook::least_network(const Entry& entry) const {
  Duration least = Duration::max() / 2;
  for (size_t s = 0; s < network_.sites.size(); ++s) {
    if (serves(entry, s)) least = std::min(least, entry.network[s]);
  }
  return least;
}

/// So many that each has spare time, and that requests wait no longer than the objective leaves; 0: it is not known.
size_t PlacementBook::replicas_for_load(const Entry& entry, size_t candidates) const {
  const AppSpec& spec = entry.app.spec;
  if (!spec.work || requests_of(spec) <= 0) return 0;
  auto count = static_cast<size_t>(replicas_for(*spec.work, requests_of(spec)));
  const Duration left = spec.objective.latency - least_network(entry);
  size_t enough = count;
  while (enough < candidates && time_shared(spec, enough) >= left) ++enough;
  // Where not even all of them are enough, more would not help.
  return time_shared(spec, std::max<size_t>(1, enough)) < left ? enough : count;
}

bool PlacementBook::serves(const Entry& entry, size_t site) const {
  const Site& at = network_.sites[site];
  return at.status == SiteStatus::active && is_permitted(entry.app.spec.policy, at) &&
         runs_[site].can_run(entry.app.spec);
}

bool PlacementBook::is_candidate(const Entry& entry, size_t site) const {
  return !lost_[site] && serves(entry, site);
}

bool PlacementBook::may_stand(const Entry& entry, size_t site) const {
  return is_candidate(entry, site) && entry.network[site] + entry.in_site < entry.app.spec.objective.latency;
}

/// Energy, a move where it does not run yet, and that nobody may be there.
double PlacementBook::cost_in(const Entry& entry, size_t site, double requests_per_second) const {
  const AppSpec& spec = entry.app.spec;
  auto watts = static_cast<double>(spec.resources.power.count());
  if (spec.work && spec.work->power) {
    const double each = requests_per_second / static_cast<double>(std::max<size_t>(1, entry.asked.value_or(1)));
    watts += static_cast<double>(spec.work->power->count()) *
             std::chrono::duration<double>(spec.work->device_time).count() * each;
  }
  double cost = watts / 1000 * network_.sites[site].power.pue * weights_.kilowatt_hour;
  if (unheard_[site]) cost += unheard_site;
  if (present_at(entry, site) == nullptr) {
    cost += weights_.move + weights_.move_gib * static_cast<double>(spec.resources.memory.count()) / bytes_per_gib;
  }
  return cost;
}

/// The nearest replica counts for all requests of a place; what it has no room for, the others answer from where they
/// stand.
double PlacementBook::cost_of_share(const Entry& entry, size_t site) const {
  const size_t replicas = entry.asked.value_or(0);
  if (replicas < 2 || entry.app.spec.demand.empty()) return 0;
  const AssignmentItem& item = problem_.items[entry.item];
  const ServiceCosts& service = problem_.services[item.service];
  double time = 0;
  for (size_t p = 0; p < service.points; ++p) time += static_cast<double>(service.at(static_cast<uint32_t>(site), p));
  return weights_.share * item.service_scale * time / static_cast<double>(replicas);
}

void PlacementBook::set_item(Entry& entry) {
  const AppSpec& spec = entry.app.spec;
  const double requests = requests_of(spec);
  const uint32_t service = service_of(spec, entry.item);
  AssignmentItem& item = problem_.items[entry.item];
  item = {};
  item.cost.assign(problem_.bins.size(), forbidden);
  item.service = service;
  item.service_scale = std::max(weights_.app_ms, weights_.request_ms * requests);
  uint32_t candidates = 0;
  for (size_t s = 0; s < network_.sites.size(); ++s) {
    if (!may_stand(entry, s)) continue;
    const double cost = cost_in(entry, s, requests) + cost_of_share(entry, s);
    bool fits = false;
    for (const uint32_t bin : capacity_.bins_of(s)) {
      if (capacity_.unfit(spec.resources, bin)) continue;
      item.cost[bin] = cost;
      fits = true;
    }
    candidates += fits ? 1 : 0;
  }
  item.copies = entry.asked ? std::min(candidates, static_cast<uint32_t>(*entry.asked)) : candidates;
  item.missing_cost = missing_replica;
  if (spec.spread) item.most_in_domain = static_cast<uint32_t>(spec.spread->most_per_domain);
  capacity_.set_need(spec.resources, item);
}

void PlacementBook::clear(Entry& entry) {
  for (const uint32_t item : {entry.item, entry.leaving}) {
    if (item == none) continue;
    const std::vector<Copy> copies = now_.copies(item);
    for (const Copy& copy : copies) now_.remove(item, copy.bin);
  }
  if (entry.leaving == none) return;
  problem_.items[entry.leaving] = vacant_item(problem_.bins.size());
  free_items_.push_back(std::exchange(entry.leaving, none));
}

void PlacementBook::put(const App& app, std::span<const PlacedReplica> present) {
  Entry& entry = entries_[app.key()];
  if (entry.item == none) entry.item = new_item();
  clear(entry);
  entry.app = app;
  entry.present.clear();
  std::ranges::copy_if(present, std::back_inserter(entry.present), [&](const PlacedReplica& replica) {
    return replica.app == app.key() && sites_.contains(replica.site);
  });
  std::ranges::sort(entry.present, {}, &PlacedReplica::id);
  set_times(entry);
  set_item(entry);
  keep(entry);
}

void PlacementBook::remove(const AppKey& app) {
  const auto found = entries_.find(app);
  if (found == entries_.end()) return;
  clear(found->second);
  problem_.items[found->second.item] = vacant_item(problem_.bins.size());
  free_items_.push_back(found->second.item);
  entries_.erase(found);
}

const PlacedReplica* PlacementBook::present_at(const Entry& entry, size_t site) const {
  const auto found = std::ranges::find(entry.present, network_.sites[site].id, &PlacedReplica::site);
  return found == entry.present.end() ? nullptr : &*found;
}

/// In the same seats where they are still there, else in another of the same site; of too many, the most useful.
void PlacementBook::keep(Entry& entry) {
  std::vector<uint32_t> bins;
  std::vector<Copy> seats;
  for (size_t s = 0; s < network_.sites.size(); ++s) {
    const PlacedReplica* present = present_at(entry, s);
    if (present == nullptr) continue;
    const auto copy = capacity_.copy(s, entry.app.spec.resources, present->seat);
    const bool stays = copy && now_.may_hold(entry.item, copy->bin) && now_.has_room(entry.item, copy->bin) &&
                       now_.seats_are_free(entry.item, copy->bin, copy->seats);
    if (stays) {
      bins.push_back(copy->bin);
      seats.push_back(*copy);
    } else {
      bins.insert(bins.end(), capacity_.bins_of(s).begin(), capacity_.bins_of(s).end());
    }
  }
  if (bins.size() == seats.size() && bins.size() <= problem_.items[entry.item].copies) {
    for (const Copy& seat : seats) {
      if (now_.may_hold(entry.item, seat.bin) && now_.has_room(entry.item, seat.bin)) now_.add(entry.item, seat);
    }
    return;
  }
  decide::fill(now_, entry.item, bins);
  for (const Copy& seat : seats) {
    if (seat.seats.empty() ||
        std::ranges::find(now_.copies(entry.item), seat.bin, &Copy::bin) == now_.copies(entry.item).end()) {
      continue;
    }
    now_.remove(entry.item, seat.bin);
    now_.add(entry.item, seat);
  }
}

void PlacementBook::keep_leaving(const AppKey& app, AtUnheard at_unheard) {
  Entry& entry = entries_.at(app);
  if (entry.asked == 0) return;  // nobody asks for what could be lost
  for (size_t s = 0; s < network_.sites.size(); ++s) {
    const Site& site = network_.sites[s];
    const PlacedReplica* present = present_at(entry, s);
    const bool serves = site.status == SiteStatus::draining || site.status == SiteStatus::active;
    if (present == nullptr || !serves || !is_permitted(entry.app.spec.policy, site)) continue;
    if (unheard_[s] && at_unheard == AtUnheard::leaves) continue;  // nobody runs it
    if (std::ranges::any_of(now_.copies(entry.item),
                            [&](const Copy& copy) { return problem_.bins[copy.bin].group == s; }))
      continue;
    if (entry.leaving == none) {
      entry.leaving = new_item();
      AssignmentItem& made = problem_.items[entry.leaving];
      made = vacant_item(problem_.bins.size());
      made.missing_cost = lost_replica;
      capacity_.set_need(entry.app.spec.resources, made);
    }
    AssignmentItem& item = problem_.items[entry.leaving];
    const auto copy = capacity_.copy(s, entry.app.spec.resources, present->seat);
    for (const uint32_t bin : capacity_.bins_of(s)) {
      if (copy && copy->bin != bin) continue;
      if (capacity_.unfit(entry.app.spec.resources, bin) || !now_.has_room(entry.leaving, bin)) continue;
      item.cost[bin] = 0;
      const bool same = copy && now_.seats_are_free(entry.leaving, bin, copy->seats);
      if (!same && !now_.has_seats(entry.leaving, bin)) continue;
      same ? now_.add(entry.leaving, *copy) : now_.add(entry.leaving, bin);
      ++item.copies;
      break;
    }
  }
}

void PlacementBook::fill(const AppKey& app) {
  decide::fill(now_, entries_.at(app).item);
}

bool PlacementBook::fill_one(const AppKey& app) {
  const uint32_t index = entries_.at(app).item;
  AssignmentItem& item = problem_.items[index];
  const uint32_t wanted = item.copies;
  item.copies = std::min(wanted, static_cast<uint32_t>(now_.copies(index).size() + 1));
  const bool added = decide::fill(now_, index) > 0;
  item.copies = wanted;
  return added;
}

void PlacementBook::leave_unheard(const AppKey& app) {
  const uint32_t item = entries_.at(app).item;
  std::vector<uint32_t> heard;
  for (uint32_t b = 0; b < problem_.bins.size(); ++b) {
    if (problem_.items[item].cost[b] != forbidden && !unheard_[problem_.bins[b].group]) heard.push_back(b);
  }
  const std::vector<Copy> copies = now_.copies(item);
  for (const Copy& copy : copies) {
    if (!unheard_[problem_.bins[copy.bin].group]) continue;
    now_.remove(item, copy.bin);
    if (decide::fill(now_, item, heard) == 0) now_.add(item, copy);
  }
}

std::vector<PlacedReplica> PlacementBook::decide(const App& app, std::span<const PlacedReplica> present) {
  put(app, present);
  fill(app.key());
  return replicas(app.key());
}

size_t PlacementBook::improve(const SearchOptions& options) {
  for (AssignmentItem& item : problem_.items) {
    const size_t placed = now_.copies(static_cast<size_t>(&item - problem_.items.data())).size();
    if (placed == item.copies) item.missing_cost = lost_replica;
  }
  Assignment better = decide::improve(now_, options);
  for (AssignmentItem& item : problem_.items) item.missing_cost = std::min(item.missing_cost, missing_replica);
  size_t moved = 0;
  for (size_t i = 0; i < problem_.items.size(); ++i) {
    if (better.copies(i).size() < now_.copies(i).size()) return 0;
    for (const Copy& copy : better.copies(i)) {
      if (std::ranges::find(now_.copies(i), copy.bin, &Copy::bin) == now_.copies(i).end()) ++moved;
    }
  }
  now_ = std::move(better);
  return moved;
}

PlacedReplica PlacementBook::replica_of(const Entry& entry, const Copy& copy) const {
  const size_t site = problem_.bins[copy.bin].group;
  const PlacedReplica* present = present_at(entry, site);
  const AppKey app = entry.app.key();
  const SiteId& id = network_.sites[site].id;
  return {present != nullptr ? present->id : replica_id(app, id, 0), app, id, capacity_.seat(copy)};
}

std::vector<PlacedReplica> PlacementBook::replicas_of(const Entry& entry, uint32_t item) const {
  if (item == none) return {};
  std::vector<Copy> copies = now_.copies(item);
  std::ranges::sort(copies, {}, &Copy::bin);
  std::vector<PlacedReplica> replicas;
  for (const Copy& copy : copies) replicas.push_back(replica_of(entry, copy));
  return replicas;
}

std::vector<PlacedReplica> PlacementBook::replicas(const AppKey& app) const {
  const Entry& entry = entries_.at(app);
  return replicas_of(entry, entry.item);
}

}  // namespace barrio::decide
