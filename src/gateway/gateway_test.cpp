#include <doctest/doctest.h>
#include <unistd.h>

#include "api/oauth/token.h"
#include "api/oip/message.h"
#include "base/crypto.h"
#include "decide/routing/world_test.h"
#include "gateway/gateway.h"
#include "net/client.h"

namespace barrio::gateway::gateway_test {
namespace {

using decide::test::app_named;
using decide::test::site_at;

const AppKey street{TenantId::of("acme"), AppName::of("street")};
const AppKey basque{TenantId::of("acme"), AppName::of("private")};

class Vigo final : public ports::CoreNetwork {
 public:
  Result<DeviceLocation> locate(std::string_view) const override {
    return DeviceLocation{.place = "Vigo",
                          .location = {42.2, -8.7},
                          .access = Access::fibre,
                          .jurisdiction = *Jurisdiction::parse("ES-GA")};
  }
};

/// A replica that answers with its site's name and what reached it.
struct FakeReplica {
  net::MessageServer server;
  std::string path;
  net::Request last;
  int status = 200;
  net::OwnedHeaders fields = {};  // besides the usual ones

  FakeReplica(net::Reactor& reactor, const std::string& site)
      : server(reactor, {}, [this, site](net::Request request, net::Responder respond) {
          last = std::move(request);
          net::OwnedHeaders all = {{"Server-Timing", "queue;dur=1.5, compute;dur=20"}, {"Barrio-Load", "waiting=0"}};
          all.insert(all.end(), fields.begin(), fields.end());
          respond({status, std::move(all), site + " got " + std::to_string(last.body.size())});
        }) {
    path = "/tmp/barrio-gateway-test-" + std::to_string(::getpid()) + "-" + site;
    ::unlink(path.c_str());
    REQUIRE(server.listen(*net::SocketAddress::parse("unix:" + path)));
  }
  ~FakeReplica() { ::unlink(path.c_str()); }
  ports::WorkloadStatus status_of(const AppKey& app, const std::string& site) const {
    ports::WorkloadStatus workload;
    workload.app = app;
    workload.report.id = replica_id(app, SiteId::of(site), 0);
    workload.report.phase = ReplicaPhase::ready;
    workload.endpoint = "unix:" + path;
    return workload;
  }
};

struct World {
  net::Reactor reactor;
  Registry registry;
  Vigo core;
  Es256Key key = *Es256Key::generate();
  FakeReplica bio_replica{reactor, "bio1"};
  FakeReplica mad_replica{reactor, "mad1"};
  std::unique_ptr<Gateway> bio;
  std::unique_ptr<Gateway> mad;
  net::SocketAddress bio_address;
  net::SocketAddress mad_address;
  net::Client client{reactor, {}};

