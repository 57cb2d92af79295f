#include <doctest/doctest.h>

#include "decide/residency/residency.h"

namespace barrio::decide::residency_test {

namespace {

Site site(const char* id, const char* owner, const char* jurisdiction) {
  Site made;
  made.id = SiteId::of(id);
  made.owner = OperatorId::of(owner);
  if (*jurisdiction != 0) made.jurisdiction = *Jurisdiction::parse(jurisdiction);
  return made;
}

Policy in(const char* code) {
  return {.jurisdictions = {*Jurisdiction::parse(code)}, .sites = {}, .operators = {}};
}

}  // namespace

TEST_CASE("data may stay in its region or country and go nowhere else") {
  const Site bilbao = site("bio1", "telefonica", "ES-PV");
  const Site paris = site("fr-paris", "orange", "FR-IDF");
  CHECK(permits(in("ES-PV"), bilbao).permitted);
  CHECK(permits(in("ES"), bilbao).permitted);
  CHECK_FALSE(permits(in("ES"), paris).permitted);
  const Verdict verdict = permits(in("ES-CT"), bilbao);
  CHECK_FALSE(verdict.permitted);
  CHECK(verdict.reason == "bio1 lies in ES-PV, the policy allows jurisdiction ES-CT");
}

TEST_CASE("a site must match every list that is not empty") {
  const Site bilbao = site("bio1", "telefonica", "ES-PV");
  Policy policy = in("ES");
  policy.operators = {OperatorId::of("orange")};
  CHECK(permits(policy, bilbao).reason ==
        "bio1 belongs to telefonica, the policy allows jurisdiction ES, operator orange");
  policy.operators.push_back(OperatorId::of("telefonica"));
  CHECK(permits(policy, bilbao).permitted);
  policy.sites = {SiteId::of("mad1")};
  CHECK_FALSE(permits(policy, bilbao).permitted);
  CHECK(missing_for(policy, bilbao) == "site bio1");
}

TEST_CASE("what is unknown is refused, whichever list the policy uses") {
  const Policy by_site = {.jurisdictions = {}, .sites = {SiteId::of("bio1")}, .operators = {}};
  const Policy by_owner = {.jurisdictions = {}, .sites = {}, .operators = {OperatorId::of("telefonica")}};
  CHECK_FALSE(permits(Policy{}, site("bio1", "telefonica", "ES-PV")).permitted);
  CHECK_FALSE(permits(by_site, site("bio1", "", "ES-PV")).permitted);
  CHECK_FALSE(permits(by_site, site("bio1", "telefonica", "")).permitted);
  CHECK_FALSE(permits(by_owner, site("bio1", "telefonica", "")).permitted);
  CHECK_FALSE(permits(by_owner, Site{}).permitted);
  CHECK(permits(by_site, site("bio1", "telefonica", "ES-PV")).permitted);
}

TEST_CASE("permitted sites keep the network's order and a policy describes itself") {
  Network network;
  network.sites = {site("bio1", "telefonica", "ES-PV"), site("fr-paris", "orange", "FR-IDF"),
                   site("mad1", "telefonica", "ES-MD")};
  CHECK(permitted_sites(in("ES"), network) == std::vector{SiteId::of("bio1"), SiteId::of("mad1")});
  Policy policy = in("ES-PV");
  policy.jurisdictions.push_back(*Jurisdiction::parse("ES-CT"));
  policy.operators = {OperatorId::of("telefonica")};
  CHECK(describe(policy) == "jurisdiction ES-PV or ES-CT, operator telefonica");
  CHECK(describe(Policy{}) == "nothing");
}

TEST_CASE("logs are read within their jurisdictions, and elsewhere only where the policy says so") {
  const Jurisdiction basque = *Jurisdiction::parse("ES-PV");
  const Jurisdiction france = *Jurisdiction::parse("FR");
  CHECK(may_read_logs(in("ES"), &basque));
  CHECK_FALSE(may_read_logs(in("ES"), &france));
  CHECK_FALSE(may_read_logs(in("ES"), nullptr));
  Policy open = in("ES");
  open.logs_may_leave = true;
  CHECK(may_read_logs(open, nullptr));
  CHECK(may_read_logs({.jurisdictions = {}, .sites = {SiteId::of("bio1")}, .operators = {}}, nullptr));
}

}  // namespace barrio::decide::residency_test
