// Pages in browsers call apps: preflights and the fields of answers, over real sockets.

#include <doctest/doctest.h>
#include <unistd.h>

#include "api/oauth/api_key.h"
#include "decide/routing/world_test.h"
#include "gateway/gateway.h"
#include "net/client.h"

namespace barrio::gateway::cors_test {
namespace {

using decide::test::app_named;
using decide::test::site_at;

const std::string page = "https://app.example.com";
const std::string stranger = "https://evil.example";

class Nowhere final : public ports::CoreNetwork {
 public:
  Result<DeviceLocation> locate(std::string_view) const override { return fail(Code::not_found, "unknown"); }
};

CorsSpec cors_of_origins(std::vector<std::string> origins) {
  CorsSpec cors;
  for (const std::string& origin : origins) cors.origins.push_back(*WebOrigin::parse(origin));
  return cors;
}

/// bio1 forwards to mad1, whose replica says of itself that anybody may read it. Of acme's apps, "street" lets the page
/// in, "open" is public and lets all in, "closed" says nothing.
struct World {
  net::Reactor reactor;
  Registry registry;
  Nowhere core;
  api::NewApiKey key = api::make_api_key();
  std::vector<std::string> asked;  // of the replica
  net::MessageServer replica{
      reactor, {}, [this](const net::Request& request, net::Responder respond) {
        asked.push_back(request.method + " " + request.target);
        respond({200, {{"access-control-allow-origin", "*"}, {"Access-Control-Max-Age", "9"}}, "four"});
      }};
  std::shared_ptr<Snapshot> snapshot;
  net::SocketAddress bio_address;
  net::SocketAddress mad_address;
  std::unique_ptr<Gateway> bio;
  std::unique_ptr<Gateway> mad;
  net::Client client{reactor, {}};

