// What a gateway decides per request beyond routing, over real sockets: two gateways, a replica at each.

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>

#include "api/oauth/api_key.h"
#include "base/text.h"
#include "decide/routing/world_test.h"
#include "gateway/gateway.h"
#include "net/client.h"

namespace barrio::gateway::policy_test {
namespace {

using decide::test::app_named;
using decide::test::site_at;

const TenantId acme = TenantId::of("acme");
const AppKey street{acme, AppName::of("street")};

class Nowhere final : public ports::CoreNetwork {
 public:
  Result<DeviceLocation> locate(std::string_view) const override { return fail(Code::not_found, "unknown"); }
};

/// A replica that does as it is told, and remembers what reached it.
struct Replica final : net::ExchangeHandler {
  enum class Does { answer, hold, abort };
  std::string path;
  Does does = Does::answer;
  int status = 200;
  int asked = 0;
  int given_up = 0;  // by who asked
  std::string method, target, body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<net::Exchange*> held;
  net::Server server;  // ends first: it closes what is held

  Replica(net::Reactor& reactor, const std::string& site)
      : path("/tmp/barrio-policy-test-" + std::to_string(::getpid()) + "-" + site),
        server(reactor, {.body_bytes = UINT64_MAX}, *this) {
    ::unlink(path.c_str());
    REQUIRE(server.listen(*net::SocketAddress::parse("unix:" + path)));
  }
  ~Replica() { ::unlink(path.c_str()); }

  void on_head(net::Exchange& exchange) override {
    ++asked;
    const net::RequestHead& head = exchange.request();
    method = head.method;
    target = head.target;
    body.clear();
    headers.clear();
    for (const net::Header& header : head.headers) headers.emplace_back(header.name, header.value);
  }
  void on_body(net::Exchange&, std::string_view piece) override { body += piece; }
  void on_end(net::Exchange& exchange) override {
    if (does == Does::abort) return exchange.abort();
    if (does == Does::hold) return held.push_back(&exchange);
    exchange.reply(status, {}, "body of " + std::to_string(body.size()));
  }
  void on_writable(net::Exchange&) override {}
  void on_closed(net::Exchange& exchange, bool aborted) override {
    given_up += aborted && std::erase(held, &exchange) > 0 ? 1 : 0;
  }
  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (net::same_name(key, name)) return value;
    }
    return "";
  }
};

struct World {
  net::Reactor reactor;
  Registry registry;
  Nowhere core;
  api::NewApiKey key = api::make_api_key();
  Replica here{reactor, "bio1"};
  Replica there{reactor, "mad1"};
  std::shared_ptr<Snapshot> snapshot;
  std::unique_ptr<Gateway> bio;
  std::unique_ptr<Gateway> mad;
  net::SocketAddress bio_address;
  net::SocketAddress mad_address;
  net::Client client{reactor, {}};
  WallTime wall = *parse_wall_time("2026-11-27T12:00:00Z");

