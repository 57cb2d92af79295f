// What passes a gateway beside plain requests: gRPC with its trailers, WebSocket tunnels, and refusals in gRPC's form.

#include <doctest/doctest.h>
#include <unistd.h>

#include "api/oauth/token.h"
#include "base/crypto.h"
#include "decide/routing/world_test.h"
#include "gateway/gateway.h"
#include "net/client.h"

namespace barrio::gateway::gateway_http2_test {
namespace {

using decide::test::app_named;
using decide::test::site_at;

const AppKey street{TenantId::of("acme"), AppName::of("street")};

class Vigo final : public ports::CoreNetwork {
 public:
  Result<DeviceLocation> locate(std::string_view) const override {
    return DeviceLocation{.place = "Vigo", .location = {42.2, -8.7}, .access = Access::fibre, .jurisdiction = {}};
  }
};

/// Sends back the body and the trailers with its site's name, or whatever comes through a tunnel.
struct EchoReplica final : net::ExchangeHandler {
  EchoReplica(net::Reactor& reactor, std::string name) : site(std::move(name)), server(reactor, {}, *this) {
    path = "/tmp/barrio-gateway-http2-" + std::to_string(::getpid()) + "-" + site;
    ::unlink(path.c_str());
    REQUIRE(server.listen(*net::SocketAddress::parse("unix:" + path)));
  }
  ~EchoReplica() { ::unlink(path.c_str()); }

  void on_head(net::Exchange& exchange) override {
    major_version = exchange.request().major_version;
    takes_trailers = exchange.request().takes_trailers;
    secret = net::find_header(exchange.request().headers, "Barrio-Peer").has_value();
    upgrade = exchange.request().upgrade;
    trailers.clear();
    if (refuses) return exchange.reply(503, {}, "");
    const net::Header accept{"Sec-WebSocket-Accept", "yes"};
    if (!upgrade.empty()) return exchange.upgrade({&accept, 1});
    const net::Header type{"Content-Type", "application/grpc"};
    exchange.begin(200, {&type, 1}, std::nullopt);
  }
  void on_body(net::Exchange& exchange, std::string_view piece) override { exchange.write(piece); }
  void on_trailers(net::Exchange&, std::span<const net::Header> fields) override {
    for (const net::Header& header : fields) trailers.emplace_back(header.name, header.value);
  }
  void on_end(net::Exchange& exchange) override {
    std::vector<net::Header> answer = {{"grpc-status", "0"}, {"served", site}, {"barrio-secret", "1"}};
    for (const auto& [name, value] : trailers) answer.push_back({name, value});
    exchange.end(answer);
  }
  void on_tunnel_end(net::Exchange& exchange) override { exchange.end(); }
  void on_writable(net::Exchange&) override {}
  void on_closed(net::Exchange&, bool) override { ++closed; }

  ports::WorkloadStatus status() const {
    ports::WorkloadStatus workload;
    workload.app = street;
    workload.report.id = replica_id(street, SiteId::of(site), 0);
    workload.report.phase = ReplicaPhase::ready;
    workload.endpoint = "unix:" + path;
    return workload;
  }

  std::string site;
  std::string path;
  int major_version = 0;
  bool takes_trailers = false;
  bool secret = false;
  std::string upgrade;
  bool refuses = false;
  int closed = 0;
  net::OwnedHeaders trailers;
  net::Server server;
};

struct Told final : net::CallHandler {
  int status = 0;
  net::OwnedHeaders headers;
  net::OwnedHeaders trailers;
  std::string body;
  bool upgraded = false;
  bool their_end = false;
  bool done = false;
  std::optional<net::CallError> error;

  void keep(const net::ResponseHead& head) {
    status = head.status;
    for (const net::Header& header : head.headers) headers.emplace_back(header.name, header.value);
  }
  void on_head(const net::ResponseHead& head) override { keep(head); }
  void on_upgraded(const net::ResponseHead& head) override {
    upgraded = true;
    keep(head);
  }
  void on_body(std::string_view piece) override { body += piece; }
  void on_trailers(std::span<const net::Header> fields) override {
    for (const net::Header& header : fields) trailers.emplace_back(header.name, header.value);
  }
  void on_tunnel_end() override { their_end = true; }
  void on_done() override { done = true; }
  void on_error(net::CallError what) override { error = std::move(what); }
  void on_writable() override {}
  std::string header(std::string_view name) const { return std::string(net::find_header(headers, name).value_or("")); }
};

struct World {
  net::Reactor reactor;
  Registry registry;
  Vigo core;
  Es256Key key = *Es256Key::generate();
  EchoReplica bio_replica{reactor, "bio1"};
  EchoReplica mad_replica{reactor, "mad1"};
  net::SocketAddress bio_address;
  net::SocketAddress mad_address;
  std::unique_ptr<Gateway> bio = gateway("bio1", bio_address);
  std::unique_ptr<Gateway> mad = gateway("mad1", mad_address);
  net::Client client{reactor, {}};
  std::string authorization;