  World() {
    bio = gateway("bio1", bio_address);
    mad = gateway("mad1", mad_address);
    snapshot = decide::test::snapshot_of({site_at("bio1", -2.9), site_at("mad1", -3.7)},
                                         {app_named("street"), app_named("open"), app_named("closed")});
    snapshot->apps[0].spec.cors = cors_of_origins({page});
    snapshot->apps[1].spec.access = *AppAccess::parse("public");
    snapshot->apps[1].spec.cors = cors_of_origins({"*"});
    snapshot->gateways = {{"bio1", bio_address.str()}, {"mad1", mad_address.str()}};
    snapshot->api_keys = {{key.id, TenantId::of("acme"), key.sha256, {"barrio:infer"}, 0}};
    const auto bound = replica.listen(*net::SocketAddress::parse("127.0.0.1:0"));
    REQUIRE(bound);
    std::vector<ports::WorkloadStatus> statuses;
    for (const App& app : snapshot->apps) {
      ports::WorkloadStatus status;
      status.app = app.key();
      status.report.id = replica_id(app.key(), SiteId::of("mad1"), 0);
      status.report.phase = ReplicaPhase::ready;
      status.endpoint = bound->str();
      statuses.push_back(status);
    }
    bio->set_local({});
    mad->set_local(statuses);
    publish();
  }
  std::unique_ptr<Gateway> gateway(const std::string& site, net::SocketAddress& address) {
    GatewayConfig config{.site = SiteId::of(site), .listen = *net::SocketAddress::parse("127.0.0.1:0")};
    config.peer_secret = "s3cret";
    auto made = std::make_unique<Gateway>(reactor, config, core, registry);
    const auto bound = made->start();
    REQUIRE(bound);
    address = *bound;
    return made;
  }
  void publish() {
    for (auto* one : {bio.get(), mad.get()}) one->set_snapshot(std::make_shared<const Snapshot>(*snapshot));
    for (int i = 0; i < 5; ++i) reactor.turn(1ms);
  }
  net::Response ask(const net::SocketAddress& at, net::Request request) {
    std::optional<net::Response> answer;
    client.fetch(at, std::move(request), reactor.fresh_now() + 10s,
                 [&](Result<net::Response> got) { answer = got ? *got : net::Response{0, {}, {}}; });
    const Time limit = reactor.fresh_now() + 10s;
    while (!answer && reactor.now() < limit) reactor.turn(10ms);
    REQUIRE(answer);
    return *answer;
  }
  net::Response preflight(const std::string& target, const std::string& origin, const std::string& host = "") {
    net::Request request{.method = "OPTIONS",
                         .target = target,
                         .headers = {{"Origin", origin},
                                     {"Access-Control-Request-Method", "POST"},
                                     {"Access-Control-Request-Headers", "authorization,content-type"}}};
    if (!host.empty()) request.headers.emplace_back("Host", host);
    return ask(bio_address, std::move(request));
  }
  net::Response get(const net::SocketAddress& at, const std::string& target, const std::string& origin,
                    bool with_key = true) {
    net::Request request{.target = target};
    if (!origin.empty()) request.headers.emplace_back("Origin", origin);
    if (with_key) request.headers.emplace_back("Authorization", "Bearer " + key.text);
    return ask(at, std::move(request));
  }
};

std::string field(const net::Response& answer, std::string_view name) {
  std::string all;
  for (const auto& [key, value] : answer.headers) {
    if (net::same_name(key, name)) all += (all.empty() ? "" : ", ") + value;
  }
  return all;
}

constexpr const char* allow_origin = "Access-Control-Allow-Origin";

}  // namespace

TEST_CASE("a preflight is answered without credentials and without the app, by every address of it") {
  World w;
  for (const std::string target :
       {"/apps/street/v1/chat/completions", "/apps/street.acme/x", "/v2/models/street/infer"}) {
    const auto answer = w.preflight(target, page);
    CHECK_MESSAGE(answer.status == 204, target);
    CHECK(answer.body.empty());
    CHECK(field(answer, allow_origin) == page);
    CHECK(field(answer, "Access-Control-Allow-Methods") == "POST");
    CHECK(field(answer, "Access-Control-Allow-Headers") == "authorization,content-type");
    CHECK(field(answer, "Access-Control-Max-Age") == "600");
    CHECK(field(answer, "Vary").find("Origin") == 0);
    CHECK(field(answer, "Access-Control-Allow-Credentials").empty());
  }
  CHECK(w.preflight("/x", page, "street.acme.apps.bio1").status == 204);
  CHECK(field(w.preflight("/apps/open.acme/x", stranger), allow_origin) == "*");
  CHECK(w.asked.empty());
}

TEST_CASE("a page that may not call hears so; an app that says nothing answers as ever, or its container does") {
  World w;
  const auto refused = w.preflight("/apps/street/x", stranger);
  CHECK(refused.status == 403);
  CHECK(refused.body.find("pages of https://evil.example may not call this app") != std::string::npos);
  CHECK(field(refused, allow_origin).empty());
  CHECK(w.preflight("/apps/closed/x", page).status == 401);
  CHECK(w.preflight("/apps/nobody/x", page).status == 401);
  CHECK(w.asked.empty());
  w.snapshot->apps[1].spec.cors.reset();
  w.publish();
  CHECK(field(w.preflight("/apps/open.acme/x", page), allow_origin) == "*");  // its own word
  CHECK(w.asked == std::vector<std::string>{"OPTIONS /x"});
}

TEST_CASE("answers say who may read them, once, in place of what the app says, also when they are forwarded") {
  World w;
  for (const auto& at : {w.bio_address, w.mad_address}) {
    const auto mine = w.get(at, "/apps/street/x", page);
    CHECK(mine.status == 200);
    CHECK(field(mine, allow_origin) == page);
    CHECK(field(mine, "Access-Control-Expose-Headers") == "*");
    CHECK(field(mine, "Access-Control-Max-Age").empty());
    CHECK(field(mine, "Vary") == "Origin");
    const auto other = w.get(at, "/apps/street/x", stranger);
    CHECK(other.status == 200);  // who asks is told by the key; what a page may read, by this
    CHECK(field(other, allow_origin).empty());
    CHECK(field(w.get(at, "/apps/street/x", ""), "Vary") == "Origin");
    CHECK(field(w.get(at, "/apps/closed/x", page), allow_origin) == "*");
  }
}

TEST_CASE("a page may read why its app did not answer") {
  World w;
  const auto nobody = w.get(w.bio_address, "/apps/street/x", page, false);
  CHECK(nobody.status == 401);
  CHECK(field(nobody, allow_origin) == page);
  w.mad->set_local({});
  w.snapshot->replicas.clear();
  w.publish();
  const auto none = w.get(w.bio_address, "/apps/street/x", page);
  CHECK(none.status == 503);
  CHECK(field(none, allow_origin) == page);
  CHECK(field(w.get(w.bio_address, "/apps/street/x", stranger), allow_origin).empty());
}

}  // namespace barrio::gateway::cors_test
