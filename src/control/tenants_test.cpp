#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "api/oauth/api_key.h"
#include "base/crypto.h"
#include "control/http_world_test.h"

namespace barrio::control::tenants_test {

namespace {

const std::string keys_path = "/barrio/v1/tenants/traffic/keys";

}  // namespace

TEST_CASE(
    "a key is shown once, travels as its hash, is listed without it, and is gone from the snapshot once revoked") {
  HttpWorld world;
  const auto made = world.ask("POST", keys_path, "traffic", R"({"expires_in":"1h"})");
  REQUIRE_MESSAGE(made.status == 201, made.body);
  const std::string key(json_of(made).at("key").as_string());
  const std::string id(json_of(made).at("id").as_string());
  REQUIRE(world.control->snapshot()->api_keys.size() == 1);
  const ApiKey kept = world.control->snapshot()->api_keys.front();
  CHECK(kept.id == id);
  CHECK(kept.tenant.str() == "traffic");
  CHECK(kept.sha256 == sha256_hex(key));
  CHECK(kept.scopes == std::vector<std::string>{"barrio:infer"});
  CHECK(kept.expires > 0);
  const auto stored = world.memory.list("");
  for (const auto& entry : stored->entries) CHECK(entry.value.find(key) == std::string::npos);
  const auto listed = world.ask("GET", keys_path, "ops");
  CHECK(listed.body.find(key) == std::string::npos);
  CHECK(json_of(listed).at("keys").at(0).at("id") == id.c_str());
  CHECK(json_of(listed).at("keys").at(0).at("expired") == false);
  world.runtime.sleep_for(1h);
  world.tokens.clear();  // those have expired too
  CHECK(json_of(world.ask("GET", keys_path, "ops")).at("keys").at(0).at("expired") == true);
  CHECK(world.ask("DELETE", keys_path + "/" + id, "traffic").status == 204);
  CHECK(world.control->snapshot()->api_keys.empty());
  CHECK(world.ask("DELETE", keys_path + "/" + id, "traffic").status == 404);
}

TEST_CASE("keys are of the tenant that asks, or of any that an operator names; nobody else's") {
  HttpWorld world;
  CHECK(world.ask("POST", keys_path, "harbour", "{}").status == 403);
  CHECK(world.ask("GET", keys_path, "harbour").status == 403);
  CHECK(world.ask("POST", keys_path, "ops", "{}").status == 201);
  CHECK(world.ask("POST", "/barrio/v1/tenants/nobody/keys", "ops", "{}").status == 404);
  const auto scope = world.ask("POST", keys_path, "ops", R"({"scopes":["barrio:apps:write"]})");
  CHECK(scope.status == 400);
  CHECK(json_of(scope).at("where") == "scopes");
  CHECK(json_of(world.ask("POST", keys_path, "ops", R"({"expires_in":"1ms"})")).at("where") == "expires_in");
}

TEST_CASE("a tenant has a hundred keys at most") {
  HttpWorld world;
  for (int i = 0; i < 100; ++i) REQUIRE(world.control->create_key(TenantId::of("traffic"), {}));
  CHECK(world.control->create_key(TenantId::of("traffic"), {}).error().code == Code::exhausted);
  CHECK(world.control->create_key(TenantId::of("harbour"), {}));
}

TEST_CASE("a quota is set by the operator, checked field by field, and in the next snapshot, also after a restart") {
  HttpWorld world;
  const std::string path = "/barrio/v1/tenants/traffic/quota";
  CHECK(world.ask("PUT", path, "traffic", "{}").status == 403);
  CHECK(world.ask("PUT", "/barrio/v1/tenants/nobody/quota", "ops", "{}").status == 404);
  const auto wrong = world.ask("PUT", path, "ops", R"({"requests_per_second":0})");
  CHECK(wrong.status == 400);
  CHECK(json_of(wrong).at("where") == "requests_per_second");
  CHECK(json_of(world.ask("PUT", path, "ops", R"({"weight":1000})")).at("where") == "weight");
  CHECK(world.control->snapshot()->quotas.empty());
  REQUIRE(world.ask("PUT", path, "ops", R"({"requests_per_second":50,"in_flight":7,"body_bytes":"1MiB"})").status ==
          200);
  world.restart();
  const auto quotas = world.control->snapshot()->quotas;
  REQUIRE(quotas.contains("traffic"));
  CHECK(quotas.at("traffic").requests_per_second == 50);
  CHECK(quotas.at("traffic").in_flight == 7);
  CHECK(quotas.at("traffic").body_bytes == mib(1));
  CHECK(quotas.at("traffic").weight == 1);
  auto listed = world.control->tenants();
  REQUIRE(listed);
  CHECK(listed->at(1).quota.in_flight == 7);
}

TEST_CASE("a part of a quota is changed alone: what is not named stays, and nothing wrong is kept") {
  HttpWorld world;
  const std::string path = "/barrio/v1/tenants/traffic/quota";
  const auto quota = [&] {
    return print_json(json_of(world.ask("GET", "/barrio/v1/tenants/traffic", "ops")).at("quota"));
  };
  REQUIRE(world.status("PUT", path, "ops", R"({"requests_per_second":10,"in_flight":5,"storage":"1GiB"})") == 200);
  const auto changed = world.ask("PATCH", path, "ops", R"({"receipts":true})");
  REQUIRE_MESSAGE(changed.status == 200, changed.body);
  CHECK(json_of(changed).at("requests_per_second") == 10.0);
  CHECK(json_of(changed).at("in_flight") == 5);
  CHECK(json_of(changed).at("storage") == "1GiB");
  CHECK(json_of(changed).at("receipts") == true);
  const std::string before = quota();
  CHECK(before == print_json(json_of(changed)));
  CHECK(json_of(world.ask("PATCH", path, "ops", R"({"weight":1000})")).at("where") == "weight");
  CHECK(json_of(world.ask("PATCH", path, "ops", R"({"wait":1})")).at("where") == "wait");
  CHECK(world.status("PATCH", path, "traffic", R"({"weight":2})") == 403);
  CHECK(world.status("PATCH", path, "ops", "{}") == 200);
  CHECK(quota() == before);
  CHECK(world.status("PATCH", path, "ops", R"({"receipts":false})") == 200);
  CHECK_FALSE(world.control->snapshot()->quotas.at("traffic").receipts.value_or(false));
  CHECK(world.status("PATCH", "/barrio/v1/tenants/nobody/quota", "ops", R"({"weight":2})") == 404);
}

}  // namespace barrio::control::tenants_test
