#include "decide/residency/residency.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::decide {

namespace {

bool contains_area(const std::vector<Jurisdiction>& areas, const Jurisdiction& place) {
  return std::any_of(areas.begin(), areas.end(), [&](const Jurisdiction& area) { return area.contains(place); });
}

template <class T>
bool contains(const std::vector<T>& list, const T& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

/// "jurisdiction ES-PV or ES-CT", or nothing for an empty list.
template <class T>
std::string describe_list(const char* kind, const std::vector<T>& list) {
  std::vector<std::string> names;
  for (const T& item : list) names.push_back(item.str());
  return names.empty() ? "" : kind + (" " + join_text(names, " or "));
}

std::string join_parts(std::vector<std::string> parts) {
  std::erase(parts, "");
  return join_text(parts, ", ");
}

/// The first thing in a policy that speaks against a site.
enum class Objection { none, policy, unknown, jurisdiction, site, owner };

Objection objection(const Policy& policy, const Site& site) {
  if (!policy.check()) return Objection::policy;
  if (site.id.empty() || site.owner.empty() || site.jurisdiction.str().empty()) return Objection::unknown;
  if (!policy.jurisdictions.empty() && !contains_area(policy.jurisdictions, site.jurisdiction)) {
    return Objection::jurisdiction;
  }
  if (!policy.sites.empty() && !contains(policy.sites, site.id)) return Objection::site;
  if (!policy.operators.empty() && !contains(policy.operators, site.owner)) return Objection::owner;
  return Objection::none;
}

}  // namespace

std::string describe(const Policy& policy) {
  const std::string parts =
      join_parts({describe_list("jurisdiction", policy.jurisdictions), describe_list("site", policy.sites),
                  describe_list("operator", policy.operators)});
  return parts.empty() ? "nothing" : parts;
}

bool is_permitted(const Policy& policy, const Site& site) {
  return objection(policy, site) == Objection::none;
}

Verdict permits(const Policy& policy, const Site& site) {
  const std::string allows = ", the policy allows " + describe(policy);
  const std::string& id = site.id.str();
  switch (objection(policy, site)) {
    case Objection::policy: return {false, "the policy allows nothing"};
    case Objection::unknown: return {false, "site '" + id + "' has no known owner or jurisdiction" + allows};
    case Objection::jurisdiction: return {false, id + " lies in " + site.jurisdiction.str() + allows};
    case Objection::site: return {false, id + " is not one of the named sites" + allows};
    case Objection::owner: return {false, id + " belongs to " + site.owner.str() + allows};
    case Objection::none: break;
  }
  return {true, id + " lies in " + site.jurisdiction.str() + " and belongs to " + site.owner.str() + allows};
}

bool may_read_logs(const Policy& policy, const Jurisdiction* reader) {
  if (policy.jurisdictions.empty() || policy.logs_may_leave.value_or(false)) return true;
  return reader != nullptr &&
         std::ranges::any_of(policy.jurisdictions, [&](const Jurisdiction& area) { return area.contains(*reader); });
}

std::vector<SiteId> permitted_sites(const Policy& policy, const Network& network) {
  std::vector<SiteId> found;
  for (const Site& site : network.sites) {
    if (is_permitted(policy, site)) found.push_back(site.id);
  }
  return found;
}

std::string missing_for(const Policy& policy, const Site& site) {
  std::vector<std::string> parts;
  if (!policy.jurisdictions.empty() && !contains_area(policy.jurisdictions, site.jurisdiction)) {
    parts.push_back("jurisdiction " + site.jurisdiction.str());
  }
  if (!policy.sites.empty() && !contains(policy.sites, site.id)) parts.push_back("site " + site.id.str());
  if (!policy.operators.empty() && !contains(policy.operators, site.owner)) {
    parts.push_back("operator " + site.owner.str());
  }
  if (!policy.check()) parts.push_back("jurisdiction " + site.jurisdiction.str());
  return join_text(parts, ", ");
}

}  // namespace barrio::decide
