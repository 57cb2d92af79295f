// Devices and replicas that disappear at any point: afterwards the gateway has no request open, no descriptor too many,
// and serves the next one. Runs under ASan and TSan like every test of a room.

#include <doctest/doctest.h>

#include <filesystem>

#include "api/oauth/token.h"
#include "decide/routing/world_test.h"
#include "gateway/dying_origin_test.h"
#include "gateway/gateway.h"
#include "net/raw_client_test.h"

namespace barrio::gateway::disconnect_test {
namespace {

using net::test::RawClient;
using test::DyingOrigin;
using test::Fate;

const AppKey street{TenantId::of("acme"), AppName::of("street")};

class Nowhere final : public ports::CoreNetwork {
 public:
  Result<DeviceLocation> locate(std::string_view) const override { return fail(Code::not_found, "no such device"); }
};

size_t open_descriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

/// One key for all: it is not what is tested.
const Es256Key& signing_key() {
  static const Es256Key key = *Es256Key::generate();
  return key;
}

std::string answer_of(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nServer-Timing: queue;dur=1\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

/// One site with one replica.
struct World {
  net::Reactor reactor;
  Registry registry;
  Nowhere core;
  DyingOrigin origin;
  Gateway gateway;
  net::SocketAddress address;

  explicit World(std::string answer, Duration objective = 5s, LimitsConfig limits = {})
      : origin(reactor, "/tmp/barrio-disconnect-test-" + std::to_string(::getpid()), std::move(answer)),
        gateway(reactor,
                {.site = SiteId::of("bio1"), .listen = *net::SocketAddress::parse("127.0.0.1:0"), .policy = limits},
                core, registry) {
    REQUIRE(origin.listening());
    const auto bound = gateway.start();
    REQUIRE(bound);
    address = *bound;
    auto snapshot =
        decide::test::snapshot_of({decide::test::site_at("bio1", -2.9)}, {decide::test::app_named("street")});
    snapshot->apps[0].spec.objective.latency = objective;
    snapshot->keys = {api::verifying_key(signing_key())};
    ports::WorkloadStatus replica;
    replica.app = street;
    replica.report.id = replica_id(street, SiteId::of("bio1"), 0);
    replica.report.phase = ReplicaPhase::ready;
    replica.endpoint = origin.endpoint();
    gateway.set_local({replica});
    gateway.set_snapshot(std::move(snapshot));
    turn(5);
  }
  void turn(int turns) {
    for (int i = 0; i < turns; ++i) reactor.turn(0ns);
  }
  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 20s;
    while (!done() && reactor.now() < limit) reactor.turn(1ms);
    REQUIRE(done());
  }
  std::string request(std::string_view body = "three") const {
    return head("/v2/models/street/infer", "Content-Length: " + std::to_string(body.size())) + std::string(body);
  }
  std::string head(const std::string& path, const std::string& field) const {
    static const std::string token = [] {
      const WallTime now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
      return api::issue_token(signing_key(), api::verifying_key(signing_key()).kid,
                              {.subject = "acme", .role = "tenant", .scopes = {"barrio:infer"}, .expires = now + 1h},
                              now);
    }();
    return "POST " + path + " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token + "\r\n" + field + "\r\n\r\n";
  }
  /// The status of one request from its beginning to its end.
  std::string ask() {
    RawClient device(address);
    REQUIRE(device.send(request()));
    device.end_sending();
    until([&] { return device.poll(); });
    return device.text().substr(0, 12);
  }
  /// Everything is over: no request, and, once the replica's connections are gone, the descriptors of the start.
  void settle(size_t descriptors) {
    until([&] { return gateway.open_requests() == 0; });
    origin.drop_all();
    until([&] { return open_descriptors() == descriptors; });
  }
};

enum class Leave { in_order, by_reset, half };

void leave(RawClient& device, Leave how) {
  if (how == Leave::half) device.end_sending();
  if (how == Leave::by_reset) device.reset();
  if (how == Leave::in_order) device.close();
}

TEST_CASE("a device may leave after any byte of its request") {
  World w(answer_of("hello"));
  const size_t descriptors = open_descriptors();
  const std::string request = w.request();
  size_t answered = 0;
  for (size_t bytes = 0; bytes <= request.size(); ++bytes) {
    for (const Leave how : {Leave::in_order, Leave::by_reset, Leave::half}) {
      RawClient device(w.address);
      REQUIRE(device.send(std::string_view(request).substr(0, bytes)));
      if ((bytes + static_cast<size_t>(how)) % 2 == 0) w.turn(2);
      leave(device, how);
      w.turn(2);
      if (how != Leave::half) continue;
      w.until([&] { return device.poll(); });
      answered += device.text().starts_with("HTTP/1.1 200 ");
      CHECK((bytes == request.size() || device.text().empty()));
    }
  }
  CHECK(answered == 1);
  w.settle(descriptors);
  CHECK(w.ask() == "HTTP/1.1 200");
}

TEST_CASE("a device may leave after any part of its answer, while the replica is still sending") {
  World w(answer_of(std::string(400'000, 'x')));
  const size_t descriptors = open_descriptors();
  Rng rng(1);
  for (int i = 0; i < 200; ++i) {
    RawClient device(w.address);
    REQUIRE(device.send(w.request()));
    const size_t enough = static_cast<size_t>(rng.below(300'000));
    w.until([&] {
      device.poll();
      return device.text().size() >= enough;
    });
    leave(device, i % 2 == 0 ? Leave::in_order : Leave::by_reset);
    w.turn(static_cast<int>(rng.below(4)));
  }
  CHECK(w.origin.requests() >= 200);
  w.settle(descriptors);
  CHECK(w.ask() == "HTTP/1.1 200");
}

TEST_CASE("a device that leaves takes its request from a replica that says nothing") {
  World w(answer_of("hello"));
  const size_t descriptors = open_descriptors();
  w.origin.fate = [] { return Fate{.silent = true}; };
  size_t asked = 0;
  for (const std::string& more : {std::string(), w.request(), w.request().substr(0, 20)}) {
    for (const Leave how : {Leave::in_order, Leave::by_reset}) {
      RawClient device(w.address);
      REQUIRE(device.send(w.request() + more));
      ++asked;
      w.until([&] { return w.origin.requests() == asked && w.gateway.open_requests() == 1; });
      const Time left = w.reactor.fresh_now();
      leave(device, how);
      w.until([&] { return w.gateway.open_requests() == 0 && w.origin.open_connections() == 0; });
      CHECK(w.reactor.fresh_now() - left < 2s);
    }
  }
  const std::string left = R"(barrio_gateway_device_left_total{site="bio1",tenant="acme",app="street"} )";
  CHECK(w.registry.text().find(left + std::to_string(asked)) != std::string::npos);
  w.settle(descriptors);
}

TEST_CASE("a replica may die after any byte of its answer, on a fresh connection or a pooled one") {
  const std::string answer = answer_of("hello, device");
  const size_t head = answer.find("\r\n\r\n") + 4;
  for (size_t bytes = 0; bytes < answer.size(); ++bytes) {
    const bool pooled = bytes % 2 == 0;
    const bool reset = bytes / 2 % 2 == 0;
    World w(answer);
    const size_t descriptors = open_descriptors();
    if (pooled) REQUIRE(w.ask() == "HTTP/1.1 200");
    w.origin.fate = [&] { return Fate{.bytes = bytes, .reset = reset}; };
    RawClient device(w.address);
    REQUIRE(device.send(w.request()));
    w.until([&] { return device.poll() || device.text().ends_with("}"); });
    INFO("after ", bytes, " bytes: ", device.text());
    // An answer that has begun is cut with the connection; before that, it is a refusal. Never a whole answer.
    CHECK(w.origin.requests() > (pooled ? 1 : 0));
    CHECK(device.text().find("hello, device") == std::string::npos);
    if (bytes < head)
      CHECK(device.text().starts_with("HTTP/1.1 503 "));
    else
      CHECK((device.text().empty() || device.text().starts_with("HTTP/1.1 200 ")));
    device.close();
    w.settle(descriptors);
  }
}

/// One device in a crowd: sends its request in pieces, waits, and leaves when it likes.
struct Device {
  std::unique_ptr<RawClient> client;
  std::string left;
  int patience = 0;
};

void step(World& w, Device& device, Rng& rng) {
  if (!device.client) {
    device.client = std::make_unique<RawClient>(w.address);
    device.left = w.request(std::string(static_cast<size_t>(rng.below(3000)), 'b'));
    if (rng.below(3) == 0) device.left += w.request();
    device.patience = static_cast<int>(rng.below(30));
    return;
  }
  const std::string piece = device.left.substr(0, static_cast<size_t>(rng.below(2000)));
  if (device.client->send(piece)) device.left.erase(0, piece.size());
  const bool ended = device.client->poll();
  if (!ended && --device.patience > 0) return;
  leave(*device.client, static_cast<Leave>(rng.below(3)));
  device.client.reset();
}

TEST_CASE("a crowd of devices that come and leave, before a replica that dies, leaves nothing behind") {
  World w(answer_of(std::string(20'000, 'y')), 200ms);  // silent answers are given up after three times this
  const size_t descriptors = open_descriptors();
  for (const uint64_t seed : {1, 2, 3}) {
    Rng rng(seed);
    w.origin.fate = [&] {
      const uint64_t dice = rng.below(10);
      if (dice < 6) return Fate{};
      return Fate{.bytes = static_cast<size_t>(rng.below(20'000)), .reset = dice == 7, .silent = dice == 9};
    };
    std::vector<Device> crowd(30);
    for (int i = 0; i < 6000; ++i) {
      step(w, crowd[static_cast<size_t>(rng.below(crowd.size()))], rng);
      if (rng.below(3) == 0) w.turn(1);
    }
    crowd.clear();
    w.settle(descriptors);
    w.origin.fate = [] { return Fate{}; };
  }
  CHECK(w.origin.requests() > 50);
}

TEST_CASE("a body that comes byte by byte holds no place: 408 in the gateway's words, unless it is gRPC's") {
  World w(answer_of("hello"), 5s, {.body_grace = 50ms, .body_bytes_per_second = 1000});
  for (const char* framing : {"Content-Length: 5000", "Transfer-Encoding: chunked"}) {
    RawClient slow(w.address);
    const Time began = w.reactor.fresh_now();
    REQUIRE(slow.send(w.head("/apps/street/x", framing)));
    w.until([&] { return w.gateway.open_requests() == 1; });
    REQUIRE(slow.send("1\r\na\r\n"));
    w.until([&] { return slow.poll(); });
    CHECK(w.reactor.fresh_now() - began >= 50ms);
    CHECK(slow.text().starts_with("HTTP/1.1 408 "));
    CHECK(slow.text().find(R"("limit":"body_rate")") != std::string::npos);
    w.until([&] { return w.gateway.open_requests() == 0; });
  }
  CHECK(w.registry.text().find(R"(limited_total{site="bio1",limit="body_rate"} 2)") != std::string::npos);
  CHECK(w.origin.requests() == 0);
  RawClient steady(w.address);
  REQUIRE(steady.send(w.head("/apps/street/x", "Content-Length: 5000") + std::string(4999, 'x')));
  RawClient stream(w.address);
  REQUIRE(stream.send(w.head("/apps/street/x", "Content-Type: application/grpc\r\nTransfer-Encoding: chunked")));
  w.until([&] { return w.gateway.open_requests() == 2; });
  const Time later = w.reactor.fresh_now() + 200ms;
  w.until([&] { return w.reactor.fresh_now() >= later; });
  CHECK_FALSE(stream.poll());
  REQUIRE(steady.send("x"));
  w.until([&] {
    steady.poll();
    return steady.text().ends_with("hello");
  });
}

}  // namespace
}  // namespace barrio::gateway::disconnect_test
