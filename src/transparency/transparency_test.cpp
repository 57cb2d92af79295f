#include <doctest/doctest.h>

#include <map>

#include "adapters/reactor_runtime/reactor_runtime.h"
#include "base/base64.h"
#include "base/json.h"
#include "decide/proof/leaf.h"
#include "decide/proof/merkle.h"
#include "decide/proof/salt.h"
#include "decide/proof/tiles.h"
#include "transparency/log_front.h"

namespace barrio::transparency::transparency_test {

namespace {

decide::NoteSigner key(const std::string& name, decide::NoteKeyKind kind) {
  return decide::NoteSigner(name, kind, *Ed25519Key::generate());
}

class MemoryPublication final : public ports::LogPublication {
 public:
  void grow(size_t count) {
    for (size_t i = 0; i < count; ++i) leaves.push_back(decide::merkle_leaf(std::to_string(leaves.size())));
  }
  decide::NodeReader nodes() const {
    return [this](int level, uint64_t index) -> Result<Digest> {
      return decide::fold_hashes(std::span(leaves).subspan(index << level, size_t{1} << level));
    };
  }
  Result<Head> head() override { return Head{leaves.size(), *decide::merkle_root(leaves.size(), nodes())}; }
  Result<std::vector<Digest>> consistency(uint64_t old_size, uint64_t size) override {
    return decide::consistency_proof(old_size, size, nodes());
  }
  Result<std::string> tile(const std::string& path) override {
    if (path == "tile/0/000.p/1") return std::string(32, 't');
    return fail(Code::not_found, "no such tile");
  }
  Result<std::optional<std::string>> checkpoint() override { return published; }
  Result<void> publish(const std::string& note) override {
    published = note;
    return {};
  }

  std::vector<Digest> leaves;
  std::optional<std::string> published;
};

class MemoryWitness final : public ports::WitnessMemory {
 public:
  Result<std::optional<std::string>> load(const std::string& origin) override {
    const auto found = seen.find(origin);
    return found == seen.end() ? std::nullopt : std::optional(found->second);
  }
  Result<void> save(const std::string& origin, const std::string& checkpoint) override {
    if (full) return fail(Code::exhausted, "disk full");
    seen[origin] = checkpoint;
    return {};
  }
  std::map<std::string, std::string> seen;
  bool full = false;
};

/// A log and two witnesses, which are called without a network; one of them can be away, or never answer.
struct Bench {
  net::Reactor reactor;
  adapters::ReactorRuntime runtime{reactor, {.seed = 1}};
  MemoryPublication log;
  MemoryWitness memory[2];
  decide::NoteSigner log_key = key("bio1/log", decide::NoteKeyKind::log);
  WitnessService witness[2] = {{runtime, memory[0], key("w0", decide::NoteKeyKind::witness)},
                               {runtime, memory[1], key("w1", decide::NoteKeyKind::witness)}};
  bool away = false;
  bool silent = false;

