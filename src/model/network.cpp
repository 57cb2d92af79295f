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
    return fail(Code::invalid, "'" + site.owner.str() + "' is no operator of this file, which has " + known,
                indexed("sites", index, "owner"));
  }
  return {};
}

}  // namespace

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
  return Watts(static_cast<int64_t>(static_cast<double>(budget.count()) / pue));
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
