#include "decide/residency/buckets.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::decide {

namespace {

std::string to_upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

}  // namespace

Verdict may_be_at(const Bucket& bucket, const Site* site) {
  const std::string named =
      "bucket " + bucket.name.str() + " (policy version " + std::to_string(bucket.policy_version) + ")";
  if (site == nullptr) return {false, named + ": the site is not known, the policy allows " + describe(bucket.policy)};
  Verdict verdict = permits(bucket.policy, *site);
  verdict.reason = named + ": " + verdict.reason;
  return verdict;
}

Result<Policy> policy_of_location(std::string_view location, const Network& network) {
  Policy policy;
  const std::string small = to_lower(location);
  const auto site = std::ranges::find_if(network.sites, [&](const Site& one) { return one.id.str() == small; });
  if (site != network.sites.end()) {
    policy.sites.push_back(site->id);
    return policy;
  }
  if (auto area = Jurisdiction::parse(to_upper(location))) {
    policy.jurisdictions.push_back(std::move(*area));
    return policy;
  }
  return fail(Code::not_found,
              "'" + std::string(location.substr(0, 80)) +
                  "' must be a site (bio1), a region (ES-PV) or a country (ES) of this network",
              "location");
}

Result<SiteId> choose_home(const HomeWish& wish, const Network& network) {
  const Site* best = nullptr;
  bool permitted = false;
  for (const Site& site : network.sites) {
    if (!is_permitted(wish.policy, site)) continue;
    if (wish.within != nullptr && !is_permitted(*wish.within, site)) continue;
    permitted = true;
    if (site.status != SiteStatus::active || !wish.has_storage(site.id)) continue;
    if (best == nullptr || (wish.near != nullptr && distance_km(wish.near->location, site.location) <
                                                        distance_km(wish.near->location, best->location))) {
      best = &site;
    }
  }
  if (best != nullptr) return best->id;
  const std::string allows = "the policy allows " + describe(wish.policy) +
                             (wish.within == nullptr ? "" : ", and " + describe(*wish.within) + " was asked for");
  if (!permitted) return fail(Code::denied, "no site of the network is permitted: " + allows, "policy");
  return fail(Code::unavailable, "no permitted site is active and has storage just now: " + allows, "policy");
}

}  // namespace barrio::decide