  explicit World(LimitsConfig limits = {}) {
    bio = gateway("bio1", limits, bio_address);
    mad = gateway("mad1", limits, mad_address);
    snapshot = decide::test::snapshot_of({site_at("bio1", -2.9), site_at("mad1", -3.7)},
                                         {app_named("street"), app_named("open")});
    snapshot->apps[0].spec.objective.latency = 5s;
    snapshot->apps[1].spec.objective.latency = 5s;
    snapshot->apps[1].spec.access = *AppAccess::parse("public");
    snapshot->gateways = {{"bio1", bio_address.str()}, {"mad1", mad_address.str()}};
    snapshot->api_keys = {{key.id, acme, key.sha256, {"barrio:infer"}, 0}};
    run(*bio, here, "bio1", true);
    run(*mad, there, "mad1", true);
    publish();
  }
  std::unique_ptr<Gateway> gateway(const std::string& site, LimitsConfig limits, net::SocketAddress& address) {
    GatewayConfig config{.site = SiteId::of(site), .listen = *net::SocketAddress::parse("127.0.0.1:0")};
    config.peer_secret = "s3cret";
    config.policy = limits;
    config.wall = [this] { return wall; };
    auto made = std::make_unique<Gateway>(reactor, config, core, registry);
    const auto bound = made->start();
    REQUIRE(bound);
    address = *bound;
    return made;
  }
  /// A snapshot is immutable: gateways get a copy.
  void publish() {
    for (auto* one : {bio.get(), mad.get()}) one->set_snapshot(std::make_shared<const Snapshot>(*snapshot));
    for (int i = 0; i < 5; ++i) reactor.turn(1ms);
  }
  void run(Gateway& at, const Replica& replica, const std::string& site, bool ready) {
    std::vector<ports::WorkloadStatus> statuses;
    for (const AppKey& app : {street, AppKey{acme, AppName::of("open")}}) {
      ports::WorkloadStatus status;
      status.app = app;
      status.report.id = replica_id(app, SiteId::of(site), 0);
      status.report.phase = ready ? ReplicaPhase::ready : ReplicaPhase::starting;
      status.endpoint = "unix:" + replica.path;
      statuses.push_back(status);
    }
    at.set_local(statuses);
    for (int i = 0; i < 5; ++i) reactor.turn(1ms);
  }
  /// Only mad1 has replicas: what enters at bio1 is forwarded.
  void only_there() { run(*bio, here, "bio1", false); }

  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(10ms);
    REQUIRE(done());
  }
  using Answer = std::shared_ptr<std::optional<Result<net::Response>>>;
  Answer send(net::Request request) {
    auto answer = std::make_shared<std::optional<Result<net::Response>>>();
    client.fetch(bio_address, std::move(request), reactor.fresh_now() + 20s,
                 [answer](Result<net::Response> got) { *answer = std::move(got); });
    return answer;
  }
  net::Response wait(const Answer& answer) {
    until([&] { return answer->has_value(); });
    REQUIRE_MESSAGE(**answer, (**answer ? "" : (**answer).error().text()));
    return ***answer;
  }
  net::Request infer(net::OwnedHeaders more = {}) const {
    more.emplace_back("x-api-key", key.text);
    return {.method = "POST",
            .target = "/v2/models/street/infer",
            .headers = std::move(more),
            .body = "frame",
            .peer_ip = {}};
  }
  net::Request app(const std::string& method, const std::string& target, net::OwnedHeaders more = {}) const {
    return {.method = method,
            .target = target,
            .headers = std::move(more),
            .body = method == "POST" ? "form" : "",
            .peer_ip = {}};
  }
  net::Response ask(net::Request request) { return wait(send(std::move(request))); }
  std::string metrics() { return ask(app("GET", "/metrics")).body; }
};

std::string header(const net::Response& response, std::string_view name) {
  return std::string(net::find_header(response.headers, name).value_or(""));
}
Json problem(const net::Response& response) {
  auto json = parse_json(response.body);
  REQUIRE_MESSAGE(json, response.body);
  return *json;
}
bool has(const std::string& text, std::string_view piece) {
  return text.find(piece) != std::string::npos;
}

/// Of all series of a counter.
double total_of(const std::string& exposition, std::string_view name) {
  double sum = 0;
  for (size_t at = exposition.find(name); at != std::string::npos; at = exposition.find(name, at + 1)) {
    const bool series =
        (at == 0 || exposition[at - 1] == '\n') && exposition.find_first_of("{ ", at) == at + name.size();
    if (series) sum += std::stod(exposition.substr(exposition.find("} ", at) + 2));
  }
  return sum;
}

/// Sees the head of an answer to a request whose body was never sent.
struct HeadOnly final : net::CallHandler {
  int status = 0;
  bool over = false;
  void on_head(const net::ResponseHead& head) override { status = head.status; }
  void on_body(std::string_view) override {}
  void on_done() override { over = true; }
  void on_error(net::CallError) override { over = true; }
  void on_writable() override {}
};

int status_without_body(World& w) {
  HeadOnly early;
  const std::vector<net::Header> headers = {{"x-api-key", w.key.text}};
  w.client.start(w.bio_address,
                 {.method = "POST",
                  .target = "/v2/models/street/infer",
                  .headers = headers,
                  .length = 1'000'000,
                  .deadline = w.reactor.now() + 10s},
                 early);
  w.until([&] { return early.over; });
  return early.status;
}

TEST_CASE("a credential does not end before its time where a site's clock runs ahead of control's") {
  World w;
  w.snapshot->api_keys[0].expires = std::chrono::floor<std::chrono::seconds>(w.wall.time_since_epoch()).count() + 60;
  w.publish();
  const WallTime control = w.wall;
  CHECK(w.ask(w.infer()).status == 200);
  w.wall += 10min;
  CHECK(w.ask(w.infer()).status == 401);
  w.bio->hear_control_time(control);
  CHECK(w.ask(w.infer()).status == 200);
  w.bio->hear_control_time(control + 1h);
  CHECK(w.ask(w.infer()).status == 401);
}

TEST_CASE("over a tenant's rate: 429 that names the limit, its value and when to come again, before the body is read") {
  World w;
  w.snapshot->quotas["acme"] = {.requests_per_second = 0.1, .burst = 2};
  w.publish();
  CHECK(w.ask(w.infer()).status == 200);
  CHECK(w.ask(w.infer()).status == 200);
  const net::Response refused = w.ask(w.infer());
  CHECK(refused.status == 429);
  CHECK(header(refused, "Retry-After") == "10");
  CHECK(problem(refused).at("reason") == "rate_limited");
  CHECK(problem(refused).at("limit") == "tenant_rate");
  CHECK(problem(refused).at("value") == "0.1");
  CHECK(status_without_body(w) == 429);
  CHECK(w.here.asked == 2);
  CHECK(has(w.metrics(), "barrio_gateway_limited_total{site=\"bio1\",limit=\"tenant_rate\"} 2"));
}

