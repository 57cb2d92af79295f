#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/http_world_test.h"

namespace barrio::control::http_api_test {

TEST_CASE("without a token, with a wrong one, an expired one or one of another scope: 401 or 403, with the reason") {
  HttpWorld world;
  CHECK(world.status("GET", "/barrio/v1/sites") == 401);
  net::Request request;
  request.target = "/barrio/v1/sites";
  request.headers = {{"Authorization", "Bearer nonsense"}};
  auto nonsense = world.send(request);
  CHECK(nonsense.status == 401);
  CHECK(net::find_header(nonsense.headers, "WWW-Authenticate") == R"(Bearer realm="barrio", error="invalid_token")");
  request.headers.clear();
  CHECK(net::find_header(world.send(request).headers, "WWW-Authenticate") == R"(Bearer realm="barrio")");
  CHECK(world.status("GET", "/barrio/v1/sites", "traffic") == 200);
  CHECK(world.status("POST", "/barrio/v1/sites/zaragoza/activate", "traffic") == 403);
  CHECK(world.status("GET", "/barrio/v1/sites", "bio1") == 403);
  CHECK(world.status("POST", "/barrio/v1/tenants", "traffic", R"({"name":"x"})") == 403);
  world.runtime.sleep_for(1h);
  auto expired = world.ask("GET", "/barrio/v1/sites", "traffic");
  CHECK(expired.status == 401);
  CHECK(has_text(expired.body, "expired at"));
}

TEST_CASE("the token endpoint gives a token for the right secret only, with fewer scopes if asked") {
  HttpWorld world;
  auto ask = [&](const std::string& body) {
    net::Request request;
    request.method = "POST";
    request.target = "/oauth2/token";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = body;
    return world.send(request);
  };
  const std::string grant = "grant_type=client_credentials&client_id=traffic&client_secret=";
  auto granted = ask(grant + "traffic-secret&scope=barrio:infer");
  REQUIRE(granted.status == 200);
  CHECK(json_of(granted).at("scope") == "barrio:infer");
  CHECK(json_of(granted).at("expires_in") == 3600);
  CHECK(ask(grant + "wrong").status == 401);
  CHECK(json_of(ask("grant_type=client_credentials&client_id=nobody&client_secret=x")).at("error") == "invalid_client");
  CHECK(json_of(ask(grant + "traffic-secret&scope=barrio:sites:write")).at("error") == "invalid_scope");
  CHECK(ask("").status == 400);
  CHECK(json_of(world.ask("GET", "/.well-known/jwks.json")).at("keys").as_array().size() == 1);
}

TEST_CASE("a tenant deploys, sees and deletes its own app; another tenant sees none of it") {
  HttpWorld world;
  auto made = world.ask("PUT", "/barrio/v1/apps/street", "traffic", world.app_json("street", "ES-PV"));
  REQUIRE(made.status == 201);
  CHECK(json_of(made).at("app").at("tenant") == "traffic");
  CHECK(json_of(made).at("placement").at("decisions").as_array().size() == 17);
  CHECK(world.status("PUT", "/barrio/v1/apps/street", "traffic", world.app_json("street", "ES-PV")) == 200);
  CHECK(world.status("GET", "/barrio/v1/apps/street", "harbour") == 404);
  CHECK(world.status("DELETE", "/barrio/v1/apps/street", "harbour") == 404);
  CHECK(json_of(world.ask("GET", "/barrio/v1/apps", "harbour")).at("apps").as_array().empty());
  CHECK(world.status("GET", "/barrio/v1/apps/street?tenant=traffic", "harbour") == 403);
  CHECK(json_of(world.ask("GET", "/barrio/v1/sites/bio1", "harbour")).at("replicas").as_array().empty());
  CHECK(json_of(world.ask("GET", "/barrio/v1/sites/bio1", "ops")).at("replicas").as_array().size() == 1);
  CHECK(world.status("GET", "/barrio/v1/apps/street", "ops") == 400);
  CHECK(world.status("GET", "/barrio/v1/apps/street?tenant=traffic", "ops") == 200);
  CHECK(world.status("GET", "/barrio/v1/apps/street?tenant=nobody", "ops") == 404);
  auto explained = json_of(world.ask("GET", "/barrio/v1/apps/street/explain", "traffic"));
  CHECK(explained.at("objective") == "250ms at p99");
  CHECK(has_text(std::string(explained.at("policy").as_string()), "ES-PV"));
  CHECK(world.status("DELETE", "/barrio/v1/apps/street", "traffic") == 204);
  CHECK(world.status("GET", "/barrio/v1/apps/street", "traffic") == 404);
}

TEST_CASE("bad input is answered with the field that is wrong, and changes nothing") {
  HttpWorld world;
  auto put = [&](const std::string& body) { return world.ask("PUT", "/barrio/v1/apps/street", "traffic", body); };
  CHECK(put("{").status == 400);
  CHECK(put("").status == 400);
  std::string body = world.app_json("street", "ES");
  const size_t at = body.find("\"ES\"");
  auto wrong = put(body.substr(0, at) + "\"XX\"" + body.substr(at + 4));
  CHECK(wrong.status == 400);
  CHECK(json_of(wrong).at("where") == "policy.jurisdictions[0]");
  CHECK(json_of(put(world.app_json("other", "ES"))).at("where") == "name");
  CHECK(put(std::string(2 << 20, ' ')).status == 400);
  auto refused = put(world.app_json("street", "ES-AR"));
  CHECK(refused.status == 422);
  CHECK(json_of(refused).as_object().contains("reason"));
  CHECK(json_of(refused).as_object().contains("nearest"));
  CHECK(json_of(world.ask("GET", "/barrio/v1/apps", "traffic")).at("apps").as_array().empty());
  CHECK(world.status("GET", "/nowhere") == 404);
  auto method = world.ask("PATCH", "/barrio/v1/sites", "ops");
  CHECK(method.status == 405);
  CHECK(*net::find_header(method.headers, "Allow") == "GET");
}

TEST_CASE("a parameter that a path does not take is refused and named, with those that it takes") {
  HttpWorld world;
  const auto slip = world.ask("GET", "/barrio/v1/tenants?lmit=1", "ops");
  CHECK(slip.status == 400);
  CHECK(json_of(slip).at("where") == "lmit");
  CHECK(has_text(slip.body, "this path takes limit, after"));
  CHECK(has_text(world.ask("POST", "/barrio/v1/sites/zaz1/activate?force=1", "ops").body, "this path takes none"));
  CHECK(json_of(world.ask("GET", "/barrio/v1/apps?tenant=traffic&li%6dit=1&%zz", "ops")).at("where") == "%zz");
  CHECK(world.status("GET", "/barrio/v1/tenants?li%6dit=1&", "ops") == 200);
  CHECK(world.status("GET", "/barrio/v1/tenants?lmit=1") == 401);
  CHECK(world.status("GET", "/healthz?probe=1") == 200);
}

TEST_CASE("what is wrong with a body or a tenant says where") {
  HttpWorld world;
  const auto where = [&](const char* method, const std::string& path, const std::string& body) {
    const Json problem = json_of(world.ask(method, path, "ops", body));
    return problem.as_object().contains("where") ? std::string(problem.at("where").as_string()) : "";
  };
  CHECK(where("PUT", "/barrio/v1/sites/bio1/equipment", "{}") == "body");
  CHECK(where("PUT", "/barrio/v1/sites/bio1/equipment", "{") == "body");
  CHECK(where("POST", "/barrio/v1/tenants", std::string(2 << 20, ' ')) == "body");
  CHECK(where("PUT", "/barrio/v1/tenants/nobody/spend-cap", R"({"cap":"1EUR"})") == "tenant");
  CHECK(where("GET", "/barrio/v1/apps/street", "") == "tenant");
  CHECK(where("GET", "/barrio/v1/apps/street?tenant=nobody", "") == "tenant");
}

TEST_CASE("figures are anybody's in clear, and over TLS an operator's alone") {
  HttpWorld world;
  const auto ask = [&](const std::string& as) {
    net::Request request{.target = "/metrics"};
    if (!as.empty()) request.headers.emplace_back("Authorization", "Bearer " + world.token(as));
    return world.api.handle(request, HttpApi::Over::tls);
  };
  CHECK(world.status("GET", "/metrics") == 200);
  CHECK(ask("").status == 401);
  CHECK(ask("traffic").status == 403);
  CHECK(ask("bio1").status == 403);
  CHECK(has_text(ask("ops").body, "barrio_control_leads 1"));
}

TEST_CASE("an operator activates and drains; a status that may not follow is a conflict") {
  HttpWorld world;
  auto active = world.ask("POST", "/barrio/v1/sites/Zaragoza/activate", "ops");
  REQUIRE(active.status == 200);
  CHECK(json_of(active).at("status") == "active");
  CHECK(world.status("POST", "/barrio/v1/sites/zaragoza/drain", "ops") == 200);
  CHECK(world.status("POST", "/barrio/v1/sites/Gij%C3%B3n/drain", "ops") == 409);
  CHECK(world.status("POST", "/barrio/v1/sites/atlantis/activate", "ops") == 404);
  CHECK(json_of(world.ask("GET", "/barrio/v1/sites", "ops")).at("sites").as_array().size() == 17);
}

TEST_CASE("a new tenant gets credentials that work; the same name again is a conflict") {
  HttpWorld world;
  auto made = world.ask("POST", "/barrio/v1/tenants", "ops", R"({"name":"drones"})");
  REQUIRE(made.status == 201);
  const std::string secret(json_of(made).at("client_secret").as_string());
  CHECK(world.control->accounts().grant({"drones", secret, {}}));
  CHECK(world.status("POST", "/barrio/v1/tenants", "ops", R"({"name":"drones"})") == 409);
  CHECK(world.status("POST", "/barrio/v1/tenants", "ops", R"({"name":"ops"})") == 409);
  CHECK(world.status("POST", "/barrio/v1/tenants", "ops", R"({"name":"A b"})") == 400);
  CHECK(json_of(world.ask("GET", "/barrio/v1/tenants", "ops")).at("tenants").as_array().size() == 3);
  const auto accounts = world.memory.list("account/");
  for (const auto& entry : accounts->entries) CHECK(!has_text(entry.value, secret));
}

TEST_CASE("a site syncs only for itself, and its flows appear on the live page of who may see them") {
  HttpWorld world;
  world.ask("PUT", "/barrio/v1/apps/street", "traffic", world.app_json("street", "ES"));
  Flow flow;
  flow.app = *AppKey::parse("traffic/street");
  flow.place = "Vigo";
  flow.refused = 1;  // served by nobody yet
  const SiteReport report{SiteId::of("bio1"), 0, "127.0.0.1:7000", {}, {flow}};
  auto synced = world.ask("POST", "/barrio/v1/sites/bio1/sync", "bio1", print_json(to_json(report)));
  REQUIRE_MESSAGE(synced.status == 200, synced.body);
  CHECK(from_json<SiteOrders>(json_of(synced))->run.size() == 1);
  CHECK(world.status("POST", "/barrio/v1/sites/mad1/sync", "bio1", print_json(to_json(report))) == 403);
  auto live = json_of(world.ask("GET", "/barrio/v1/live", "ops"));
  REQUIRE(live.at("flows").as_array().size() == 1);
  CHECK(live.at("flows").at(0).at("entered") == "bio1");
  CHECK(json_of(world.ask("GET", "/barrio/v1/live", "harbour")).at("flows").as_array().empty());
  CHECK(world.status("GET", "/barrio/v1/live") == 401);
  auto metrics = world.ask("GET", "/metrics").body;
  CHECK(has_text(metrics, "barrio_control_site_connected{site=\"bio1\"} 1"));
  CHECK(has_text(metrics, "barrio_control_syncs_total 1"));
  REQUIRE(world.control->step());
  metrics = world.ask("GET", "/metrics").body;
  CHECK(has_text(metrics, "barrio_control_site_heard{site=\"bio1\"} 1"));
  CHECK(has_text(metrics, "barrio_control_site_heard{site=\"mad1\"} 0"));
  world.runtime.sleep_for(1min);
  metrics = world.ask("GET", "/metrics").body;
  CHECK(has_text(metrics, "barrio_control_site_connected{site=\"bio1\"} 0"));
  CHECK(has_text(metrics, "barrio_control_site_heard{site=\"bio1\"} 1"));
}

TEST_CASE("the live page lists apps with what they promise and have, and why one has nothing, to who may see them") {
  HttpWorld world;
  for (const char* site : {"mad1", "mad2"}) world.sync(site);
  REQUIRE(world.status("PUT", "/barrio/v1/apps/basque", "traffic", world.app_json("basque", "ES-PV")) == 201);
  REQUIRE(world.status("PUT", "/barrio/v1/apps/wide", "harbour", world.app_json("wide", "ES")) == 201);
  world.run_orders("bio1");
  const Json live = json_of(world.ask("GET", "/barrio/v1/live", "ops"));
  const auto apps = *from_json<std::vector<api::LiveApp>>(live.at("apps"));
  REQUIRE(apps.size() == 2);
  CHECK(apps[0].app.str() == "harbour/wide");
  CHECK(apps[0].replicas == 10);
  CHECK(apps[0].replicas_ready == 1);
  CHECK(apps[0].sites.size() == 10);
  CHECK(apps[1].sites == std::vector{SiteId::of("bio1")});
  CHECK(apps[1].replicas == 1);
  CHECK(apps[1].replicas_ready == 1);
  CHECK(apps[1].objective_ms == 250);
  CHECK(apps[1].objective_percentile == 99);
  CHECK(!apps[1].refusal);

  for (int second = 0; second < 12; ++second) {  // bio1 is lost, and no other site may have what it had
    world.runtime.sleep_for(1s);
    for (const char* site : {"mad1", "mad2"}) world.sync(site);
    REQUIRE(world.control->step());
  }
  const Json later = json_of(world.ask("GET", "/barrio/v1/live", "traffic"));
  const auto mine = *from_json<std::vector<api::LiveApp>>(later.at("apps"));
  REQUIRE(mine.size() == 1);
  CHECK(mine[0].replicas == 1);
  CHECK(mine[0].replicas_ready == 0);
  REQUIRE(mine[0].refusal);
  CHECK(!mine[0].refusal->detail.empty());
}

TEST_CASE("a tenant sees what it used and no more; an operator sees all; as JSON and as CSV") {
  HttpWorld world;
  const WallTime hour = hour_of(world.runtime.wall());
  SiteReport report;
  report.site = SiteId::of("bio1");
  report.usage = UsageShipment{9, 0, 5, {}};
  for (const char* tenant : {"traffic", "harbour"}) {
    report.usage->rows.push_back({AppKey{TenantId::of(tenant), AppName::of("street")},
                                  hour,
                                  hour + 1min,
                                  {.served = {.requests = 3, .bytes_in = 100}, .forwarded = {}, .noted = {}}});
  }
  const std::string body = print_json(to_json(report));
  const auto synced = world.ask("POST", "/barrio/v1/sites/bio1/sync", "bio1", body);
  REQUIRE(synced.status == 200);
  CHECK(json_of(synced).at("usage_through") == 5);
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/sync", "bio1", body) == 200);

  const Json mine = json_of(world.ask("GET", "/barrio/v1/usage", "traffic"));
  REQUIRE(mine.at("lines").as_array().size() == 1);
  CHECK(mine.at("lines").at(0).at("tenant") == "traffic");
  CHECK(mine.at("lines").at(0).at("site") == "bio1");
  CHECK(mine.at("total").at("usage").at("served").at("requests") == 3);
  CHECK(world.status("GET", "/barrio/v1/usage?tenant=harbour", "traffic") == 403);
  const Json all = json_of(world.ask("GET", "/barrio/v1/usage?by=tenant", "ops"));
  CHECK(all.at("lines").as_array().size() == 2);
  CHECK(all.at("total").at("usage").at("served").at("bytes_in") == 200);
  CHECK(json_of(world.ask("GET", "/barrio/v1/usage?tenant=harbour", "ops")).at("lines").as_array().size() == 1);
  CHECK(world.status("GET", "/barrio/v1/usage", "bio1") == 403);
  CHECK(world.status("GET", "/barrio/v1/usage") == 401);

  const auto csv = world.ask("GET", "/barrio/v1/usage?by=app,hour&format=csv", "traffic");
  CHECK(has_text(std::string(*net::find_header(csv.headers, "Content-Type")), "text/csv"));
  CHECK(has_text(csv.body,
                 "\r\ntraffic,street,," + to_string(hour) + ",3,100,0,0,0,0,0,0,0,0,,,0,0,0,0,0,0,0,0,0,0,0,0\r\n"));
  CHECK(json_of(world.ask("GET", "/barrio/v1/usage?by=week", "ops")).at("where") == "by");
  CHECK(json_of(world.ask("GET", "/barrio/v1/usage?from=yesterday", "ops")).at("where") == "from");
  CHECK(world.status("GET", "/barrio/v1/usage?format=xml", "ops") == 400);
  const auto metrics = world.ask("GET", "/metrics").body;
  CHECK(has_text(metrics, "barrio_control_usage_shipments_total 1"));
  CHECK(has_text(metrics, "barrio_control_usage_duplicates_total 1"));
}

TEST_CASE("the console is served with its type, its policy and an ETag; the live page may be open") {
  HttpConfig http;
  http.open_console = true;
  http.assets = {{"/index.html", {"text/html; charset=utf-8", "<html>", "\"1\""}},
                 {"/assets/app.js", {"text/javascript", "x", "\"2\""}}};
  http.content_security_policy = "default-src 'none'";
  HttpWorld world(http);
  CHECK(world.status("GET", "/barrio/v1/live") == 200);
  CHECK(world.status("PUT", "/barrio/v1/buckets/frames", {}, R"({"name":"frames","location":"ES"})") == 401);
  // How much there is, and not whose.
  CHECK(world.status("GET", "/barrio/v1/buckets") == 401);
  CHECK(world.status("GET", "/barrio/v1/storage") == 200);
  CHECK(world.status("GET", "/barrio/v1/sites") == 401);
  auto page = world.ask("GET", "/");
  CHECK(page.body == "<html>");
  CHECK(*net::find_header(page.headers, "Content-Security-Policy") == "default-src 'none'");
  CHECK(has_text(std::string(*net::find_header(world.ask("GET", "/assets/app.js").headers, "Cache-Control")),
                 "immutable"));
  net::Request again;
  again.headers = {{"If-None-Match", "\"1\""}};
  CHECK(world.api.handle(again).status == 304);
  CHECK(world.status("GET", "/assets/none.js") == 404);
}

TEST_CASE("over a socket: a token, a deployment and what a site is told, each in its own fiber" *
          doctest::test_suite("threads")) {
  SocketWorld world;
  auto& [reactor, runtime, store, control, metrics, api, front, address] = world;
  net::Client client(reactor, {});
  runtime.spawn("test", [&] {
    auto ask = [&](net::Request request) {
      return adapters::fetch(runtime, client, address, request, runtime.now() + 20s);
    };
    CHECK(ask({"GET", "/healthz", {}, "", ""})->status == 503);  // before the start
    CHECK(control.start());
    auto token = ask({"POST",
                      "/oauth2/token",
                      {{"Content-Type", "application/x-www-form-urlencoded"}},
                      "grant_type=client_credentials&client_id=traffic&client_secret=traffic-secret",
                      ""});
    REQUIRE(token);
    const std::string bearer = "Bearer " + std::string(json_of(*token).at("access_token").as_string());
    auto made = ask({"PUT",
                     "/barrio/v1/apps/street",
                     {{"Authorization", bearer}},
                     print_json(to_json(people_app("street", "ES-PV"))),
                     ""});
    REQUIRE(made);
    CHECK(made->status == 201);
    CHECK(control.sync({SiteId::of("bio1"), 0, "", {}, {}})->run.size() == 1);
    reactor.stop();
  });
  reactor.run();
}

}  // namespace barrio::control::http_api_test
