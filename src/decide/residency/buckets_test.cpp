#include "decide/residency/buckets.h"

#include <doctest/doctest.h>

namespace barrio::decide::buckets_test {

namespace {

Site site(const char* id, const char* jurisdiction, double lat, double lon) {
  Site made;
  made.id = SiteId::of(id);
  made.owner = OperatorId::of("telefonica");
  made.jurisdiction = *Jurisdiction::parse(jurisdiction);
  made.location = {lat, lon};
  made.status = SiteStatus::active;
  return made;
}

Network network() {
  Network made;
  made.sites = {site("mad1", "ES-MD", 40.4, -3.7), site("bio1", "ES-PV", 43.3, -2.9), site("vit1", "ES-PV", 42.8, -2.7),
                site("par1", "FR-IDF", 48.9, 2.3)};
  return made;
}

bool everywhere(const SiteId&) {
  return true;
}

}  // namespace

TEST_CASE("a location is a site, a region or a country, whatever its case, and nothing else") {
  const Network all = network();
  CHECK(describe(*policy_of_location("bio1", all)) == "site bio1");
  CHECK(describe(*policy_of_location("es-pv", all)) == "jurisdiction ES-PV");
  CHECK(describe(*policy_of_location("ES", all)) == "jurisdiction ES");
  CHECK(policy_of_location("us-east-1", all).error().code == Code::not_found);
  CHECK(!policy_of_location("", all));
}

TEST_CASE("a home is the asked site where it is permitted, else the nearest that is, and never one that is not") {
  const Network all = network();
  const auto home = [&](const char* location, size_t near) {
    const Policy policy = *policy_of_location(location, all);
    return choose_home({policy, nullptr, &all.sites[near], everywhere}, all)->str();
  };
  CHECK(home("ES-PV", 0) == "vit1");
  CHECK(home("ES-PV", 1) == "bio1");
  CHECK(home("ES", 3) == "bio1");
  CHECK(home("FR", 0) == "par1");
}

TEST_CASE("sites that are not active or have no storage are passed over; the reason tells that from a policy") {
  Network all = network();
  const Policy basque = *policy_of_location("ES-PV", all);
  const auto only = [&](const char* id) {
    return choose_home({basque, nullptr, nullptr, [id](const SiteId& one) { return one.str() == id; }}, all);
  };
  CHECK(only("vit1")->str() == "vit1");
  CHECK(only("mad1").error().code == Code::unavailable);
  all.sites[2].status = SiteStatus::draining;
  CHECK(only("vit1").error().code == Code::unavailable);
  const Policy paris = *policy_of_location("par1", all);
  CHECK(choose_home({basque, &paris, nullptr, everywhere}, all).error().code == Code::denied);
}

TEST_CASE("bytes may be only where the bucket's policy allows, and a refusal names bucket and policy") {
  const Network all = network();
  Bucket bucket;
  bucket.name = *BucketName::parse("frames");
  bucket.policy = *policy_of_location("bio1", all);
  CHECK(may_be_at(bucket, &all.sites[1]).permitted);
  for (const size_t other : {0, 2, 3}) CHECK(!may_be_at(bucket, &all.sites[other]).permitted);
  CHECK(may_be_at(bucket, &all.sites[0]).reason ==
        "bucket frames (policy version 1): mad1 is not one of the named sites, the policy allows site bio1");
  CHECK(!may_be_at(bucket, nullptr).permitted);
  bucket.policy = {};
  CHECK(!may_be_at(bucket, &all.sites[1]).permitted);
}

}  // namespace barrio::decide::buckets_test
