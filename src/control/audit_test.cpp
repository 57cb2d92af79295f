#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/http_world_test.h"

namespace barrio::control::audit_test {

namespace {

JsonArray entries(HttpWorld& world, const std::string& as, const std::string& query = "") {
  const auto answer = world.ask("GET", "/barrio/v1/audit" + query, as);
  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  return json_of(answer).at("entries").as_array();
}

std::string text(const Json& entry) {
  const auto at = [&](const char* name) { return std::string(entry.at(name).as_string()); };
  return at("by") + ": " + at("action") + " " + at("what") + (at("detail").empty() ? "" : ", " + at("detail"));
}

net::Response ask_once(HttpWorld& world, const std::string& method, const std::string& target, const std::string& as,
                       const std::string& body, const std::string& key) {
  net::Request request{.method = method, .target = target, .body = body};
  request.headers = {{"Authorization", "Bearer " + world.token(as)}, {"Idempotency-Key", key}};
  return world.send(request);
}

}  // namespace

TEST_CASE("each accepted change leaves one entry, what was refused or changed nothing leaves none") {
  HttpWorld world;
  const std::string app = world.app_json("street", "ES");
  CHECK(world.status("PUT", "/barrio/v1/apps/street", "traffic", app) == 201);
  CHECK(world.status("PUT", "/barrio/v1/apps/street", "traffic", app) == 200);  // the same again
  CHECK(world.status("PUT", "/barrio/v1/apps/street", "traffic", world.app_json("street", "FR")) == 422);
  CHECK(world.status("PUT", "/barrio/v1/apps/street", "traffic", world.app_json("street", "ES-PV")) == 200);
  CHECK(world.status("PUT", "/barrio/v1/secrets/token", "traffic", R"({"value":"hidden"})") == 200);
  CHECK(world.status("DELETE", "/barrio/v1/secrets/token?tenant=traffic", "ops") == 204);
  CHECK(world.status("POST", "/barrio/v1/tenants", "ops", R"({"name":"port"})") == 201);
  CHECK(world.status("POST", "/barrio/v1/tenants", "ops", R"({"name":"port"})") == 409);
  CHECK(world.status("PUT", "/barrio/v1/tenants/port/quota", "ops", print_json(to_json(TenantQuota{}))) == 200);
  CHECK(world.status("PUT", "/barrio/v1/tenants/port/quota", "ops", R"({"burst":10,"receipts":true})") == 200);
  CHECK(world.status("PATCH", "/barrio/v1/tenants/port/quota", "ops", R"({"storage":"1GiB","burst":10})") == 200);
  const auto key = json_of(world.ask("POST", "/barrio/v1/tenants/traffic/keys", "traffic", "{}"));
  const std::string id(key.at("id").as_string());
  CHECK(world.status("DELETE", "/barrio/v1/tenants/traffic/keys/" + id, "traffic") == 204);
  CHECK(world.status("POST", "/barrio/v1/sites/zaragoza/activate", "ops") == 200);
  CHECK(world.status("POST", "/barrio/v1/sites/zaragoza/activate", "ops") == 200);
  CHECK(world.status("DELETE", "/barrio/v1/apps/street", "traffic") == 204);
  std::vector<std::string> said;
  for (const Json& entry : entries(world, "ops")) said.push_back(text(entry));
  CHECK(said == std::vector<std::string>{
                    "traffic: app deploy traffic/street, generation 1",
                    "traffic: app deploy traffic/street, generation 2",
                    "traffic: secret set token",
                    "operator: secret delete token",
                    "operator: tenant create port",
                    "operator: quota set port, burst 5000 -> 10, receipts false -> true",
                    "operator: quota set port, storage 100GiB -> 1GiB",
                    "traffic: key create " + id,
                    "traffic: key revoke " + id,
                    "operator: site status zaz1, active",
                    "traffic: app delete traffic/street",
                });
  CHECK_FALSE(has_text(print_json(entries(world, "ops")), "hidden"));
  CHECK(entries(world, "traffic").size() == 7);
  CHECK(entries(world, "harbour").empty());
  CHECK(world.status("GET", "/barrio/v1/audit?tenant=traffic", "harbour") == 403);
}

TEST_CASE("entries are kept apart from desired state, read by time and in pages, and go when they are old") {
  HttpWorld world;
  for (const char* secret : {"a", "b", "c"}) {
    CHECK(world.status("PUT", std::string("/barrio/v1/secrets/") + secret, "traffic", R"({"value":"x"})") == 200);
    world.runtime.sleep_for(10min);
  }
  const auto desired = world.memory.list(ports::KeyRange{"", "", aside});
  CHECK(std::ranges::none_of(desired->entries, [](const auto& entry) { return has_text(entry.key, "audit"); }));
  const std::string then = to_string(world.runtime.wall() - 15min);
  CHECK(entries(world, "traffic", "?from=" + then).size() == 1);
  CHECK(entries(world, "traffic", "?to=" + then).size() == 2);
  CHECK(json_of(world.ask("GET", "/barrio/v1/audit?from=yesterday", "traffic")).at("where") == "from");
  const Json first = json_of(world.ask("GET", "/barrio/v1/audit?limit=2", "traffic"));
  world.runtime.sleep_for(23h + 45min);  // the first entries are no longer of the last 24 hours
  world.tokens.clear();
  const std::string next(first.at("next").as_string());
  const auto rest = entries(world, "traffic", "?limit=2&after=" + next);
  REQUIRE(rest.size() == 1);
  CHECK(text(rest[0]) == "traffic: secret set c");
  CHECK(*forget_audit(world.memory, world.runtime.wall()) == 0);
  CHECK(*forget_audit(world.memory, world.runtime.wall() + audit_kept_for) == 3);
  CHECK(world.memory.list("~audit/")->entries.empty());
}

TEST_CASE("a request with a key changes once, and is told the same again, also by a restarted control") {
  HttpWorld world;
  REQUIRE(world.status("PUT", "/barrio/v1/apps/street", "traffic", world.app_json("street", "ES")) == 201);
  const std::string changed = world.app_json("street", "ES-PV");
  const auto first = ask_once(world, "PUT", "/barrio/v1/apps/street", "traffic", changed, "k1");
  REQUIRE(first.status == 200);
  REQUIRE(world.status("DELETE", "/barrio/v1/apps/street", "traffic") == 204);
  world.restart();
  HttpApi after(*world.control, world.metrics, {});
  net::Request same{.method = "PUT", .target = "/barrio/v1/apps/street", .body = changed};
  same.headers = {{"Authorization", "Bearer " + world.token("traffic")}, {"Idempotency-Key", "k1"}};
  const auto again = after.handle(same);
  CHECK(again.status == 200);
  CHECK(again.body == first.body);
  CHECK(net::find_header(again.headers, "Idempotency-Replayed") == "true");
  CHECK(world.control->apps(TenantId::of("traffic")).empty());  // it was not deployed anew
}

TEST_CASE("a key belongs to one request of one caller for a day") {
  HttpWorld world;
  const auto put = [&](const std::string& as, const std::string& value, const std::string& key) {
    return ask_once(world, "PUT", "/barrio/v1/secrets/token", as, R"({"value":")" + value + R"("})", key);
  };
  CHECK(put("traffic", "a", "k").status == 200);
  const auto other = put("traffic", "b", "k");
  CHECK(other.status == 422);
  CHECK(json_of(other).at("where") == "Idempotency-Key");
  CHECK(put("harbour", "b", "k").status == 200);
  CHECK(put("traffic", "a", std::string(256, 'k')).status == 400);
  CHECK(*forget_once(world.memory, world.runtime.wall()) == 0);
  world.runtime.sleep_for(24h);
  world.tokens.clear();
  CHECK(put("traffic", "b", "k").status == 200);
  CHECK(*forget_once(world.memory, world.runtime.wall()) == 1);  // that of harbour
}

TEST_CASE("a refused request may be sent again with its key, once what stood against it is gone") {
  HttpWorld world;
  CHECK(ask_once(world, "POST", "/barrio/v1/apps/street/rollback", "traffic", R"({"generation":1})", "k").status ==
        404);
  CHECK(ask_once(world, "DELETE", "/barrio/v1/apps/street", "traffic", "", "k2").status == 404);
  REQUIRE(world.status("PUT", "/barrio/v1/apps/street", "traffic", world.app_json("street", "ES")) == 201);
  CHECK(ask_once(world, "DELETE", "/barrio/v1/apps/street", "traffic", "", "k2").status == 204);
  const auto again = ask_once(world, "DELETE", "/barrio/v1/apps/street", "traffic", "", "k2");
  CHECK(again.status == 204);
}

TEST_CASE("an answer with a secret is told once, and not kept") {
  HttpWorld world;
  const auto first = ask_once(world, "POST", "/barrio/v1/tenants/traffic/keys", "traffic", "{}", "k");
  REQUIRE(first.status == 201);
  const auto again = ask_once(world, "POST", "/barrio/v1/tenants/traffic/keys", "traffic", "{}", "k");
  CHECK(again.status == 409);
  CHECK(has_text(again.body, "told once"));
  CHECK(world.control->keys(TenantId::of("traffic")).size() == 1);
  const std::string secret(json_of(first).at("key").as_string());
  const auto stored = world.memory.list("");
  for (const ports::Entry& entry : stored->entries) CHECK_FALSE(has_text(entry.value, secret));
  CHECK(ask_once(world, "POST", "/barrio/v1/tenants", "ops", R"({"name":"port"})", "k").status == 201);
  CHECK(ask_once(world, "POST", "/barrio/v1/tenants", "ops", R"({"name":"port"})", "k").status == 409);
}

}  // namespace barrio::control::audit_test
