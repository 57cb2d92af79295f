#include "model/network.h"

#include <algorithm>

namespace barrio {

namespace {

constexpr Watts most_power{1'000'000'000};
constexpr int most_cores = 1'000'000;

std::string indexed(const char* list, size_t index, const char* field) {
  return std::string(list) + "[" + std::to_string(index) + "]." + field;
}

Result<void> check_duration(Duration value, Duration most, const char* field) {
  if (value >= Duration(0) && value <= most) return {};
  return fail(Code::invalid, "must be from 0 to " + to_string(most), field);
}

bool stands_before(const auto& list, size_t index) {
  const auto same = [&](const auto& other) { return other.name == list[index].name; };
  return std::any_of(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(index), same);
}

Result<void> check_feeders(const Site& site) {
  if (!site.feeders) return {};
  for (size_t i = 0; i < site.feeders->size(); ++i) {
    const std::string& name = (*site.feeders)[i].name;
    if (name.empty()) return fail(Code::invalid, "must not be empty", indexed("feeders", i, "name"));
    if (!stands_before(*site.feeders, i)) continue;
    return fail(Code::invalid, "feeder '" + name + "' stands twice", indexed("feeders", i, "name"));
  }
  return {};
}

int count_of(const std::vector<Accelerator>& accelerators, const std::string& model) {
  int count = 0;
  for (const Accelerator& one : accelerators) count += one.model == model ? one.count : 0;
  return count;
}

Result<void> check_sum(const std::string& what, int64_t racks, int64_t site) {
  if (racks == site) return {};
  return fail(Code::invalid,
              "have " + std::to_string(racks) + " " + what + " together, but the site has " + std::to_string(site),
              "racks");
}

Result<void> check_racks(const Site& site) {
  if (!site.racks || site.racks->empty()) return {};
  Servers sum;
  std::vector<Accelerator> accelerators;
  for (size_t i = 0; i < site.racks->size(); ++i) {
    const Rack& rack = (*site.racks)[i];
    if (rack.name.empty()) return fail(Code::invalid, "must not be empty", indexed("racks", i, "name"));
    if (stands_before(*site.racks, i)) {
      return fail(Code::invalid, "rack '" + rack.name + "' stands twice", indexed("racks", i, "name"));
    }
    const auto feeds = [&](const Feeder& feeder) { return feeder.name == rack.feeder; };
    if (!rack.feeder.empty() && (!site.feeders || std::none_of(site.feeders->begin(), site.feeders->end(), feeds))) {
      return fail(Code::invalid, "'" + rack.feeder + "' is no feeder of this site", indexed("racks", i, "feeder"));
    }
    sum.cores += rack.servers.cores;
    sum.memory += rack.servers.memory;
    sum.storage += rack.servers.storage;
    accelerators.insert(accelerators.end(), rack.accelerators.begin(), rack.accelerators.end());
  }
  TRY_DO(check_sum("cores", sum.cores, site.servers.cores));
  TRY_DO(check_sum("bytes of memory", sum.memory.count(), site.servers.memory.count()));
  TRY_DO(check_sum("bytes of storage", sum.storage.count(), site.servers.storage.count()));
  std::vector<Accelerator> named = accelerators;
  named.insert(named.end(), site.accelerators.begin(), site.accelerators.end());
  for (const Accelerator& one : named) {
    TRY_DO(check_sum(one.model, count_of(accelerators, one.model), count_of(site.accelerators, one.model)));
  }
  return {};
}

Result<void> check_site(const Network& network, size_t index) {
  const Site& site = network.sites[index];
  const auto same_id = [&](const Site& other) { return other.id == site.id; };
  const auto end = network.sites.begin() + static_cast<std::ptrdiff_t>(index);
  if (std::any_of(network.sites.begin(), end, same_id)) {
    return fail(Code::invalid, "site '" + site.id.str() + "' stands twice", indexed("sites", index, "id"));
  }
  if (site.city.empty()) return fail(Code::invalid, "must not be empty", indexed("sites", index, "city"));
  const auto owns = [&](const Operator& owner) { return owner.id == site.owner; };
  if (std::none_of(network.operators.begin(), network.operators.end(), owns)) {
    const std::string known = network.operators.empty() ? "none" : network.operators.front().id.str();
    return fail(Code::invalid, "'" + site.owner.str() + "' is no operator of this network, which has " + known,
                indexed("sites", index, "owner"));
  }
  return {};
}

}  // namespace

std::vector<Rack> Site::all_racks() const {
  if (racks && !racks->empty()) return *racks;
  return {Rack{.name = "",
               .feeder = "",
               .power = {.nominal = power.it_budget()},
               .accelerators = accelerators,
               .servers = servers}};
}

Result<void> Site::check() const {
  TRY_DO(check_feeders(*this));
  return check_racks(*this);
}

bool may_become(SiteStatus from, SiteStatus to) {
  switch (from) {
    case SiteStatus::planned: return to == SiteStatus::testing || to == SiteStatus::active;
    case SiteStatus::testing: return to == SiteStatus::active;
    case SiteStatus::active: return to == SiteStatus::draining;
    case SiteStatus::draining: return to == SiteStatus::retired || to == SiteStatus::active;
    case SiteStatus::retired: return false;
  }
  return false;
}

Watts SitePower::it_budget() const {
  const Watts derated = redundancy ? redundancy->derated(budget) : budget;
  const Watts usable = cap ? std::min(*cap, derated) : derated;
  return Watts(static_cast<int64_t>(static_cast<double>(usable.count()) / pue));
}

Result<void> Redundancy::check() const {
  if (units < 1 || units > 1000) return fail(Code::invalid, "must be from 1 to 1000", "units");
  if (spare < 0 || spare >= units) {
    return fail(Code::invalid, "must be from 0 to " + std::to_string(units - 1) + ", less than the units", "spare");
  }
  return {};
}

Watts NodePower::usable() const {
  const Watts derated = redundancy ? redundancy->derated(nominal) : nominal;
  return cap ? std::min(*cap, derated) : derated;
}

Result<void> NodePower::check() const {
  if (nominal > most_power) return fail(Code::invalid, "must be at most " + to_string(most_power), "nominal");
  return {};
}

Result<void> SitePower::check() const {
  if (budget > most_power) return fail(Code::invalid, "must be at most " + to_string(most_power), "budget");
  if (!(pue >= 1 && pue <= 10)) return fail(Code::invalid, "must be from 1 to 10 (total power / IT power)", "pue");
  return {};
}

Result<void> Accelerator::check() const {
  if (model.empty()) return fail(Code::invalid, "must not be empty", "model");
  if (count < 0 || count > 100'000) return fail(Code::invalid, "must be from 0 to 100000", "count");
  if (power > most_power) return fail(Code::invalid, "must be at most " + to_string(most_power), "power");
  return {};
}

Result<void> Servers::check() const {
  if (cores < 0 || cores > most_cores) {
    return fail(Code::invalid, "must be from 0 to " + std::to_string(most_cores), "cores");
  }
  return {};
}

Result<void> PathModel::check() const {
  TRY_DO(check_duration(fibre_per_km, 1ms, "fibre_per_km"));
  if (!(stretch >= 1 && stretch <= 10)) {
    return fail(Code::invalid, "must be from 1 to 10 (cable length / great circle)", "stretch");
  }
  TRY_DO(check_duration(access_fibre, 10s, "access_fibre"));
  return check_duration(access_5g, 10s, "access_5g");
}

Result<void> Network::check() const {
  for (size_t i = 0; i < operators.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (operators[i].id != operators[j].id) continue;
      return fail(Code::invalid, "operator '" + operators[i].id.str() + "' stands twice",
                  indexed("operators", i, "id"));
    }
  }
  if (sites.empty()) return fail(Code::invalid, "must name at least one site", "sites");
  if (sites.size() > max_sites) {
    return fail(Code::invalid,
                "must be at most " + std::to_string(max_sites) + " sites, but are " + std::to_string(sites.size()),
                "sites");
  }
  for (size_t i = 0; i < sites.size(); ++i) TRY_DO(check_site(*this, i));
  return {};
}

const Site* Network::find(const SiteId& id) const {
  const auto found = std::find_if(sites.begin(), sites.end(), [&](const Site& site) { return site.id == id; });
  return found == sites.end() ? nullptr : &*found;
}

BARRIO_JSON_HERE(Network)

}  // namespace barrio