TEST_CASE(
    "at its spend cap a tenant is refused before the body is read, told the cap and when it ends, until it does") {
  World w;
  const WallTime december = *parse_wall_time("2026-12-01T00:00:00Z");
  w.snapshot->spend_stops["acme"] = {*Euros::parse("100EUR"), december};
  w.publish();
  const net::Response refused = w.ask(w.infer());
  CHECK(refused.status == 429);
  CHECK(header(refused, "Retry-After") == std::to_string(84 * 3600));
  CHECK(header(refused, "Barrio-Refused") == "spend_cap");
  CHECK(problem(refused).at("limit") == "spend_cap");
  CHECK(problem(refused).at("value") == "100.00EUR");
  CHECK(problem(refused).at("detail") ==
        "tenant acme has spent its cap of 100.00EUR for this month; it may go on from 2026-12-01T00:00:00.000Z on");
  CHECK(status_without_body(w) == 429);
  CHECK(has(w.metrics(), "barrio_gateway_limited_total{site=\"bio1\",limit=\"spend_cap\"} 2"));
  // Without another word from control.
  w.wall = december - 1ms;
  CHECK(header(w.ask(w.infer()), "Retry-After") == "1");
  CHECK(w.here.asked == 0);
  w.wall = december;
  CHECK(w.ask(w.infer()).status == 200);
  w.wall = december - 1h;
  w.snapshot->spend_stops.clear();
  w.publish();
  CHECK(w.ask(w.infer()).status == 200);
}

TEST_CASE("a spend cap holds for apps by path and for gRPC, each in its form; strangers are not told how much it is") {
  World w;
  w.snapshot->spend_stops["acme"] = {*Euros::parse("100EUR"), *parse_wall_time("2026-12-01T00:00:00Z")};
  w.publish();
  const net::Response by_path = w.ask(w.app("POST", "/apps/street/orders", {{"x-api-key", w.key.text}}));
  CHECK(by_path.status == 429);
  CHECK(problem(by_path).at("value") == "100.00EUR");
  const net::Response anybody = w.ask(w.app("GET", "/apps/open.acme/"));
  CHECK(anybody.status == 429);
  CHECK(problem(anybody).at("reason") == "spend_cap");
  CHECK(!has(anybody.body, "100"));
  const net::Response grpc =
      w.ask(w.app("POST", "/apps/street/a.Service/Call",
                  {{"x-api-key", w.key.text}, {"Content-Type", "application/grpc"}, {"TE", "trailers"}}));
  CHECK(grpc.status == 200);
  CHECK(header(grpc, "Grpc-Status") == "8");
  CHECK(header(grpc, "Barrio-Reason") == "spend_cap");
  CHECK(has(header(grpc, "Grpc-Message"), "100.00EUR"));
  CHECK(w.here.asked + w.there.asked == 0);
}

TEST_CASE(
    "what entered elsewhere was let in there: a gateway that knows of the cap first serves what comes from another") {
  World w;
  w.only_there();
  auto known = std::make_shared<Snapshot>(*w.snapshot);
  known->spend_stops["acme"] = {*Euros::parse("100EUR"), *parse_wall_time("2026-12-01T00:00:00Z")};
  w.mad->set_snapshot(known);
  CHECK(w.ask(w.infer()).status == 200);
  CHECK(w.there.asked == 1);
}

TEST_CASE("an app's own rate is enforced, and its tenant's other app goes on") {
  World w;
  w.snapshot->apps[0].spec.limits = AppLimits{.requests_per_second = 0.1, .burst = 1, .body_bytes = {}};
  w.publish();
  CHECK(w.ask(w.infer()).status == 200);
  const net::Response refused = w.ask(w.infer());
  CHECK(refused.status == 429);
  CHECK(problem(refused).at("limit") == "app_rate");
  CHECK(w.ask(w.app("GET", "/apps/open.acme/")).status == 200);
}

TEST_CASE("requests in flight of a tenant are limited, and an answer makes room for the next") {
  World w;
  w.snapshot->quotas["acme"] = {.in_flight = 1};
  w.publish();
  w.here.does = Replica::Does::hold;
  const auto first = w.send(w.infer());
  w.until([&] { return w.here.held.size() == 1; });
  const net::Response refused = w.ask(w.infer());
  CHECK(refused.status == 429);
  CHECK(header(refused, "Retry-After") == "1");
  CHECK(problem(refused).at("reason") == "too_many_in_flight");
  w.here.does = Replica::Does::answer;
  w.here.held.front()->reply(200, {}, "done");
  CHECK(w.wait(first).status == 200);
  CHECK(w.ask(w.infer()).status == 200);
}

