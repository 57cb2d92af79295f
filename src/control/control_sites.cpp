// Sites that the network did not have: each is one guarded commit behind those that are there, and has an account. What
// a site has is changed the same way.

#include <algorithm>

#include "base/log.h"
#include "control/control.h"
#include "control/json_difference.h"

namespace barrio::control {

namespace {

std::string document_apart_from_status(Site site) {
  site.status = SiteStatus::planned;
  return print_json(to_json(site));
}

/// As the network file is checked; errors name the field as in the site alone.
Result<void> check_beside(Network network, const Site& site) {
  const auto present = std::ranges::find(network.sites, site.id, &Site::id);
  const std::string own = "sites[" + std::to_string(present - network.sites.begin()) + "].";
  if (present == network.sites.end()) {
    network.sites.push_back(site);
  } else {
    *present = site;
  }
  auto good = network.check();
  if (good) return good;
  Error error = std::move(good).error();
  if (error.where.starts_with(own)) error.where.erase(0, own.size());
  return fail(std::move(error));
}

/// Who it is and where: bills, logs and the homes of objects count on it.
Result<void> check_same_place(const Site& present, const Site& wanted) {
  const auto stays = [&](bool same, const char* field) -> Result<void> {
    if (same) return {};
    return fail(Code::conflict, "of a site that is there, this cannot change; add another site", field);
  };
  TRY_DO(stays(present.city == wanted.city, "city"));
  TRY_DO(stays(present.owner == wanted.owner, "owner"));
  TRY_DO(stays(present.jurisdiction == wanted.jurisdiction, "jurisdiction"));
  return stays(present.location.lat == wanted.location.lat && present.location.lon == wanted.location.lon, "location");
}

template <class Node>
void take_power(std::optional<std::vector<Node>>& nodes, const std::optional<std::vector<Node>>& from) {
  if (!nodes || !from) return;
  for (size_t i = 0; i < std::min(nodes->size(), from->size()); ++i) (*nodes)[i].power = (*from)[i].power;
}

/// Nothing but power: how much there may be of it, at the meter, of a feeder, of a rack.
bool only_power_differs(const Site& present, Site wanted) {
  wanted.power = present.power;
  wanted.assumptions = present.assumptions;
  take_power(wanted.feeders, present.feeders);
  take_power(wanted.racks, present.racks);
  return print_json(to_json(wanted)) == print_json(to_json(present));
}

}  // namespace

/// Under the settings that are held as under those that come: sites are given either.
Result<void> Control::check_in_network(const Site& site) const {
  TRY_DO(check_beside(desired_.network, site));
  if (!desired_.coming) return {};
  Network coming = desired_.network;
  coming.operators = desired_.coming->operators;
  coming.paths = desired_.coming->paths;
  return check_beside(std::move(coming), site);
}

Result<bool> Control::add_site(const Site& site, const Author& by) {
  bool added = false;
  auto add = [&]() -> Result<Edit> {
    added = false;
    if (const Site* present = desired_.network.find(site.id)) {
      if (document_apart_from_status(*present) == document_apart_from_status(site)) return Edit{};
      return fail(Code::conflict,
                  "there is a site '" + site.id.str() +
                      "' already; 'barrio site set' changes what it has, or choose another id",
                  "id");
    }
    if (site.status != SiteStatus::planned && site.status != SiteStatus::testing) {
      return fail(Code::invalid, "must be planned or testing; 'barrio site activate " + site.id.str() + "' comes after",
                  "status");
    }
    TRY_DO(check_in_network(site));
    added = true;
    return Edit{{desired_.guard(key::site(site.id)), desired_.guard(key::network)},
                {write_site(desired_, site)},
                site.city + ", " + to_name(site.status)};
  };
  TRY_DO(change({by, "site add", site.id.str()}, add));
  if (added) log_info("site added", {{"site", site.id.str()}, {"status", to_name(site.status)}});
  return added;
}

/// A replica's seat is in a rack, on an accelerator by its number.
Result<void> Control::check_nothing_runs(const SiteId& site) const {
  const auto running = std::ranges::count(desired_.replicas, site, &Replica::site);
  if (running == 0) return {};
  return fail(Code::conflict,
              site.str() + " runs " + std::to_string(running) + (running == 1 ? " replica" : " replicas") +
                  ": its power can change now, and the rest when it is drained ('barrio site drain " + site.str() +
                  "')",
              "site");
}

Result<bool> Control::set_site(const Site& site, const Author& by) {
  bool changed = false;
  auto set = [&]() -> Result<Edit> {
    changed = false;
    const Site* present = desired_.network.find(site.id);
    if (present == nullptr) {
      return fail(Code::not_found, "there is no site '" + site.id.str() + "'; 'barrio site add' adds it", "id");
    }
    Site wanted = site;
    wanted.status = present->status;
    if (print_json(to_json(*present)) == print_json(to_json(wanted))) return Edit{};
    TRY_DO(check_same_place(*present, wanted));
    TRY_DO(check_in_network(wanted));
    if (!only_power_differs(*present, wanted)) TRY_DO(check_nothing_runs(site.id));
    changed = true;
    // A decision that is being made counts on what the site had: it is void.
    return Edit{{desired_.guard(key::site(site.id)), desired_.guard(key::network)},
                {write_site(desired_, wanted), {key::placement, "{}"}},
                difference(to_json(*present), to_json(wanted))};
  };
  TRY_DO(change({by, "site set", site.id.str()}, set));
  if (changed) log_info("site set", {{"site", site.id.str()}});
  return changed;
}

Result<api::SiteCredentials> Control::add_site_account(const SiteId& site, bool replace, const Author& by) {
  TRY_DO(known_site(site));
  Writes along = {audit_entry({by, "site account", site.str()}, replace ? "its secret replaced" : "")};
  if (by.once) along.push_back(by.once->write(runtime_.wall()));
  return accounts_.add_site(site, replace, std::move(along));
}

}  // namespace barrio::control
