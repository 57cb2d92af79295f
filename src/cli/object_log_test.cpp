#include "cli/object_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "adapters/reactor_runtime/reactor_runtime.h"
#include "decide/routing/world_test.h"

namespace barrio::cli::object_log_test {

namespace {

/// Answers when the test says so.
class HeldLog final : public ports::TransparencyLog {
 public:
  explicit HeldLog(ports::Runtime& runtime) : answered_(runtime.make_signal()) {}
  Result<uint64_t> append(std::span<const LogEvent> events) override {
    appends.push_back(events.size());
    const size_t mine = appends.size();
    while (answers_ < mine) answered_->wait_until(Time::max());
    if (mine == fails) return fail(Code::exhausted, "the disk is full");
    return 0;
  }
  uint64_t size() const override { return 0; }
  Result<bool> has(const LogEvent&, uint64_t) override { return false; }
  void answer() {
    ++answers_;
    answered_->notify();
  }

  std::vector<size_t> appends;  // leaves of each
  size_t fails = 0;             // which one, from 1

 private:
  size_t answers_ = 0;
  std::unique_ptr<ports::Signal> answered_;
};

struct Storage {
  net::Reactor reactor;
  adapters::ReactorRuntime runtime{reactor, {.offload_threads = 0}};
  HeldLog held{runtime};
  ObjectLog log{runtime, reactor, {reactor, runtime, held}};
  Bucket bucket;
  std::vector<std::optional<Result<void>>> noted;

  Storage() {
    log.set_snapshot(decide::test::snapshot_of({decide::test::site_at("bio1", -2.9)}, {}));
    bucket.name = *BucketName::parse("frames");
    bucket.tenant = TenantId::of("acme");
  }
  ~Storage() { CHECK(runtime.fibers() == 0); }
  void note(size_t times, const std::string& sha256 = "") {
    for (size_t i = 0; i < times; ++i) {
      const size_t at = noted.size();
      noted.emplace_back();
      runtime.spawn("put", [this, at, sha256] {
        noted[at] = log.note({.act = objects::ObjectAct::stored,
                              .bucket = bucket,
                              .key = "key" + std::to_string(at),
                              .sha256 = sha256,
                              .bytes = 1,
                              .site = SiteId::of("bio1")});
      });
    }
    turn();
  }
  void answer() {
    held.answer();
    turn();
  }
  void turn() {
    for (int i = 0; i < 20; ++i) reactor.turn(Duration::zero());
  }
  size_t answered() const {
    return static_cast<size_t>(std::ranges::count_if(noted, [](const auto& one) { return one.has_value(); }));
  }
};

}  // namespace

TEST_CASE("leaves that come while others are written are written together, and nobody is answered before his own") {
  Storage storage;
  storage.note(1);
  storage.note(70);
  CHECK(storage.held.appends == std::vector<size_t>{1, 64});  // a whole batch waits for nobody
  CHECK(storage.answered() == 0);
  storage.answer();
  CHECK(storage.answered() == 1);
  storage.answer();
  CHECK(storage.held.appends == std::vector<size_t>{1, 64, 6});
  CHECK(storage.answered() == 65);
  storage.note(1);
  CHECK(storage.held.appends.size() == 3);
  storage.answer();
  CHECK(storage.held.appends == std::vector<size_t>{1, 64, 6, 1});
  storage.answer();
  CHECK(storage.answered() == 72);
  for (const auto& one : storage.noted) CHECK(one->has_value());
  // It is at rest, and begins again.
  storage.note(1);
  storage.answer();
  CHECK(storage.answered() == 73);
}

TEST_CASE("an append that fails fails all of its leaves and no other; what cannot be a leaf fails alone") {
  Storage storage;
  storage.held.fails = 2;
  storage.note(1);
  storage.note(2);
  storage.note(1, "no hash");
  CHECK(storage.answered() == 1);
  CHECK(storage.noted[3]->error().code == Code::invalid);
  storage.answer();
  storage.note(1);
  storage.answer();
  storage.answer();
  CHECK(storage.held.appends == std::vector<size_t>{1, 2, 1});
  REQUIRE(storage.answered() == 5);
  CHECK(storage.noted[0]->has_value());
  CHECK(storage.noted[1]->error().code == Code::exhausted);
  CHECK(storage.noted[2]->error().code == Code::exhausted);
  CHECK(storage.noted[4]->has_value());
}

}  // namespace barrio::cli::object_log_test
