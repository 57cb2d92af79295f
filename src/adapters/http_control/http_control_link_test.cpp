#include <doctest/doctest.h>

#include <set>

#include "adapters/http_control/http_control_link.h"

#include "base/crypto.h"

namespace barrio::adapters::http_control_link_test {

namespace {

/// Only a clock that the test moves: the link neither sleeps nor spawns.
class Clock final : public ports::Runtime {
 public:
  Time at{};
  Time now() override { return at; }
  WallTime wall() override { return {}; }
  void sleep_until(Time) override {}
  void spawn(std::string, std::function<void()>) override {}
  void offload(std::function<void()> work) override { work(); }
  std::unique_ptr<ports::Signal> make_signal() override { return nullptr; }
  Rng& rng() override { return rng_; }
  bool stopping() override { return false; }

 private:
  Rng rng_{1};
};

/// Control as the link sees it: one valid token at a time.
struct FakeControl {
  int tokens = 0;
  int syncs = 0;
  int lifetime_s = 100;
  std::string valid;
  std::string blob = "model bytes";
  std::string snapshot = "null";
  bool away = false;
  std::set<std::string> away_members;
  net::Response join = {200, {}, R"({"fingerprint":"0123","approved":false,"certificate":""})"};

  Result<net::Response> operator()(const net::SocketAddress& member, const net::Request& request) {
    if (away_members.contains(member.str())) return fail(Code::unavailable, "connection refused");
    if (away) return fail(Code::unavailable, "connection refused");
    if (request.path() == "/oauth2/token") return token(request);
    if (net::find_header(request.headers, "authorization") != "Bearer " + valid)
      return net::Response{401, {}, R"({"detail":"expired"})"};
    if (request.path().starts_with("/barrio/v1/blobs/")) return net::Response{200, {}, blob};
    if (request.path() == "/barrio/v1/sites/mad1/join") return join;
    ++syncs;
    return net::Response{200, {}, R"({"run":[],"snapshot":)" + snapshot + "}"};
  }
  Result<net::Response> token(const net::Request& request) {
    if (request.body != "grant_type=client_credentials&client_id=site-mad1&client_secret=s%2Bcret%26")
      return net::Response{401, {}, "{}"};
    valid = "token" + std::to_string(++tokens);
    return net::Response{
        200,
        {},
        R"({"access_token":")" + valid + R"(","token_type":"Bearer","expires_in":)" + std::to_string(lifetime_s) + "}"};
  }
};

struct Fixture {
  Clock clock;
  FakeControl control;
  HttpControlLink link{
      clock,
      [this](const net::Endpoint& member, net::Request request, Time) { return control(member.address, request); },
      {.members = {net::Endpoint(*net::SocketAddress::parse("127.0.0.1:1")),
                   net::Endpoint(*net::SocketAddress::parse("127.0.0.1:2"))},
       .site = SiteId::of("mad1"),
       .client_id = "site-mad1",
       .client_secret = "s+cret&"}};
  SiteReport report{
      .site = SiteId::of("mad1"), .snapshot_version = 0, .gateway = "127.0.0.1:1", .replicas = {}, .flows = {}};
};

}  // namespace

TEST_CASE("orders are read whatever becomes of the snapshot beside them, which is told apart") {
  Fixture f;
  f.control.snapshot = R"({"version":9,"network":{"name":"n"}})";
  auto orders = f.link.sync(f.report);
  REQUIRE(orders);
  CHECK(!orders->snapshot);
  REQUIRE(orders->unreadable);
  CHECK(orders->unreadable->version == 9);
  CHECK(orders->unreadable->why.find("snapshot.network") != std::string::npos);
  f.control.snapshot = "[]";
  orders = f.link.sync(f.report);
  REQUIRE(orders);
  CHECK(orders->unreadable->version == 0);
  f.control.snapshot = "null";
  orders = f.link.sync(f.report);
  REQUIRE(orders);
  CHECK(!orders->unreadable);
}

TEST_CASE("a site gets one token, uses it until it grows old, and then another") {
  Fixture f;
  REQUIRE(f.link.sync(f.report).has_value());
  REQUIRE(f.link.sync(f.report).has_value());
  CHECK(f.control.tokens == 1);
  f.clock.at += 80s;
  REQUIRE(f.link.sync(f.report).has_value());
  CHECK(f.control.tokens == 2);
}

TEST_CASE("a token that control no longer takes is replaced once, within the same call") {
  Fixture f;
  REQUIRE(f.link.sync(f.report).has_value());
  f.control.valid = "of another key";
  REQUIRE(f.link.sync(f.report).has_value());
  CHECK(f.control.tokens == 2);
  CHECK(f.control.syncs == 2);
}

TEST_CASE("a control that is away is unavailable, and is called again afterwards") {
  Fixture f;
  f.control.away = true;
  CHECK(f.link.sync(f.report).error().code == Code::unavailable);
  f.control.away = false;
  CHECK(f.link.sync(f.report).has_value());
}

TEST_CASE("when a member of control is away, the site asks another within the same call") {
  Fixture f;
  for (const char* away : {"127.0.0.1:1", "127.0.0.1:2"}) {
    f.control.away_members = {away};
    CHECK(f.link.sync(f.report).has_value());
    CHECK(f.link.sync(f.report).has_value());
  }
  CHECK(f.control.syncs == 4);
  f.control.away_members = {"127.0.0.1:1", "127.0.0.1:2"};
  CHECK(f.link.sync(f.report).error().code == Code::unavailable);
}

TEST_CASE("a site that joins is told whether it is approved, and why it is not") {
  Fixture f;
  const auto waits = f.link.join({"a request"});
  REQUIRE(waits);
  CHECK(waits->fingerprint == "0123");
  CHECK(!waits->approved);
  f.control.join = {403, {}, R"({"detail":"it was revoked"})"};
  CHECK(f.link.join({"a request"}).error().code == Code::denied);
  f.control.join = {507, {}, R"({"detail":"4 keys wait"})"};
  CHECK(f.link.join({"a request"}).error().code == Code::exhausted);
}

TEST_CASE("what time it is at control is told with every answer of it") {
  Fixture f;
  std::vector<WallTime> told;
  HttpControlLink link(f.clock,
                       [&](const net::Endpoint& member, net::Request request, Time) {
                         auto answer = f.control(member.address, request);
                         if (answer) answer->headers.emplace_back("Date", "Tue, 24 Nov 2026 10:00:00 GMT");
                         return answer;
                       },
                       {.members = {net::Endpoint(*net::SocketAddress::parse("127.0.0.1:1"))},
                        .site = SiteId::of("mad1"),
                        .client_id = "site-mad1",
                        .client_secret = "s+cret&",
                        .on_time = [&](WallTime time) { told.push_back(time); }});
  REQUIRE(link.sync(f.report));
  CHECK(told == std::vector<WallTime>(2, *parse_wall_time("2026-11-24T10:00:00Z")));  // the token's, and the orders'
}

TEST_CASE("a blob with another hash is not accepted") {
  Fixture f;
  const std::string hash = sha256_hex("model bytes");
  REQUIRE(f.link.fetch_blob(hash).has_value());
  f.control.blob = "model bytez";
  const auto tampered = f.link.fetch_blob(hash);
  REQUIRE_FALSE(tampered.has_value());
  CHECK(tampered.error().code == Code::unavailable);
}

}  // namespace barrio::adapters::http_control_link_test