TEST_CASE("a device that leaves makes room for the next, wherever it is served and whatever it speaks") {
  for (const bool forwarded : {false, true}) {
    for (const net::Protocol protocol : {net::Protocol::http1, net::Protocol::http2}) {
      World w;
      w.snapshot->quotas["acme"] = {.in_flight = 1};
      w.publish();
      if (forwarded) w.only_there();
      Replica& replica = forwarded ? w.there : w.here;
      replica.does = Replica::Does::hold;
      HeadOnly deaf;
      net::Endpoint gateway(w.bio_address);
      gateway.protocol = protocol;
      const std::vector<net::Header> headers = {{"x-api-key", w.key.text}};
      const Time began = w.reactor.fresh_now();
      net::Call& call = w.client.start(gateway,
                                       {.method = "POST",
                                        .target = "/v2/models/street/infer",
                                        .headers = headers,
                                        .length = 0,
                                        .deadline = began + 1h},
                                       deaf);
      w.until([&] { return replica.held.size() == 1; });
      CHECK(w.ask(w.infer()).status == 429);
      call.cancel();
      w.until([&] { return replica.given_up == 1; });
      CHECK(w.reactor.fresh_now() - began < 2s);
      replica.does = Replica::Does::answer;
      CHECK(w.ask(w.infer()).status == 200);
      CHECK(total_of(w.metrics(), "barrio_gateway_device_left_total") == (forwarded ? 2 : 1));
    }
  }
}

TEST_CASE("a busy gateway answers 503 to whoever holds its share") {
  World w({.most_in_flight = 2});
  w.here.does = w.there.does = Replica::Does::hold;
  const std::vector<World::Answer> open = {w.send(w.infer()), w.send(w.infer())};
  w.until([&] { return w.here.held.size() + w.there.held.size() == 2; });
  const net::Response refused = w.ask(w.infer());
  CHECK(refused.status == 503);
  CHECK(header(refused, "Retry-After") == "1");
  CHECK(problem(refused).at("reason") == "overloaded");
  CHECK(problem(refused).at("limit") == "fair_share");
}

TEST_CASE("a tenant that has its share of the way to another gateway leaves the rest of it to others") {
  World w({.most_to_peer = 2});
  w.snapshot->apps.push_back(app_named("street"));
  w.snapshot->apps.back().tenant = TenantId::of("rival");
  w.snapshot->apps.back().spec.access = *AppAccess::parse("public");
  w.snapshot->apps.back().spec.objective.latency = 5s;
  w.snapshot->replicas.push_back({ReplicaId::of("rival-street"),
                                  {TenantId::of("rival"), AppName::of("street")},
                                  SiteId::of("mad1"),
                                  ReplicaPhase::ready});
  w.publish();
  w.only_there();
  w.there.does = Replica::Does::hold;
  const std::vector<World::Answer> open = {w.send(w.infer()), w.send(w.infer())};
  w.until([&] { return w.there.held.size() == 2; });
  const net::Response refused = w.ask(w.infer());
  CHECK(refused.status == 503);
  CHECK(problem(refused).at("reason") == "overloaded");
  CHECK(has(w.metrics(), "barrio_gateway_limited_total{site=\"bio1\",limit=\"peer_share\"} 1"));
  // The other tenant's request reaches the other gateway, which has no replica for it.
  const net::Response other = w.ask(w.app("GET", "/apps/street.rival/"));
  CHECK(problem(other).at("reason") != "rate_limited");
  CHECK(total_of(w.metrics(), "barrio_gateway_forwards_total") == 3);
}

TEST_CASE("a body over the tenant's or the app's limit is refused with 413, its length announced or not") {
  World w;
  w.snapshot->quotas["acme"] = {.body_bytes = Bytes(1000)};
  w.publish();
  net::Request request = w.infer();
  request.body = std::string(1001, 'x');
  const net::Response refused = w.ask(request);
  CHECK(refused.status == 413);
  CHECK(problem(refused).at("limit") == "tenant_body");
  CHECK(problem(refused).at("value") == "1kB");
  request.body = std::string(1000, 'x');
  CHECK(w.ask(request).body == "body of 1000");
  w.snapshot->apps[0].spec.limits = AppLimits{.requests_per_second = {}, .burst = {}, .body_bytes = Bytes(10)};
  w.publish();
  HeadOnly chunked;
  const std::vector<net::Header> headers = {{"x-api-key", w.key.text}};
  net::Call& call = w.client.start(w.bio_address,
                                   {.method = "POST",
                                    .target = "/v2/models/street/infer",
                                    .headers = headers,
                                    .length = std::nullopt,
                                    .deadline = w.reactor.now() + 10s},
                                   chunked);
  call.write("0123456789a");
  w.until([&] { return chunked.over; });
  CHECK(chunked.status == 413);
  CHECK(has(w.metrics(), "barrio_gateway_limited_total{site=\"bio1\",limit=\"app_body\"} 1"));
}