  World() {
    bio = gateway("bio1", bio_address);
    mad = gateway("mad1", mad_address);
    auto snapshot = decide::test::snapshot_of({site_at("bio1", -2.9, "ES-PV"), site_at("mad1", -3.7)},
                                              {app_named("street"), app_named("private", "ES-PV")});
    for (App& app : snapshot->apps) app.spec.objective.latency = 5s;
    snapshot->keys = {api::verifying_key(key)};
    snapshot->gateways = {{"bio1", bio_address.str()}, {"mad1", mad_address.str()}};
    bio->set_local({bio_replica.status_of(street, "bio1"), bio_replica.status_of(basque, "bio1")});
    mad->set_local({mad_replica.status_of(street, "mad1")});
    for (auto* one : {bio.get(), mad.get()}) one->set_snapshot(snapshot);
    for (int i = 0; i < 5; ++i) reactor.turn(1ms);
  }
  std::unique_ptr<Gateway> gateway(const std::string& site, net::SocketAddress& address) {
    GatewayConfig config{
        .site = SiteId::of(site), .listen = *net::SocketAddress::parse("127.0.0.1:0"), .peer_secret = "s3cret"};
    config.replica_figures = [this](const AppKey& app, size_t lines, std::function<void(std::string)> answer) {
      reactor.post([text = app.str() + " " + std::to_string(lines), answer = std::move(answer)] { answer(text); });
    };
    auto made = std::make_unique<Gateway>(reactor, std::move(config), core, registry);
    const auto bound = made->start();
    REQUIRE(bound);
    address = *bound;
    return made;
  }
  std::string token(const std::string& role = "tenant", std::vector<std::string> scopes = {"barrio:infer"}) {
    const WallTime now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const std::string kid = api::verifying_key(key).kid;
    return "Bearer " +
           api::issue_token(key, kid, {.subject = "acme", .role = role, .scopes = scopes, .expires = now + 1h}, now);
  }
  net::Response ask(const net::SocketAddress& address, net::Request request) {
    std::optional<Result<net::Response>> answer;
    client.fetch(address, std::move(request), reactor.fresh_now() + 20s,
                 [&](Result<net::Response> got) { answer = std::move(got); });
    while (!answer) reactor.turn(10ms);
    REQUIRE(*answer);
    return **answer;
  }
  net::Response infer(const net::SocketAddress& address, const std::string& app, const std::string& authorization) {
    return ask(address, {.method = "POST",
                         .target = "/v2/models/" + app + "/infer",
                         .headers = {{"Authorization", authorization}, {"Barrio-Forwarded-By", "forged"}},
                         .body = std::string(100'000, 'x'),
                         .peer_ip = {}});
  }
};

std::string header(const net::Response& response, std::string_view name) {
  return std::string(net::find_header(response.headers, name).value_or(""));
}

TEST_CASE("a request is served by the local replica, and the answer says where and how fast") {
  World w;
  const net::Response answer = w.infer(w.bio_address, "street", w.token());
  CHECK(answer.status == 200);
  CHECK(answer.body == "bio1 got 100000");
  CHECK(header(answer, "Barrio-Served-By") == "bio1");
  CHECK(header(answer, "Barrio-Processed-In") == "ES-PV");
  CHECK(header(answer, "Server-Timing").find("queue;dur=1.500, compute;dur=20.000") != std::string::npos);
  CHECK(header(answer, "Barrio-Load").empty());
  CHECK(!net::find_header(w.bio_replica.last.headers, "Authorization"));
  CHECK(!net::find_header(w.bio_replica.last.headers, "Barrio-Forwarded-By"));
  CHECK(net::find_header(w.bio_replica.last.headers, "Barrio-Deadline-Ms"));
  const auto flows = w.bio->flows();
  REQUIRE(flows.size() == 1);
  CHECK(flows[0].place == "Vigo");
}

TEST_CASE("who may not ask is told why") {
  World w;
  const net::Response nonsense = w.infer(w.bio_address, "street", "Bearer nonsense");
  CHECK(nonsense.status == 401);
  CHECK(net::find_header(nonsense.headers, "WWW-Authenticate") == R"(Bearer realm="barrio", error="invalid_token")");
  const net::Response nobody = w.ask(w.bio_address, {.target = "/v2/models/street"});
  CHECK(nobody.status == 401);
  CHECK(net::find_header(nobody.headers, "WWW-Authenticate") == R"(Bearer realm="barrio")");
  CHECK(w.ask(w.bio_address, {.target = "/v2"}).body == api::print_server_metadata());
  CHECK(w.infer(w.bio_address, "street", w.token("tenant", {"barrio:apps:read"})).status == 403);
  CHECK(w.infer(w.bio_address, "street", w.token("operator")).status == 403);
  const net::Response unknown = w.infer(w.bio_address, "stret", w.token());
  CHECK(unknown.status == 404);
  CHECK(unknown.body.find("street") != std::string::npos);
  CHECK(w.ask(w.bio_address,
              {.method = "GET", .target = "/barrio/peer/v1/load", .headers = {}, .body = {}, .peer_ip = {}})
            .status == 403);
}

TEST_CASE("an app that this site may not read is refused with a permitted site") {
  World w;
  const net::Response answer = w.infer(w.mad_address, "private", w.token());
  CHECK(answer.status == 421);
  CHECK(header(answer, "Content-Type") == "application/problem+json");
  CHECK(answer.body.find("bio1") != std::string::npos);
}

TEST_CASE(
    "when the local replica is gone or cannot, another gateway serves; where none is permitted, it is a refusal") {
  World w;
  w.bio_replica.status = 503;
  const net::Response answer = w.infer(w.bio_address, "street", w.token());
  CHECK(answer.status == 200);
  CHECK(answer.body == "mad1 got 100000");
  CHECK(header(answer, "Barrio-Served-By") == "mad1");
  const net::Response refused = w.infer(w.bio_address, "private", w.token());
  CHECK(refused.status == 503);
  CHECK(header(refused, "Retry-After") == "1");
  CHECK(refused.body.find("ES-PV") != std::string::npos);
  w.mad.reset();
  CHECK(w.infer(w.bio_address, "street", w.token()).status == 503);
}

TEST_CASE("what the local replica declines goes to another gateway; where none is permitted, the device learns when") {
  World w;
  w.bio_replica.status = 429;
  w.bio_replica.fields = {{"Retry-After", "2"}, {"Barrio-Earliest-Ms", "45.500"}};
  const net::Response answer = w.infer(w.bio_address, "street", w.token());
  CHECK(answer.status == 200);
  CHECK(header(answer, "Barrio-Served-By") == "mad1");
  const net::Response declined = w.infer(w.bio_address, "private", w.token());
  CHECK(declined.status == 429);
  CHECK(header(declined, "Retry-After") == "2");
  CHECK(header(declined, "Barrio-Refused") == "overloaded");
  CHECK(declined.body.find("Barrio-Timeout-Ms: 45.500, or later") != std::string::npos);
  // Of a gateway that was asked by another, it is the same.
  w.mad_replica.status = 429;
  CHECK(w.infer(w.bio_address, "street", w.token()).status == 429);
}

TEST_CASE("an engine that gives requests up in its queue is busy, not broken: it is asked again the next time") {
  World w;
  w.bio_replica.status = 503;
  w.bio_replica.fields = {{"Retry-After", "1"}, {"Barrio-Refused", "overloaded"}};
  for (int i = 0; i < 10; ++i) {
    const net::Response given_up = w.infer(w.bio_address, "private", w.token());
    CHECK(given_up.status == 429);
    CHECK(header(given_up, "Barrio-Refused") == "overloaded");
  }
  w.bio_replica.status = 200;
  w.bio_replica.fields = {};
  CHECK(w.infer(w.bio_address, "private", w.token()).status == 200);
}

TEST_CASE("usage is counted where it was served, and apart from that where it was passed on") {
  World w;
  auto used = [&](Gateway& gateway) {
    Usage sum;
    for (const UsageRecord& record : gateway.cut_usage({})) {
      for (const UsageLine& line : record.lines) sum += line.usage;
    }
    return sum;
  };
  w.infer(w.bio_address, "street", w.token());
  w.infer(w.bio_address, "stret", w.token());
  Usage bio = used(*w.bio);
  CHECK(bio.served.requests == 1);
  CHECK(bio.served.bytes_in == 100'000);
  CHECK(bio.served.bytes_out == 15);  // "bio1 got 100000"
  CHECK(bio.served.compute_us > 0);
  CHECK(bio.forwarded.requests == 0);
  CHECK(bio.noted.refused == 0);

  w.bio_replica.status = 503;
  w.infer(w.bio_address, "street", w.token());
  w.infer(w.bio_address, "private", w.token());
  w.bio_replica.status = 500;
  w.infer(w.bio_address, "private", w.token());
  const Usage mad = used(*w.mad);
  CHECK(mad.served.requests == 1);
  CHECK(mad.served.bytes_in == 100'000);
  CHECK(mad.forwarded.requests + mad.noted.refused == 0);
  bio = used(*w.bio);  // the same period again: the journal has not said that it has it
  CHECK(bio.served.requests == 1);
  CHECK(bio.forwarded.requests == 0);
}

TEST_CASE("what was passed on, refused and failed is noted apart from what was served") {
  World w;
  w.bio_replica.status = 503;
  w.infer(w.bio_address, "street", w.token());
  w.infer(w.bio_address, "private", w.token());
  w.bio_replica.status = 500;
  w.infer(w.bio_address, "private", w.token());
  Usage usage;
  const auto records = w.bio->cut_usage({});
  for (const UsageLine& line : records.at(0).lines) usage += line.usage;
  CHECK(usage.served.requests == 0);
  CHECK(usage.served.bytes_in == 0);
  CHECK(usage.forwarded.requests == 1);
  CHECK(usage.forwarded.bytes_in == 100'000);
  CHECK(usage.forwarded.bytes_out == 15);
  CHECK(usage.noted.refused == 1);
  CHECK(usage.noted.failed == 1);
}

TEST_CASE("discovery lists permitted sites best first, and metrics count") {
  World w;
  w.infer(w.bio_address, "street", w.token());
  const net::Response found = w.ask(w.mad_address, {.method = "GET",
                                                    .target = "/barrio/v1/discovery?app=street",
                                                    .headers = {{"Authorization", w.token()}},
                                                    .body = {},
                                                    .peer_ip = {}});
  CHECK(found.status == 200);
  const auto json = parse_json(found.body);
  REQUIRE(json);
  CHECK(json->at("entries").as_array().size() == 2);
  CHECK(json->at("entries").at(0).at("site").as_string() == "mad1");
  CHECK(json->at("entries").at(0).at("gateway").as_string() == w.mad_address.str().c_str());
  const net::Response metrics =
      w.ask(w.bio_address, {.method = "GET", .target = "/metrics", .headers = {}, .body = {}, .peer_ip = {}});
  CHECK(metrics.body.find(
            "barrio_gateway_requests_total{site=\"bio1\",tenant=\"acme\",app=\"street\",class=\"2xx\"} 1") !=
        std::string::npos);
}

}  // namespace
TEST_CASE("a tenant reads what its replicas do, and their logs where the policy lets them go") {
  World world;
  const auto ask = [&](const std::string& query, const std::vector<std::string>& scopes) {
    return world.ask(world.bio_address, {.target = "/barrio/v1/replicas?" + query,
                                         .headers = {{"Authorization", world.token("tenant", scopes)}}});
  };
  const std::vector<std::string> reader = {"barrio:infer", "barrio:apps:read"};
  CHECK(ask("app=street", reader).body == "acme/street 0");
  CHECK(ask("app=street&lines=10", reader).body == "acme/street 10");  // the caller is in Vigo, the policy allows ES
  CHECK(ask("app=private", reader).body == "acme/private 0");
  const net::Response stays = ask("app=private&lines=10", reader);
  CHECK(stays.status == 403);
  CHECK(stays.body.find("logs_may_leave") != std::string::npos);
  CHECK(ask("app=street", {"barrio:infer"}).status == 403);
  CHECK(ask("app=street&lines=1001", reader).status == 400);
  CHECK(ask("app=none&lines=1", reader).status == 404);
  CHECK(ask("lines=1", reader).status == 400);
  CHECK(world.ask(world.bio_address, {.target = "/barrio/v1/replicas?app=street"}).status == 401);
}

}  // namespace barrio::gateway::gateway_test
