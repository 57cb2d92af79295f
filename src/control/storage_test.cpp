#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/http_world_test.h"

namespace barrio::control::storage_test {

namespace {

const TenantId traffic = TenantId::of("traffic");
const TenantId harbour = TenantId::of("harbour");
const SiteId bilbao = SiteId::of("bio1");
const SiteId madrid = SiteId::of("mad1");

struct StorageWorld : HttpWorld {
  StorageWorld() {
    REQUIRE(control->storage(bilbao, {0, "10.0.0.1:7480"}));
    REQUIRE(control->storage(madrid, {0, "10.0.0.2:7480"}));
  }
  Result<Bucket> make(const char* name, const char* location, const std::optional<SiteId>& at = {},
                      const TenantId& tenant = traffic) {
    return control->create_bucket(tenant, {*BucketName::parse(name), location, {}, 1}, at, {tenant.str(), "tenant"});
  }
};

}  // namespace

TEST_CASE("a bucket's home is a permitted site with storage, and its policy is that of its location") {
  StorageWorld world;
  CHECK(world.make("in-bilbao", "bio1")->policy.sites == std::vector{bilbao});
  CHECK(world.make("in-a-city", "Bilbao")->home == bilbao);
  const auto basque = world.make("basque", "es-pv", madrid);
  CHECK(basque->home == bilbao);
  CHECK(basque->policy.jurisdictions.front().str() == "ES-PV");
  CHECK(world.make("spanish", "ES", madrid)->home == madrid);
  const auto asked = world.make("anywhere-here", "", bilbao);
  CHECK(asked->home == bilbao);
  CHECK(asked->policy.jurisdictions.front().str() == "ES");
  CHECK(world.make("no-place", "").error().where == "location");
  const auto which = world.make("which", "Madrid");
  REQUIRE(!which);
  CHECK(which.error().where == "location");
  CHECK(which.error().what == "Madrid has several sites, name one: mad1, mad2");
  CHECK(world.make("no-such-place", "us-east-1").error().code == Code::not_found);
  CHECK(world.make("catalan", "ES-CT").error().code == Code::unavailable);  // its sites have no storage here
  NewBucket locked{*BucketName::parse("locked"), "bio1", {}, 1, true};
  CHECK(world.control->create_bucket(traffic, locked, {}, {})->object_lock);
  world.restart();
  const auto told = world.control->storage(bilbao, {0, "10.0.0.1:7480"});
  REQUIRE(told);
  REQUIRE(told->orders);
  CHECK(told->orders->buckets.size() == 6);
  for (const Bucket& bucket : told->orders->buckets) {
    CHECK(bucket.object_lock == (bucket.name == locked.name));
  }
  NewBucket narrow{*BucketName::parse("narrow"), "mad1", Policy{{*Jurisdiction::parse("ES-PV")}, {}, {}}, 1};
  CHECK(world.control->create_bucket(traffic, narrow, {}, {}).error().code == Code::denied);
}

TEST_CASE("a name is one tenant's; asking again is no error; a tenant has no more buckets than its quota") {
  StorageWorld world;
  const auto made = world.make("frames", "bio1");
  REQUIRE(made);
  CHECK(world.make("frames", "mad1")->id == made->id);
  CHECK(world.make("frames", "bio1", {}, harbour).error().code == Code::conflict);
  CHECK(world.make("other", "bio1", {}, TenantId::of("nobody")).error().code == Code::not_found);
  TenantQuota quota;
  quota.buckets = 1;
  REQUIRE(world.control->set_quota(traffic, quota, {}));
  CHECK(world.make("second", "bio1").error().code == Code::exhausted);
  CHECK(world.control->delete_bucket(made->name, madrid).error().code == Code::denied);
  REQUIRE(world.control->delete_bucket(made->name, bilbao));
  REQUIRE(world.control->delete_bucket(made->name, bilbao));
  CHECK(world.make("frames", "bio1")->id != made->id);
}

TEST_CASE("sites are told of buckets, keys and each other when something changed, also after a restart") {
  StorageWorld world;
  REQUIRE(world.make("frames", "bio1"));
  const auto issued = world.control->create_s3_key(traffic, {});
  REQUIRE(issued);
  CHECK(issued->id.size() == 20);
  CHECK(issued->secret.size() == 40);
  auto answer = world.control->storage(bilbao, {0, "10.0.0.1:7480"});
  REQUIRE(answer);
  REQUIRE(answer->orders);
  const StorageOrders first = *answer->orders;
  CHECK(first.buckets.size() == 1);
  CHECK(first.keys.front().secret == issued->secret);
  CHECK(first.sites.at("mad1") == "10.0.0.2:7480");
  CHECK(!world.control->storage(bilbao, {first.version, "10.0.0.1:7480"})->orders);
  REQUIRE(world.control->storage(madrid, {first.version, "10.0.0.3:7480"}));
  answer = world.control->storage(bilbao, {first.version, "10.0.0.1:7480"});
  REQUIRE(answer->orders);
  CHECK(answer->orders->version > first.version);
  world.restart();
  answer = world.control->storage(bilbao, {0, "10.0.0.1:7480"});
  CHECK(answer->orders->buckets.size() == 1);
  CHECK(answer->orders->sites.at("mad1") == "10.0.0.3:7480");
  REQUIRE(world.control->revoke_s3_key(traffic, issued->id, {}));
  CHECK(world.control->revoke_s3_key(traffic, issued->id, {}).error().code == Code::not_found);
  CHECK(world.control->storage(bilbao, {0, ""})->orders->keys.empty());
  CHECK(world.control->storage(SiteId::of("nowhere"), {}).error().code == Code::not_found);
}

TEST_CASE("a bucket's copies: chosen within its policy, reported by its home, and another home where that is lost") {
  StorageWorld world;
  const auto make = [&](const char* name, const char* location, int copies) {
    return world.control->create_bucket(traffic, {*BucketName::parse(name), location, {}, copies}, madrid, {});
  };
  CHECK(make("nowhere-else", "bio1", 2).error().code == Code::invalid);
  CHECK(make("too-many", "ES", 9).error().code == Code::invalid);
  CHECK(make("not-yet", "ES", 3).error().code == Code::unavailable);
  const auto made = make("frames", "ES", 2);
  REQUIRE(made);
  CHECK(made->home == madrid);
  REQUIRE(made->followers.size() == 1);
  CHECK(made->followers[0].site == bilbao);
  CHECK(made->acks == 2);
  const CopyReport joined{made->name, 1, bilbao, CopyState::in_sync};
  CHECK(world.control->report_copy(bilbao, joined).error().code == Code::denied);
  CHECK(world.control->report_copy(madrid, joined)->epoch == 2);
  CHECK(world.control->report_copy(madrid, joined).error().code == Code::conflict);
  // Bilbao goes on to be heard, Madrid is not.
  const auto pass = [&](Duration time) {
    world.runtime.sleep_for(time);
    REQUIRE(world.control->storage(bilbao, {0, "10.0.0.1:7480"}));
    REQUIRE(world.control->step());
    return world.control->buckets(traffic).front();
  };
  CHECK(pass(14s).home == madrid);
  CHECK(pass(2s).home == bilbao);
  CHECK(pass(1s).epoch == 3);
  CHECK(world.control->report_copy(madrid, {made->name, 3, bilbao, CopyState::in_sync}).error().code == Code::denied);
  // A restarted control takes nobody for lost that it has not heard yet.
  REQUIRE(world.control->storage(madrid, {0, "10.0.0.2:7480"}));
  REQUIRE(world.control->report_copy(bilbao, {made->name, 3, madrid, CopyState::in_sync}));
  world.restart();
  CHECK(world.control->buckets(traffic).front().home == bilbao);
  REQUIRE(world.control->step());
  CHECK(world.control->buckets(traffic).front().acks == 2);
}

TEST_CASE("what a bucket holds is what its home last told this leader") {
  StorageWorld world;
  const auto made = world.make("frames", "bio1");
  REQUIRE(made);
  const auto shown = [&] { return world.control->buckets(traffic).front(); };
  CHECK(!shown().objects);
  const auto tell = [&](const SiteId& site, BucketHolding holding) {
    StorageReport report;
    report.holdings[made->id] = holding;
    const auto answer = world.control->storage(site, report);
    REQUIRE(answer);
    return answer->hearer;
  };
  const int64_t hearer = tell(bilbao, {3, 500});
  CHECK(shown().objects == 3);
  CHECK(shown().bytes == 500);
  CHECK(world.control->storage(bilbao, {})->hearer == hearer);
  CHECK(shown().objects == 3);
  tell(madrid, {1, 100});  // it was the home once, and has not heard that it is not
  CHECK(shown().objects == 3);
  world.restart();
  CHECK(!shown().objects);
  CHECK(tell(bilbao, {4, 600}) != hearer);  // so the site tells everything again
  CHECK(shown().bytes == 600);
}

TEST_CASE(
    "a tenant is erased everywhere: written down, told to sites that were away, and known when all have done it") {
  StorageWorld world;
  const auto made = world.make("frames", "bio1");
  REQUIRE(world.make("theirs", "bio1", {}, harbour));
  REQUIRE(world.control->create_s3_key(traffic, {}));
  REQUIRE(world.control->create_s3_key(harbour, {}));
  CHECK(world.control->erasure(traffic).error().code == Code::not_found);
  CHECK(world.control->erase_tenant(TenantId::of("nobody"), {}).error().code == Code::not_found);
  const auto begun = world.control->erase_tenant(traffic, {"operator", "operator"});
  REQUIRE(begun);
  CHECK(begun->waiting == std::vector{bilbao, madrid});
  CHECK(world.control->buckets(traffic).empty());
  CHECK(world.control->s3_keys(traffic).empty());
  CHECK(world.control->buckets(harbour).size() == 1);
  CHECK(world.make("again", "bio1").error().code == Code::denied);
  CHECK(world.control->create_s3_key(traffic, {}).error().code == Code::denied);
  const auto report = [&](const SiteId& site, std::vector<TenantId> erased) {
    StorageReport said;
    said.erased = std::move(erased);
    const auto answer = world.control->storage(site, said);
    REQUIRE(answer);
    REQUIRE(answer->orders);
    return answer->orders->erased;
  };
  CHECK(report(bilbao, {}) == std::vector{traffic});
  CHECK(report(bilbao, {traffic, harbour}) == std::vector{traffic});
  CHECK(world.control->erasure(harbour).error().code == Code::not_found);
  CHECK(world.control->erasure(traffic)->waiting == std::vector{madrid});
  world.restart();
  CHECK(world.control->erasure(traffic)->waiting == std::vector{madrid});
  CHECK(world.control->erase_tenant(traffic, {})->at == begun->at);
  CHECK(report(madrid, {}) == std::vector{traffic});
  CHECK(report(madrid, {traffic}) == std::vector{traffic});
  CHECK(world.control->erasure(traffic)->waiting.empty());
  CHECK(world.control->erasure(traffic)->done.size() == 2);
  const auto audited = world.control->audit(world.runtime.wall() - 1h, world.runtime.wall() + 1h, traffic);
  REQUIRE(audited);
  std::string acts;
  for (const auto& entry : *audited) acts += entry.action + " " + entry.what + "; ";
  for (const char* act : {"tenant erase traffic", "bucket delete frames", "S3 key revoke", "tenant erased traffic"}) {
    CHECK_MESSAGE(acts.find(act) != std::string::npos, acts);
  }
}

TEST_CASE("over HTTP an operator erases a tenant, and the tenant itself does not") {
  StorageWorld world;
  const std::string path = "/barrio/v1/tenants/traffic/erasure";
  CHECK(world.status("GET", path, "ops") == 404);
  CHECK(world.status("POST", path, "traffic") == 403);
  CHECK(world.status("POST", path, "ops") == 200);
  CHECK(world.status("GET", path, "ops") == 200);
  CHECK(world.status("POST", "/barrio/v1/tenants/nobody/erasure", "ops") == 404);
}

TEST_CASE("a tenant changes how many sites keep a bucket; the policy says how many may") {
  StorageWorld world;
  REQUIRE(world.make("frames", "ES"));
  REQUIRE(world.make("local", "bio1"));
  const std::string path = "/barrio/v1/buckets/frames/copies";
  const auto shown = world.ask("PUT", path, "traffic", R"({"copies":2})");
  CHECK(shown.status == 200);
  CHECK(json_of(shown).at("copies") == 2);
  CHECK(json_of(shown).at("followers").as_array().size() == 1);
  CHECK(world.status("PUT", path, "traffic", R"({"copies":2})") == 200);
  CHECK(json_of(world.ask("PUT", path, "traffic", R"({"copies":6})")).at("where") == "copies");
  CHECK(world.status("PUT", path, "traffic", R"({"copies":3})") == 503);  // no third site has storage
  CHECK(world.status("PUT", path, "harbour", R"({"copies":1})") == 404);
  CHECK(world.status("PUT", "/barrio/v1/buckets/local/copies", "traffic", R"({"copies":2})") == 400);
  CHECK(json_of(world.ask("PUT", path, "traffic", R"({"copies":1})")).at("followers").as_array().empty());
}

TEST_CASE("a site that keeps a bucket is not retired, and shows how many it keeps") {
  StorageWorld world;
  REQUIRE(world.make("frames", "bio1"));
  CHECK(world.control->site(bilbao, {})->buckets == 1);
  CHECK(world.control->site(bilbao, harbour)->buckets == 0);
  REQUIRE(world.control->set_status(bilbao, SiteStatus::draining, {}));
  CHECK(world.control->set_status(bilbao, SiteStatus::retired, {}).error().text() ==
        "status: bio1 still keeps 1 bucket (frames); it can be retired once it is empty");
  REQUIRE(world.control->delete_bucket(*BucketName::parse("frames"), bilbao));
  CHECK(world.control->set_status(bilbao, SiteStatus::retired, {}));
}

TEST_CASE("storage over HTTP: sites speak for themselves, tenants for their own buckets and keys") {
  StorageWorld world;
  const std::string report = R"({"version":0,"address":"10.0.0.1:7480"})";
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/storage", "bio1", report) == 200);
  CHECK(world.status("POST", "/barrio/v1/sites/mad1/storage", "bio1", report) == 403);
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/storage", "traffic", report) == 403);
  const std::string wanted = R"({"tenant":"traffic","bucket":{"name":"from-site","location":"bio1","copies":1}})";
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/buckets", "bio1", wanted) == 201);
  CHECK(world.status("PUT", "/barrio/v1/buckets/mine", "traffic", R"({"name":"mine","location":"ES"})") == 200);
  CHECK(world.status("PUT", "/barrio/v1/buckets/mine", "traffic", R"({"name":"yours","location":"ES"})") == 400);
  CHECK(world.status("PUT", "/barrio/v1/buckets/mine", "harbour", R"({"name":"mine","location":"ES"})") == 409);
  const auto listed = json_of(world.ask("GET", "/barrio/v1/buckets", "traffic"));
  CHECK(listed.at("buckets").as_array().size() == 2);
  CHECK(listed.at("buckets").at(0).at("endpoint").as_string() == "10.0.0.1:7480");
  CHECK(json_of(world.ask("GET", "/barrio/v1/buckets", "harbour")).at("buckets").as_array().empty());
  const auto sums = world.ask("GET", "/barrio/v1/storage", "traffic");
  const auto homes = json_of(sums).at("sites").as_array();
  REQUIRE(homes.size() == 2);
  CHECK(homes[0].at("site").as_string() == "bio1");
  CHECK(homes[0].at("buckets").as_int64() == 1);
  CHECK(homes[0].at("untold").as_int64() == 1);
  CHECK(!has_text(sums.body, "mine"));
  CHECK(!has_text(sums.body, "traffic"));
  CHECK(json_of(world.ask("GET", "/barrio/v1/storage", "harbour")).at("sites").as_array().empty());
  CHECK(world.status("DELETE", "/barrio/v1/sites/bio1/buckets/from-site", "bio1") == 204);
  REQUIRE(world.control->storage(SiteId::of("mad1"), {0, "10.0.0.2:7480", {}}));
  const std::string safe = R"({"tenant":"traffic","bucket":{"name":"safe","location":"ES","copies":2}})";
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/buckets", "bio1", safe) == 201);
  const std::string joined = R"({"bucket":"safe","epoch":1,"follower":"mad1","state":"in_sync"})";
  CHECK(world.status("POST", "/barrio/v1/sites/mad1/copies", "bio1", joined) == 403);
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/copies", "bio1", joined) == 200);
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/copies", "bio1", joined) == 409);  // of an epoch that is over
  const auto key = json_of(world.ask("POST", "/barrio/v1/tenants/traffic/s3-keys", "traffic"));
  const std::string id(key.at("id").as_string());
  const auto keys = world.ask("GET", "/barrio/v1/tenants/traffic/s3-keys", "traffic");
  CHECK(has_text(keys.body, id));
  CHECK(!has_text(keys.body, std::string(key.at("secret").as_string())));
  CHECK(world.status("GET", "/barrio/v1/tenants/traffic/s3-keys", "harbour") == 403);
  CHECK(world.status("DELETE", "/barrio/v1/tenants/traffic/s3-keys/" + id, "traffic") == 204);
}

}  // namespace barrio::control::storage_test
