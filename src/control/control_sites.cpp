// Sites that the network did not have: each is one guarded commit behind those that are there, and has an account.

#include "base/log.h"
#include "control/control.h"

namespace barrio::control {

namespace {

std::string document_apart_from_status(Site site) {
  site.status = SiteStatus::planned;
  return print_json(to_json(site));
}

/// As the network file is checked; errors name the field as in the site alone.
Result<void> check_beside(Network network, const Site& site) {
  const std::string own = "sites[" + std::to_string(network.sites.size()) + "].";
  network.sites.push_back(site);
  auto good = network.check();
  if (good) return good;
  Error error = std::move(good).error();
  if (error.where.starts_with(own)) error.where.erase(0, own.size());
  return fail(std::move(error));
}

}  // namespace

/// Under the settings that are held as under those that come: sites are given either.
Result<void> Control::check_new_site(const Site& site) const {
  if (site.status != SiteStatus::planned && site.status != SiteStatus::testing) {
    return fail(Code::invalid, "must be planned or testing; 'barrio site activate " + site.id.str() + "' comes after",
                "status");
  }
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
      return fail(
          Code::conflict,
          "there is a site '" + site.id.str() + "' already, and what it has cannot be changed; choose another id",
          "id");
    }
    TRY_DO(check_new_site(site));
    added = true;
    return Edit{{desired_.guard(key::site(site.id)), desired_.guard(key::network)},
                {write_site(desired_, site)},
                site.city + ", " + to_name(site.status)};
  };
  TRY_DO(change({by, "site add", site.id.str()}, add));
  if (added) log_info("site added", {{"site", site.id.str()}, {"status", to_name(site.status)}});
  return added;
}

Result<api::SiteCredentials> Control::add_site_account(const SiteId& site, bool replace, const Author& by) {
  TRY_DO(known_site(site));
  Writes along = {audit_entry({by, "site account", site.str()}, replace ? "its secret replaced" : "")};
  if (by.once) along.push_back(by.once->write(runtime_.wall()));
  return accounts_.add_site(site, replace, std::move(along));
}

}  // namespace barrio::control