TEST_CASE("over the memory for kept bodies a request goes on, but is not sent a second time") {
  World w({.kept_bodies = Bytes(1000), .kept_bodies_tenant = Bytes(1000)});
  w.here.does = Replica::Does::abort;
  net::Request small = w.infer();
  small.body = std::string(1000, 'x');
  CHECK(w.ask(small).body == "body of 1000");  // from mad1
  World fresh({.kept_bodies = Bytes(1000), .kept_bodies_tenant = Bytes(1000)});
  fresh.here.does = Replica::Does::abort;
  net::Request large = fresh.infer();
  large.body = std::string(1001, 'x');
  CHECK(fresh.ask(large).status == 503);
  CHECK(fresh.there.asked == 0);
  CHECK(has(fresh.metrics(), "barrio_gateway_limited_total{site=\"bio1\",limit=\"kept_bodies\"} 1"));
}

TEST_CASE("a body of any length that is sent a second time is the same, whatever was read meanwhile") {
  for (const size_t size : {20'000, 60'000, 100'000, 300'000, 1'000'000}) {
    World w;
    net::Request large = w.infer();
    large.body.clear();
    for (size_t at = 0; at < size; ++at) large.body += static_cast<char>('a' + (at * 3 + at / 251) % 26);
    w.here.does = Replica::Does::hold;
    const World::Answer answer = w.send(large);
    w.until([&] { return w.here.held.size() == 1; });
    w.here.does = Replica::Does::answer;
    net::Request other = w.infer();
    other.body = std::string(size, 'x');
    for (int i = 0; i < 3; ++i) CHECK(w.ask(other).status == 200);
    w.here.held.front()->abort();
    CHECK(w.wait(answer).body == "body of " + std::to_string(size));
    CHECK(w.there.body == large.body);  // mad1's
  }
}

TEST_CASE("an API key serves until the snapshot without it, and never reaches a replica") {
  World w;
  CHECK(w.ask(w.infer()).status == 200);
  CHECK(w.here.header("x-api-key").empty());
  w.only_there();
  CHECK(w.ask(w.infer({{"Authorization", "Bearer " + w.key.text}})).status == 200);
  CHECK(w.there.header("x-api-key").empty());
  CHECK(w.there.header("Authorization").empty());
  w.snapshot->api_keys.clear();
  w.publish();
  CHECK(w.ask(w.infer()).status == 401);
}

TEST_CASE("at the deadline the device gets 504 and the replica's work is cancelled, here and through another gateway") {
  for (const bool forwarded : {false, true}) {
    World w;
    if (forwarded) w.only_there();
    Replica& replica = forwarded ? w.there : w.here;
    replica.does = Replica::Does::hold;
    const Time before = w.reactor.fresh_now();
    const net::Response late = w.ask(w.infer({{"Barrio-Timeout-Ms", "200"}}));
    CHECK(late.status == 504);
    CHECK(w.reactor.fresh_now() - before >= 190ms);
    CHECK(w.reactor.fresh_now() - before < 3s);
    w.until([&] { return replica.given_up == 1; });
    const auto left = parse_double(replica.header("Barrio-Deadline-Ms"));
    REQUIRE(left);
    CHECK(*left <= 200);
    CHECK(*left > 0);
  }
}

TEST_CASE("a request that ran out of its time is refused as ours, and the next one is served where the app is") {
  World w;
  for (App& app : w.snapshot->apps) app.spec.objective.latency = 50ms;  // a deadline of 150 ms
  std::erase_if(w.snapshot->replicas,
                [](const barrio::Replica& replica) { return replica.site == SiteId::of("bio1"); });
  w.publish();
  w.only_there();
  // Each has heard the other: of a site that never spoke a request that is late is a sign.
  w.until([&] { return total_of(w.metrics(), "barrio_gateway_peers_up") == 2; });
  for (const char* timeout : {"", "40"}) {
    w.there.does = Replica::Does::hold;
    net::OwnedHeaders fields;
    if (*timeout != '\0') fields.emplace_back("Barrio-Timeout-Ms", timeout);
    // Two at a time: more that get no answer would be a crowd.
    for (int round = 0; round < 2; ++round) {
      std::vector<World::Answer> late;
      for (int i = 0; i < 2; ++i) late.push_back(w.send(w.infer(fields)));
      for (const World::Answer& one : late) {
        const net::Response refused = w.wait(one);
        CHECK(refused.status == 504);
        CHECK(header(refused, "Barrio-Refused") == "objective");
        CHECK(problem(refused).at("reason") == "objective");
      }
    }
    w.there.does = Replica::Does::answer;
    const net::Response next = w.ask(w.infer());
    CHECK_MESSAGE(next.status == 200, next.body);
  }
}