  World() {
    auto snapshot = decide::test::snapshot_of({site_at("bio1", -2.9, "ES-PV"), site_at("mad1", -3.7)},
                                              {app_named("street"), app_named("private", "ES-PV")});
    for (App& app : snapshot->apps) app.spec.objective.latency = 5s;
    snapshot->keys = {api::verifying_key(key)};
    snapshot->gateways = {{"bio1", bio_address.str()}, {"mad1", mad_address.str()}};
    bio->set_local({bio_replica.status()});
    mad->set_local({mad_replica.status()});
    for (auto* one : {bio.get(), mad.get()}) one->set_snapshot(snapshot);
    const WallTime now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    authorization =
        "Bearer " +
        api::issue_token(key, api::verifying_key(key).kid,
                         {.subject = "acme", .role = "tenant", .scopes = {"barrio:infer"}, .expires = now + 1h}, now);
    for (int i = 0; i < 5; ++i) reactor.turn(1ms);
  }
  std::unique_ptr<Gateway> gateway(const std::string& site, net::SocketAddress& address) {
    auto made = std::make_unique<Gateway>(
        reactor,
        GatewayConfig{
            .site = SiteId::of(site), .listen = *net::SocketAddress::parse("127.0.0.1:0"), .peer_secret = "s3cret"},
        core, registry);
    const auto bound = made->start();
    REQUIRE(bound);
    address = *bound;
    return made;
  }
  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(10ms);
    REQUIRE(done());
  }
  /// A gRPC call to bio's gateway.
  net::Call& grpc(Told& told, const std::string& target, const std::string& bearer, const std::string& host = "x",
                  const std::string& app = "") {
    net::Endpoint endpoint = bio_address;
    endpoint.protocol = net::Protocol::http2;
    std::vector<net::Header> headers = {
        {"Host", host}, {"Content-Type", "application/grpc+proto"}, {"Authorization", bearer}};
    if (!app.empty()) headers.push_back({"barrio-app", app});
    return client.start(endpoint,
                        {.method = "POST",
                         .target = target,
                         .headers = headers,
                         .length = std::nullopt,
                         .deadline = reactor.fresh_now() + 10s,
                         .takes_trailers = true},
                        told);
  }
  net::Call& websocket(Told& told, const std::string& target = "/v2/models/street") {
    const net::Header headers[] = {{"Authorization", authorization}, {"Sec-WebSocket-Key", "a2V5"}};
    return client.start(bio_address,
                        {.method = "GET",
                         .target = target,
                         .headers = headers,
                         .deadline = reactor.fresh_now() + 10s,
                         .upgrade = "websocket"},
                        told);
  }
};

TEST_CASE("gRPC streams through one gateway or two, and its trailers arrive") {
  for (const bool forwarded : {false, true}) {
    World w;
    w.bio_replica.refuses = forwarded;
    Told told;
    net::Call& call = w.grpc(told, "/v2/models/street/infer", w.authorization);
    call.write("first ");
    w.until([&] { return told.body == "first "; });  // an answer while the request goes on
    call.write("second");
    const net::Header trailers[] = {{"checksum", "7"}, {"barrio-forged", "1"}};
    call.end(trailers);
    w.until([&] { return told.done; });
    const EchoReplica& replica = forwarded ? w.mad_replica : w.bio_replica;
    CHECK(told.status == 200);
    CHECK(told.body == "first second");
    CHECK(told.header("barrio-served-by") == replica.site);
    CHECK(net::find_header(told.trailers, "grpc-status") == "0");
    CHECK(net::find_header(told.trailers, "served") == replica.site);
    CHECK(net::find_header(told.trailers, "checksum") == "7");
    CHECK_FALSE(net::find_header(told.trailers, "barrio-secret"));
    CHECK(replica.major_version == 2);
    CHECK(replica.takes_trailers);
    CHECK_FALSE(replica.secret);
    CHECK_FALSE(net::find_header(replica.trailers, "barrio-forged"));
  }
}

TEST_CASE("what is not gRPC reaches a replica over HTTP/1.1, also from an HTTP/2 device") {
  World w;
  net::Endpoint endpoint = w.bio_address;
  endpoint.protocol = net::Protocol::http2;
  const net::Header header{"Authorization", w.authorization};
  Told told;
  w.client
      .start(endpoint,
             {.method = "POST",
              .target = "/v2/models/street/infer",
              .headers = {&header, 1},
              .length = 4,
              .deadline = w.reactor.fresh_now() + 10s},
             told)
      .write("body");
  w.until([&] { return told.body == "body"; });
  CHECK(w.bio_replica.major_version == 1);
}

TEST_CASE("gRPC is refused in its own form") {
  World w;
  const auto refused = [&](const std::string& target, const std::string& bearer) {
    Told told;
    w.grpc(told, target, bearer).end();
    w.until([&] { return told.done; });
    CHECK(told.status == 200);
    CHECK(told.body.empty());
    CHECK(told.header("content-type") == "application/grpc");
    CHECK_FALSE(told.header("grpc-message").empty());
    return told.header("grpc-status") + " " + told.header("barrio-reason");
  };
  CHECK(refused("/v2/models/street/infer", "Bearer nonsense") == "16 invalid_token");
  CHECK(refused("/v2/models/stret/infer", w.authorization) == "5 unknown_app");
  CHECK(refused("/none", w.authorization) == "12 not_found");
  w.bio_replica.refuses = w.mad_replica.refuses = true;
  CHECK(refused("/v2/models/street/infer", w.authorization) == "14 overloaded");
}

TEST_CASE("gRPC's message is percent-encoded") {
  World w;
  Told percent;
  w.grpc(percent, "/v2/models/100%25/infer", w.authorization).end();
  w.until([&] { return percent.done; });
  CHECK(percent.header("grpc-message").find("100%2525") != std::string::npos);
}

TEST_CASE("a WebSocket passes one gateway or two, in both directions, until both sides have ended") {
  for (const bool forwarded : {false, true}) {
    World w;
    w.bio_replica.refuses = forwarded;
    EchoReplica& replica = forwarded ? w.mad_replica : w.bio_replica;
    Told told;
    net::Call& call = w.websocket(told);
    w.until([&] { return told.upgraded; });
    CHECK(told.status == 101);
    CHECK(told.header("Sec-WebSocket-Accept") == "yes");
    CHECK(told.header("Barrio-Served-By") == replica.site);
    CHECK(replica.upgrade == "websocket");
    const std::string big(2'000'000, 'w');
    call.write(big);
    w.until([&] { return told.body == big; });
    const int closed = replica.closed;
    call.end();
    w.until([&] { return told.their_end && told.done && replica.closed == closed + 1; });
    CHECK_FALSE(told.error);
  }
}

TEST_CASE("an app's own gRPC services by host, and its WebSockets by path, pass one gateway or two") {
  for (const bool forwarded : {false, true}) {
    World w;
    if (forwarded) w.bio->set_local({});
    for (int i = 0; i < 5; ++i) w.reactor.turn(1ms);
    const std::string site = forwarded ? "mad1" : "bio1";
    Told told;
    net::Call& call = w.grpc(told, "/acme.Street/Watch", w.authorization, "street.acme.apps.bio1");
    call.write("first ");
    w.until([&] { return told.body == "first "; });
    call.end();
    w.until([&] { return told.done; });
    CHECK(told.header("barrio-served-by") == site);
    CHECK(net::find_header(told.trailers, "grpc-status") == "0");
    Told socket;
    net::Call& tunnel = w.websocket(socket, "/apps/street/live");
    w.until([&] { return socket.upgraded; });
    CHECK(socket.header("Barrio-Served-By") == site);
    tunnel.write("ping");
    w.until([&] { return socket.body == "ping"; });
    tunnel.end();
    w.until([&] { return socket.done; });
  }
}

TEST_CASE("the Open Inference Protocol's service is that of the app that the call's metadata names") {
  for (const bool forwarded : {false, true}) {
    World w;
    if (forwarded) w.bio->set_local({});
    for (int i = 0; i < 5; ++i) w.reactor.turn(1ms);
    const std::string target = "/inference.GRPCInferenceService/ModelInfer";
    for (const std::string app : {"street", "street.acme"}) {
      Told told;
      net::Call& call = w.grpc(told, target, w.authorization, "x", app);
      call.write("message");
      call.end();
      w.until([&] { return told.done; });
      CHECK(told.body == "message");
      CHECK(told.header("barrio-served-by") == (forwarded ? "mad1" : "bio1"));
    }
    Told nameless;
    w.grpc(nameless, target, w.authorization).end();
    w.until([&] { return nameless.done; });
    CHECK(nameless.header("grpc-status") == "3");
    CHECK(nameless.header("grpc-message").find("Barrio-App") != std::string::npos);
  }
}

TEST_CASE("a device that leaves its WebSocket ends it at the replica, through one gateway or two") {
  for (const bool forwarded : {false, true}) {
    World w;
    if (forwarded) w.bio->set_local({});
    for (int i = 0; i < 5; ++i) w.reactor.turn(1ms);
    const EchoReplica& served = forwarded ? w.mad_replica : w.bio_replica;
    Told told;
    net::Call& call = w.websocket(told, "/apps/street/chat");
    w.until([&] { return told.upgraded; });
    const int before = served.closed;
    call.cancel();
    w.until([&] { return served.closed == before + 1 && w.bio->open_requests() == 0 && w.mad->open_requests() == 0; });
  }
}

TEST_CASE("a WebSocket that nobody can serve, or that may not be asked for, is refused like any request") {
  World w;
  w.bio_replica.refuses = w.mad_replica.refuses = true;
  Told told;
  w.websocket(told);
  w.until([&] { return told.done; });
  CHECK(told.status == 503);
  CHECK_FALSE(told.upgraded);
  w.authorization = "Bearer nonsense";
  Told denied;
  w.websocket(denied);
  w.until([&] { return denied.done; });
  CHECK(denied.status == 401);
}

}  // namespace
}  // namespace barrio::gateway::gateway_http2_test
