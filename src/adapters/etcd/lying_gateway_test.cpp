// What a gateway may answer, however wrong, is an error and no crash; what it did not confirm is not said to be done.
#include <doctest/doctest.h>

#include "adapters/etcd/etcd_state_store.h"
#include "ports/inline_runtime.h"

namespace barrio::adapters::lying_gateway_test {

namespace {

const std::string header = R"("header":{"cluster_id":"1","member_id":"2","revision":"9","raft_term":"2"})";

tl::expected<net::Response, net::CallError> answered(std::string body, int status = 200) {
  return net::Response{status, {}, std::move(body)};
}
tl::expected<net::Response, net::CallError> lost(bool sent) {
  return tl::unexpected(net::CallError{{Code::unavailable, "connection reset"}, sent});
}

using Gateway = std::function<tl::expected<net::Response, net::CallError>(const net::Request&)>;

struct Fixture {
  explicit Fixture(Gateway gateway)
      : store(runtime,
              [this, gateway = std::move(gateway)](const net::Endpoint&, const net::Request& request, Time) {
                runtime.sleep_for(1ms);
                ++calls;
                return gateway(request);
              },
              {.endpoints = {*net::SocketAddress::parse("127.0.0.1:1"), *net::SocketAddress::parse("127.0.0.1:2")}}) {}
  ports::InlineRuntime runtime;
  int calls = 0;
  EtcdStateStore store;
};

/// Every call of the port, whatever it answers.
void use_all(EtcdStateStore& store, ports::Runtime& runtime) {
  static_cast<void>(store.get("a"));
  static_cast<void>(store.list("a"));
  static_cast<void>(store.commit({{"a", 1}}, {{"a", "1"}, {"b", std::nullopt}}));
  static_cast<void>(store.wait_for_change(3, runtime.now() + 1s));
  auto lease = store.hold("lead", "me", 2s, 0);
  static_cast<void>(store.keep({"lead", 3, 7}));
  static_cast<void>(store.release({"lead", 3, 7}));
}

}  // namespace

TEST_CASE("answers that are cut short or changed at any byte end in an error or a value, never in a crash or a loop") {
  const std::vector<std::string> good = {
      "{" + header +
          R"(,"kvs":[{"key":"YmFycmlvL2E=","create_revision":"2","mod_revision":"2","version":"1","value":"YmFy"}],"more":true,"count":"1"})",
      "{" + header + R"(,"succeeded":true,"responses":[{"response_put":{"header":{"revision":"2"}}}]})",
      "{" + header +
          R"(,"responses":[{"response_range":{"header":{"revision":"2"},"kvs":[{"key":"YmFycmlvL2E=","mod_revision":"5"}],"count":"1"}}]})",
      "{" + header + R"(,"ID":"4390624899816900360","TTL":"3"})",
      R"({"result":{)" + header + R"(,"ID":"5","TTL":"2"}})",
      R"({"error":"etcdserver: mvcc: required revision has been compacted","message":"gone","code":11})"};
  Rng rng(5);
  for (int round = 0; round < 400; ++round) {
    std::string body = good[rng.below(good.size())];
    for (uint64_t i = rng.below(3); i > 0; --i) body[rng.below(body.size())] = static_cast<char>(rng.below(256));
    if (rng.below(3) == 0) body.resize(rng.below(body.size()));
    Fixture f([&](const net::Request&) { return answered(body, rng.below(4) == 0 ? 400 : 200); });
    use_all(f.store, f.runtime);
    CHECK(f.calls < 3000);
    CHECK(f.runtime.now() < Time(90s));
  }
}

TEST_CASE("entries that were not asked for are not taken") {
  const auto with = [](const std::string& kvs, const std::string& rest = "") {
    return "{" + header + R"(,"kvs":[)" + kvs + "]" + rest + "}";
  };
  for (const std::string& body :
       {with(R"({"key":"eA==","mod_revision":"2"})"), with(R"({"key":"YmFycmlvL2I=","mod_revision":"2"})"),
        with(R"({"key":"YmFycmlvL2E=","mod_revision":"99"})"), with(R"({"key":"YmFycmlvL2E="})"),
        with(R"({"key":7,"mod_revision":"2"})"), with("7"), with("", R"(,"more":true)")}) {
    Fixture f([&](const net::Request&) { return answered(body); });
    CHECK(f.store.list("a").error().code == Code::unavailable);
  }
}

TEST_CASE("a commit that was never sent is sent elsewhere; one whose answer was lost is not said to be done or not") {
  SUBCASE("never sent") {
    int tries = 0;
    Fixture f([&](const net::Request&) {
      if (++tries < 4) return lost(false);
      return answered("{" + header + R"(,"succeeded":true})");
    });
    CHECK(f.store.commit({}, {{"a", "1"}}) == 9);
  }
  SUBCASE("lost, and twice might be once too often") {
    Fixture f([&](const net::Request&) { return lost(true); });
    const auto done = f.store.commit({{"other", 3}}, {{"a", "1"}});
    REQUIRE(!done);
    CHECK(done.error().code == Code::unavailable);
    CHECK(done.error().what.find("not known") != std::string::npos);
    CHECK(f.calls == 1);
  }
  SUBCASE("lost, but it was done: found out by asking again") {
    int tries = 0;
    Fixture f([&](const net::Request& request) {
      if (request.path() == "/v3/kv/range") {
        return answered("{" + header + R"(,"kvs":[{"key":"YmFycmlvL2E=","mod_revision":"8","value":"MQ=="}]})");
      }
      return ++tries == 1 ? lost(true) : answered("{" + header + R"(,"responses":[]})");
    });
    CHECK(f.store.commit({{"a", 3}}, {{"a", "1"}}) == 8);
  }
  SUBCASE("lost, and somebody else was first") {
    int tries = 0;
    Fixture f([&](const net::Request& request) {
      if (request.path() == "/v3/kv/range") {
        return answered("{" + header + R"(,"kvs":[{"key":"YmFycmlvL2E=","mod_revision":"8","value":"Mg=="}]})");
      }
      return ++tries == 1 ? lost(true) : answered("{" + header + R"(,"responses":[]})");
    });
    CHECK(f.store.commit({{"a", 3}}, {{"a", "1"}}).error().code == Code::conflict);
  }
  SUBCASE("no member there at all: an end within its patience") {
    Fixture f([&](const net::Request&) { return lost(false); });
    CHECK(f.store.commit({}, {{"a", "1"}}).error().code == Code::unavailable);
    CHECK(f.runtime.now() < Time(6s));
    CHECK(f.store.get("a").error().code == Code::unavailable);
  }
}

TEST_CASE("a full store is told as such, and so is a cluster that is not the one before") {
  Fixture full([&](const net::Request&) {
    return answered(R"({"error":"etcdserver: mvcc: database space exceeded","code":8})", 429);
  });
  CHECK(full.store.commit({}, {{"a", "1"}}).error().code == Code::exhausted);
  int asked = 0;
  Fixture two([&](const net::Request&) {
    const std::string id = std::to_string(++asked == 1 ? 1 : 2);
    return answered(R"({"header":{"cluster_id":")" + id + R"(","revision":"4"}})");
  });
  CHECK(two.store.get("a").has_value());
  CHECK(two.store.get("a").error().what.find("cluster") != std::string::npos);
}

}  // namespace barrio::adapters::lying_gateway_test