TEST_CASE("another gateway's refusals that the device gets are told from an app's answers") {
  World w;
  w.only_there();
  auto strict = std::make_shared<Snapshot>(*w.snapshot);
  strict->quotas["acme"] = {.body_bytes = Bytes(3)};
  w.mad->set_snapshot(strict);
  for (int i = 0; i < 5; ++i) w.reactor.turn(1ms);
  const net::Response refused = w.ask(w.infer());
  CHECK(refused.status == 413);
  CHECK(header(refused, "Barrio-Refused") == "body_too_long");
}

TEST_CASE("a body over the default limit is refused in the gateway's words, announced or not, and on HTTP/2") {
  World w;
  net::Request request = w.infer();
  request.body = std::string(16 * 1024 * 1024 + 1, 'x');
  const net::Response refused = w.ask(request);
  CHECK(refused.status == 413);
  CHECK(header(refused, "Barrio-Refused") == "body_too_long");
  CHECK(problem(refused).at("limit") == "tenant_body");
  const std::vector<net::Header> headers = {{"x-api-key", w.key.text}};
  for (const net::Protocol protocol : {net::Protocol::http1, net::Protocol::http2}) {
    HeadOnly long_one;
    net::Endpoint endpoint = w.bio_address;
    endpoint.protocol = protocol;
    net::Call& call = w.client.start(endpoint,
                                     {.method = "POST",
                                      .target = "/v2/models/street/infer",
                                      .headers = headers,
                                      .length = std::nullopt,
                                      .deadline = w.reactor.now() + 10s},
                                     long_one);
    call.write(request.body);
    w.until([&] { return long_one.over; });
    CHECK(long_one.status == 413);
  }
  CHECK(has(w.metrics(), "barrio_gateway_limited_total{site=\"bio1\",limit=\"tenant_body\"} 3"));
  w.snapshot->quotas["acme"] = {.body_bytes = mib(17)};
  w.publish();
  HeadOnly taken;
  net::Call& call = w.client.start(w.bio_address,
                                   {.method = "POST",
                                    .target = "/v2/models/street/infer",
                                    .headers = headers,
                                    .length = request.body.size(),
                                    .deadline = w.reactor.now() + 10s},
                                   taken);
  w.until([&] { return w.here.asked == 3 || taken.over; });  // it is on its way to a replica
  CHECK_FALSE(taken.over);
  call.cancel();
}

TEST_CASE("grpc-timeout counts like Barrio-Timeout-Ms and goes on with what is left; a malformed one is 400") {
  World w;
  CHECK(w.ask(w.infer({{"grpc-timeout", "2S"}, {"Content-Type", "application/grpc"}})).status == 200);
  CHECK(w.here.header("grpc-timeout").ends_with("u"));
  CHECK(*parse_double(w.here.header("Barrio-Deadline-Ms")) <= 2000);
  CHECK(w.ask(w.infer({{"grpc-timeout", "2S"}})).status == 200);
  CHECK(w.here.header("grpc-timeout").empty());
  CHECK(w.ask(w.infer({{"grpc-timeout", "0n"}})).status == 504);
  const net::Response bad = w.ask(w.infer({{"grpc-timeout", "2s"}}));
  CHECK(bad.status == 400);
  CHECK(has(bad.body, "grpc-timeout"));
  CHECK(w.ask(w.infer({{"Barrio-Timeout-Ms", "soon"}})).status == 400);
  CHECK(w.ask(w.infer({{"Barrio-Deadline-Ms", "2000"}})).status == 200);
  CHECK(*parse_double(w.here.header("Barrio-Deadline-Ms")) <= 2000);
  const net::Response negative = w.ask(w.infer({{"Barrio-Deadline-Ms", "-1"}}));
  CHECK(negative.status == 400);
  CHECK(has(negative.body, "Barrio-Deadline-Ms"));
  const net::Response none_left = w.ask(w.infer({{"Barrio-Timeout-Ms", "0"}}));
  CHECK(none_left.status == 504);
  CHECK(has(none_left.body, "no time is left"));
  CHECK(w.here.asked == 3);
}