  Publisher publisher(size_t required) {
    for (auto& one : witness) REQUIRE(one.add_log(log_key.verifier()));
    Publisher made(runtime, log, log_key, {.witness_timeout = 50ms, .required = required},
                   [this](const net::SocketAddress&, net::Request request, Time) -> Result<net::Response> {
                     const size_t which = request.target.starts_with("/0/") ? 0 : 1;
                     if (which == 1 && silent) runtime.sleep_for(200ms);
                     if (which == 1 && away) return fail(Code::unavailable, "away");
                     return witness[which].add_checkpoint(request.body);
                   });
    made.set_witnesses({{witness[0].verifier(), {}, "/0"}, {witness[1].verifier(), {}, "/1"}});
    return made;
  }
  void in_fiber(const std::function<void()>& body) {
    bool done = false;
    runtime.spawn("test", [&] {
      body();
      done = true;
    });
    while (!done) reactor.turn(50ms);
  }
  decide::Checkpoint published() {
    return *decide::verify_checkpoint(*decide::parse_note(*log.published), log_key.verifier());
  }
  bool cosigned(int which) { return witness[which].verifier().verify(*decide::parse_note(*log.published)).has_value(); }
};

}  // namespace

TEST_CASE("a checkpoint is published with the cosignatures of those who answer, and again when more do") {
  Bench bench;
  auto publisher = bench.publisher(1);
  bench.in_fiber([&] {
    bench.log.grow(3);
    REQUIRE(publisher.publish());
    CHECK(bench.published().size == 3);
    CHECK((bench.cosigned(0) && bench.cosigned(1)));
    bench.away = true;
    bench.log.grow(400);
    REQUIRE(publisher.publish());
    CHECK(bench.published().size == 403);
    CHECK((bench.cosigned(0) && !bench.cosigned(1)));
    bench.away = false;
    bench.log.grow(1);
    REQUIRE(publisher.publish());  // the second is asked from the size that it has seen
    CHECK((bench.cosigned(0) && bench.cosigned(1)));
    const std::string last = *bench.log.published;
    REQUIRE(publisher.publish());
    CHECK(*bench.log.published == last);  // nothing new
  });
}

TEST_CASE("a witness that does not answer holds up nobody, and too few cosignatures are no checkpoint") {
  Bench bench;
  auto publisher = bench.publisher(2);
  bench.in_fiber([&] {
    bench.silent = true;
    bench.log.grow(3);
    const Time begin = bench.runtime.now();
    CHECK(publisher.publish().error().code == Code::unavailable);
    CHECK(bench.runtime.now() - begin < 180ms);
    CHECK(!bench.log.published);
    bench.silent = false;
    bench.runtime.sleep_for(300ms);
    REQUIRE(publisher.publish());
    CHECK(bench.published().size == 3);
  });
}

TEST_CASE("a publisher that starts anew finds out what its witnesses have seen") {
  Bench bench;
  auto first = bench.publisher(2);
  auto second = bench.publisher(2);
  bench.in_fiber([&] {
    bench.log.grow(300);
    REQUIRE(first.publish());
    bench.log.grow(5);
    REQUIRE(second.publish());
    CHECK(bench.published().size == 305);
  });
}

TEST_CASE("a log that forgets what was witnessed gets no cosignature") {
  Bench bench;
  auto publisher = bench.publisher(1);
  bench.in_fiber([&] {
    bench.log.grow(300);
    REQUIRE(publisher.publish());
    bench.log.leaves.resize(200);
    CHECK(!publisher.publish());
    bench.log.leaves[7] = sha256("another past");
    bench.log.grow(200);
    CHECK(!publisher.publish());
    CHECK(bench.published().size == 300);
  });
}

TEST_CASE("a witness that cannot keep what it saw does not cosign it") {
  Bench bench;
  bench.memory[0].full = bench.memory[1].full = true;
  auto publisher = bench.publisher(1);
  bench.in_fiber([&] {
    bench.log.grow(3);
    CHECK(!publisher.publish());
    bench.memory[0].full = false;
    CHECK(publisher.publish());
  });
}

TEST_CASE("the front answers as tlog-tiles and tlog-witness say") {
  Bench bench;
  WitnessService& witness = bench.witness[0];
  LogFront front(bench.log, witness, SiteId::of("bio1"), bench.log_key, "secret");
  auto ask = [&](const std::string& method, const std::string& path, std::optional<TenantId> tenant = std::nullopt) {
    return front.answer({method, path, "", std::move(tenant)});
  };
  CHECK(ask("GET", "/log/checkpoint").status == 404);
  bench.log.published = "note";
  CHECK(ask("GET", "/log/checkpoint").body == "note");
  CHECK(ask("GET", "/log/tile/0/000.p/1").body.size() == 32);
  CHECK(ask("GET", "/log/tile/0/000").status == 404);
  CHECK(ask("POST", "/log/checkpoint").status == 405);
  CHECK(ask("GET", "/witness/add-checkpoint").status == 405);
  CHECK(ask("POST", "/witness/add-checkpoint").status == 400);
  CHECK(ask("GET", "/log/salt").status == 401);
  const TenantId acme = TenantId::of("acme");
  const auto salt =
      decide::verify_salt(ask("GET", "/log/salt", acme).body, SiteId::of("bio1"), acme, bench.log_key.verifier());
  REQUIRE(salt);
  CHECK(*salt == decide::tenant_salt("secret", acme));
  const auto keys = parse_json(ask("GET", "/log/keys").body);
  CHECK(keys->at("log").get_string() == bench.log_key.verifier().str());
}

TEST_CASE("a witness takes each log's key once, and no more logs than it says") {
  Bench bench;
  WitnessService& witness = bench.witness[0];
  const auto log = key("log", decide::NoteKeyKind::log).verifier();
  CHECK(witness.add_log(log));
  CHECK(witness.add_log(log));
  CHECK(witness.add_log(key("log", decide::NoteKeyKind::log).verifier()).error().code == Code::conflict);
}

}  // namespace barrio::transparency::transparency_test
