#include "sim/checker.h"

namespace barrio::sim {

bool Checker::allows(const Policy& policy, const Site& site) {
  bool area = policy.jurisdictions.empty();
  for (const Jurisdiction& wanted : policy.jurisdictions) {
    const std::string& have = site.jurisdiction.str();
    area = area || have == wanted.str() || (wanted.str().size() == 2 && have.starts_with(wanted.str() + "-"));
  }
  bool listed = policy.sites.empty();
  for (const SiteId& wanted : policy.sites) listed = listed || wanted == site.id;
  bool owned = policy.operators.empty();
  for (const OperatorId& wanted : policy.operators) owned = owned || wanted == site.owner;
  const bool says_nothing = policy.jurisdictions.empty() && policy.sites.empty() && policy.operators.empty();
  return area && listed && owned && !says_nothing;
}

void Checker::sent(const AppKey& app, const Site& site, const char* how) {
  check(app, site, std::string("a request was ") + how);
}

void Checker::started(const AppKey& app, const Site& site) {
  check(app, site, "a replica was started");
  const Site* known = network_.find(site.id);
  if (known == nullptr || known->status == SiteStatus::planned)
    violations_.push_back("a replica was started at planned site " + site.id.str());
}

void Checker::check(const AppKey& app, const Site& site, const std::string& what) {
  ++checked_;
  const auto policy = policies_.find(app);
  if (policy != policies_.end() && allows(policy->second, site)) return;
  violations_.push_back(what + " at " + site.id.str() + " for " + app.str() + ", whose policy forbids it");
}

}  // namespace barrio::sim