TEST_CASE("what a device says about forwarding counts for nothing: no wrong deadline, no free pass") {
  World w;
  w.only_there();
  const net::OwnedHeaders forged = {
      {"Barrio-Forwarded-By", "mad1"}, {"Barrio-Peer", "guess"}, {"Barrio-Deadline-Ms", "900000"}};
  CHECK(w.ask(w.infer(forged)).status == 200);
  CHECK(w.there.asked == 1);
  CHECK(*parse_double(w.there.header("Barrio-Deadline-Ms")) <= 15'000);
  w.snapshot->quotas["acme"] = {.requests_per_second = 0.1, .burst = 1};
  w.publish();
  CHECK(w.ask(w.infer(forged)).status == 200);
  CHECK(w.ask(w.infer(forged)).status == 429);
}

TEST_CASE("a forwarded request is never forwarded again: where nobody can serve, each gateway is asked once") {
  World w;
  w.only_there();
  w.run(*w.mad, w.there, "mad1", false);  // bio1 believes the snapshot: mad1 is ready
  const net::Response refused = w.ask(w.infer());
  CHECK(refused.status == 503);
  CHECK(header(refused, "Barrio-Refused") == problem(refused).at("reason").as_string().c_str());
  const std::string metrics = w.metrics();
  CHECK(total_of(metrics, "barrio_gateway_forwards_total") == 1);
}

TEST_CASE(
    "by path: the prefix is cut off and told, with who asked; credentials and lies about the way are not passed") {
  World w;
  const net::OwnedHeaders headers = {{"Authorization", "Bearer " + w.key.text},
                                     {"Host", "gateway.example"},
                                     {"X-Forwarded-For", "6.6.6.6"},
                                     {"Forwarded", "for=6.6.6.6"},
                                     {"X-Real-IP", "6.6.6.6"},
                                     {"Barrio-Anything", "x"},
                                     {"x-api-key", "the-app's-own"},
                                     {"X-Mine", "passes"}};
  for (const bool forwarded : {false, true}) {
    if (forwarded) w.only_there();
    const Replica& replica = forwarded ? w.there : w.here;
    const net::Response answer = w.ask(w.app("POST", "/apps/street/a/b?c=d", headers));
    CHECK(answer.status == 200);
    CHECK(answer.body == "body of 4");
    CHECK(header(answer, "Barrio-Served-By") == (forwarded ? "mad1" : "bio1"));
    CHECK(replica.method == "POST");
    CHECK(replica.target == "/a/b?c=d");
    CHECK(replica.header("X-Forwarded-Prefix") == "/apps/street");
    CHECK(replica.header("X-Forwarded-For") == "127.0.0.1");
    CHECK(replica.header("X-Forwarded-Proto") == "http");
    CHECK(replica.header("X-Forwarded-Host") == "gateway.example");
    CHECK(replica.header("Host") == "gateway.example");
    CHECK(replica.header("X-Mine") == "passes");
    CHECK(replica.header("x-api-key") == "the-app's-own");
    for (const char* gone : {"Authorization", "Forwarded", "X-Real-IP", "Barrio-Anything", "Barrio-Peer"}) {
      CHECK_MESSAGE(replica.header(gone).empty(), gone);
    }
  }
}

TEST_CASE("by host: any path of a public app is open to all, and goes to it as it is, also by another gateway") {
  World w;
  const net::OwnedHeaders host = {{"Host", "open.acme.apps.bio1.example:8080"}};
  for (const bool forwarded : {false, true}) {
    if (forwarded) w.only_there();
    const Replica& replica = forwarded ? w.there : w.here;
    CHECK(w.ask(w.app("DELETE", "/metrics?x", host)).status == 200);
    CHECK(replica.method == "DELETE");
    CHECK(replica.target == "/metrics?x");
    CHECK(replica.header("X-Forwarded-Prefix").empty());
    CHECK(replica.header("X-Forwarded-Host") == "open.acme.apps.bio1.example:8080");
    CHECK(replica.header("Host") == "open.acme.apps.bio1.example:8080");
  }
}

TEST_CASE("an answer to HEAD tells the length that the app tells, also by another gateway") {
  for (const bool forwarded : {false, true}) {
    World w;
    if (forwarded) w.only_there();
    const net::Response answer = w.ask(w.app("HEAD", "/apps/open.acme/x"));
    CHECK(answer.status == 200);
    CHECK(header(answer, "Content-Length") == "9");
    CHECK(answer.body.empty());
  }
}

TEST_CASE("a model's versions are the replica's to know; of statistics of all there are none") {
  World w;
  net::Request infer = w.infer();
  infer.target = "/v2/models/street/versions/3/infer";
  CHECK(w.ask(infer).status == 200);
  CHECK(w.here.target == infer.target);
  const net::OwnedHeaders mine = {{"x-api-key", w.key.text}};
  for (const char* asked : {"/v2/models/street/versions/1", "/v2/models/street/versions/1/ready"}) {
    CHECK(w.ask(w.app("GET", asked, mine)).status == 200);
    CHECK(w.here.target == asked);
  }
  for (const char* none : {"/v2/models/street/versions/", "/v2/models/street/versions/1/nothing", "/v2/models/stats"}) {
    const net::Response refused = w.ask(w.app("GET", none, mine));
    CHECK(refused.status == 404);
    CHECK(problem(refused).at("reason") == "not_found");
  }
  CHECK(w.here.asked == 3);
}

TEST_CASE("an app that is not public asks for its tenant's credentials") {
  World w;
  CHECK(w.ask(w.app("GET", "/", {{"Host", "street.acme.apps.bio1"}})).status == 401);
  CHECK(w.ask(w.app("GET", "/apps/street.acme/")).status == 401);
  CHECK(w.ask(w.app("GET", "/apps/open/")).status == 401);  // whose?
  const net::OwnedHeaders mine = {{"x-api-key", w.key.text}};
  CHECK(w.ask(w.app("GET", "/apps/street.rival/", mine)).status == 403);
  CHECK(w.ask(w.app("GET", "/apps/stret/", mine)).status == 404);
  CHECK(w.ask(w.app("GET", "/apps/street", mine)).status == 200);
  CHECK(w.here.target == "/");
  CHECK(w.ask(w.app("GET", "/", {{"Host", "street.acme.apps.bio1"}, {"x-api-key", w.key.text}})).status == 200);
}

TEST_CASE("an app's own errors are its answer, not a reason to ask elsewhere, also by another gateway") {
  for (const bool forwarded : {false, true}) {
    for (const int status : {404, 503, 502, 421}) {
      World w;
      if (forwarded) w.only_there();
      Replica& replica = forwarded ? w.there : w.here;
      replica.status = status;
      const net::Response answer = w.ask(w.app("GET", "/apps/open.acme/x"));
      CHECK(answer.status == status);
      CHECK(answer.body == "body of 0");
      CHECK(header(answer, "Barrio-Refused").empty());
      CHECK(replica.asked == 1);
      CHECK(total_of(w.metrics(), "barrio_gateway_retries_total") == 0);
    }
  }
}

TEST_CASE("a POST that an app may have acted on is not sent again; a GET is") {
  World w;
  w.here.does = Replica::Does::abort;
  const net::Response post = w.ask(w.app("POST", "/apps/open.acme/pay"));
  CHECK(post.status == 502);
  CHECK(w.there.asked == 0);
  World fresh;
  fresh.here.does = Replica::Does::abort;
  CHECK(fresh.ask(fresh.app("GET", "/apps/open.acme/")).status == 200);
  CHECK(fresh.there.asked == 1);
}

TEST_CASE("a POST that failed at another gateway's replica is not sent again either") {
  World w;
  w.only_there();
  w.there.does = Replica::Does::abort;
  const net::Response post = w.ask(w.app("POST", "/apps/open.acme/pay"));
  CHECK(post.status == 502);
  CHECK(problem(post).at("reason") == "unavailable");
  CHECK(w.there.asked == 1);
  CHECK(total_of(w.metrics(), "barrio_gateway_retries_total") == 0);
}

TEST_CASE("an app's answer may stream on beyond the deadline that it had to begin by, for as long as it is read") {
  World w;
  w.snapshot->apps[1].spec.objective.latency = 50ms;  // a deadline of 150 ms
  w.publish();
  w.here.does = Replica::Does::hold;
  const auto answer = w.send(w.app("GET", "/apps/open.acme/stream"));
  w.until([&] { return w.here.held.size() == 1; });
  net::Exchange& exchange = *w.here.held.front();
  exchange.begin(200, {}, std::nullopt);
  exchange.write("first ");
  const Time beyond = w.reactor.fresh_now() + 300ms;
  w.until([&] { return w.reactor.now() >= beyond; });
  exchange.write("second");
  exchange.end();
  CHECK(w.wait(answer).body == "first second");
  w.here.held.clear();
  // One that nobody reads is cancelled, also between two pieces.
  HeadOnly deaf;
  net::Call& call =
      w.client.start(w.bio_address, {.target = "/apps/open.acme/stream", .deadline = w.reactor.fresh_now() + 1h}, deaf);
  w.until([&] { return w.here.held.size() == 1; });
  w.here.held.front()->begin(200, {}, std::nullopt);
  w.until([&] { return deaf.status == 200; });
  call.cancel();
  w.until([&] { return w.here.given_up == 1; });
  // So is one that does not begin.
  CHECK(w.ask(w.app("GET", "/apps/open.acme/stream")).status == 504);
  w.until([&] { return w.here.given_up == 2; });
}

}  // namespace
}  // namespace barrio::gateway::policy_test
