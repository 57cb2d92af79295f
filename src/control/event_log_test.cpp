#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/http_world_test.h"
#include "net/raw_client_test.h"

namespace barrio::control::event_log_test {

namespace {

const TenantId traffic = TenantId::of("traffic");
const TenantId harbour = TenantId::of("harbour");

std::vector<std::string> told(World& world, int64_t& after, const TenantId& viewer = {}) {
  std::vector<std::string> all;
  const auto some = world.control->events().after(after, viewer);
  for (const Event& event : some.events)
    all.push_back(event.kind + " " + event.what + (event.detail.empty() ? "" : ", " + event.detail));
  after = some.last;
  return all;
}

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("what happens to an app is told from its deployment to its end, to its tenant and the operator alone") {
  World world;
  int64_t after = world.control->events().last();
  int64_t others = after;
  REQUIRE(world.control->deploy(traffic, people_app("street", "ES-PV")));
  const std::string id = world.control->snapshot()->replicas.at(0).id.str();
  CHECK(told(world, after) ==
        Told{"app.deployed traffic/street, generation 1", "replica.starting " + id + ", at bio1"});
  world.run_orders("bio1");
  REQUIRE(world.control->step());
  CHECK(told(world, after) ==
        Told{"release.done traffic/street, generation 1", "replica.ready " + id + ", at bio1", "site.connected bio1"});
  REQUIRE(world.control->set_status(SiteId::of("zaz1"), SiteStatus::active));
  REQUIRE(world.control->remove({traffic, AppName::of("street")}));
  const auto rest = told(world, after, traffic);
  CHECK(rest == Told{"site.status zaz1, active", "app.deleted traffic/street", "replica.removed " + id + ", at bio1"});
  CHECK(told(world, others, harbour) == Told{"site.connected bio1", "site.status zaz1, active"});
}

TEST_CASE("a site that falls silent is told as lost") {
  World world;
  world.sync("bio1");
  REQUIRE(world.control->step());
  int64_t after = world.control->events().last();
  world.runtime.sleep_for(4s);
  REQUIRE(world.control->step());
  CHECK(told(world, after) == Told{"site.lost bio1"});
}

TEST_CASE("events are for those who may see sites, and a tenant's own for it alone") {
  HttpWorld world;
  CHECK(world.status("GET", "/barrio/v1/events") == 401);
  CHECK(world.status("GET", "/barrio/v1/events", "bio1") == 403);
  CHECK(world.status("GET", "/barrio/v1/events?tenant=traffic", "harbour") == 403);
  const auto present = world.ask("GET", "/barrio/v1/events", "traffic");
  CHECK(present.status == 200);
  CHECK(net::find_header(present.headers, "Content-Type") == "text/event-stream");
  CHECK(present.body == ":\n\n");  // nothing has happened since
}

TEST_CASE("ids grow over restarts, and who was away for too long is told that something is missed") {
  ports::InlineRuntime runtime;
  int64_t last = 0;
  {
    EventLog log(runtime);
    log.connected({});
    log.connected({SiteId::of("bio1")});
    last = log.last();
    CHECK_FALSE(log.after(0, {}).missed);
  }
  runtime.sleep_for(1s);
  EventLog log(runtime);
  log.connected({});
  for (size_t i = 0; i <= EventLog::most_events / 2; ++i) {
    log.connected({SiteId::of("bio1")});
    log.connected({});
  }
  CHECK(log.last() > last);
  const auto some = log.after(last, {});
  CHECK(some.missed);
  CHECK(some.events.size() == EventLog::most_events);
  CHECK_FALSE(log.after(some.last - 10, {}).missed);
  CHECK(log.after(some.last, {}).events.empty());
}

TEST_CASE("over a socket: events come as they happen, and behind Last-Event-ID those that were not seen" *
          doctest::test_suite("threads")) {
  SocketWorld world;
  auto& [reactor, runtime, store, control, metrics, api, front, address] = world;
  std::optional<net::test::RawClient> client;
  const auto see = [&](const char* text) {
    const Time limit = runtime.now() + 10s;
    while (!has_text(client->text(), text) && runtime.now() < limit) {
      runtime.sleep_until(runtime.now() + 5ms);
      client->poll();
    }
    CHECK_MESSAGE(has_text(client->text(), text), client->text());
  };
  runtime.spawn("test", [&] {
    REQUIRE(control.start());
    const auto granted = control.accounts().grant({"ops", "ops-secret", {}});
    REQUIRE(granted);
    const auto watch = [&](const std::string& last) {
      client.emplace(address);
      client->send("GET /barrio/v1/events HTTP/1.1\r\nHost: c\r\nAuthorization: Bearer " + granted->access_token +
                   "\r\n" + (last.empty() ? "" : "Last-Event-ID: " + last + "\r\n") + "\r\n");
    };
    watch("never");
    see("HTTP/1.1 400");
    watch("");
    see("Content-Type: text/event-stream");
    CHECK(control.set_status(SiteId::of("zaz1"), SiteStatus::active));
    see("event: site.status\ndata: {");
    see(R"("what":"zaz1")");
    client.reset();
    CHECK(control.set_status(SiteId::of("zaz1"), SiteStatus::draining));
    watch(std::to_string(control.events().last() - 1));
    see(R"("detail":"draining")");
    CHECK_FALSE(has_text(client->text(), R"("detail":"active")"));
    reactor.stop();
  });
  reactor.run();
}

}  // namespace barrio::control::event_log_test
