#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/http_world_test.h"

namespace barrio::control::accounts_test {

namespace {

/// Control starts again on a store without room, and its file names two accounts more.
void restart_on_full_store(HttpWorld& world) {
  world.store.failure = Code::exhausted;
  world.store.failures = 1000;
  world.config.accounts.bootstrap.push_back({"fleet", "fleet-secret", "tenant", "fleet"});
  world.config.accounts.bootstrap.push_back({"mad1", "mad1-secret", "site", "mad1"});
  world.restart();
}

double gauge(HttpApi& api, const std::string& name) {
  const std::string text =
      api.handle({.method = "GET", .target = "/metrics", .headers = {}, .body = {}, .peer_ip = {}}).body;
  const auto at = text.find("\n" + name + " ");
  REQUIRE(at != std::string::npos);
  return std::stod(text.substr(at + name.size() + 2));
}

}  // namespace

TEST_CASE("control starts on a full disk, also where its file names new accounts, and makes them once there is room") {
  HttpWorld world;
  restart_on_full_store(world);
  HttpApi api(*world.control, world.metrics, {});
  Accounts& accounts = world.control->accounts();
  CHECK(gauge(api, "barrio_control_accounts_waiting") == 2);
  CHECK(accounts.grant({"ops", "ops-secret", {}}));
  CHECK(world.sync("bio1").snapshot);
  const auto refused = accounts.grant({"fleet", "fleet-secret", {}});
  REQUIRE(!refused);
  CHECK(refused.error().status == 503);
  CHECK(has_text(refused.error().description, "in control's file and not in its state yet: "));
  CHECK(has_text(refused.error().description, "told to fail"));
  CHECK(accounts.grant({"fleet", "another-secret", {}}).error().status == 401);
  CHECK(accounts.grant({"nobody", "fleet-secret", {}}).error().status == 401);
  CHECK(world.control->step().error().code == Code::exhausted);  // that bio1 spoke is to be written
  CHECK(accounts.waiting() == 2);
  world.store.failures = 0;
  REQUIRE(world.control->step());
  CHECK(gauge(api, "barrio_control_accounts_waiting") == 0);
  CHECK(accounts.grant({"fleet", "fleet-secret", {}}));
  CHECK(accounts.grant({"mad1", "mad1-secret", {}}));
  REQUIRE(world.control->step());
  CHECK(world.control->tenant(TenantId::of("fleet")));
  CHECK(world.memory.list("account/")->entries.size() == 6);
}

TEST_CASE("an account that somebody made meanwhile is not made again, and those behind it come all the same") {
  HttpWorld world;
  restart_on_full_store(world);
  world.store.failures = 0;
  REQUIRE(world.control->accounts().add_tenant(TenantId::of("fleet"), {}));
  REQUIRE(world.control->step());
  CHECK(world.control->accounts().waiting() == 0);
  CHECK(world.control->accounts().grant({"fleet", "fleet-secret", {}}).error().status == 401);
  CHECK(world.control->accounts().grant({"mad1", "mad1-secret", {}}));
}

TEST_CASE("a store that fails otherwise is no reason to wait: control does not start with accounts missing") {
  HttpWorld world;
  world.config.accounts.bootstrap.push_back({"fleet", "fleet-secret", "tenant", "fleet"});
  world.store.failure = Code::unavailable;
  world.store.failures = 1000;
  Control control(world.runtime, world.store, world.config, nullptr, &world.usage);
  CHECK(control.start().error().code == Code::unavailable);
}

}  // namespace barrio::control::accounts_test
