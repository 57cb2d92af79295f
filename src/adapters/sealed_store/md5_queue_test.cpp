#include "adapters/sealed_store/md5_queue.h"

#include <doctest/doctest.h>

#include <vector>

#include "base/fiber.h"
#include "base/hash.h"

namespace barrio::adapters::sealed_store::md5_queue_test {

namespace {

/// Fibers, whose work on other threads ends when the test says so.
class StepRuntime final : public ports::Runtime {
 public:
  Time now() override { return {}; }
  WallTime wall() override { return {}; }
  void sleep_until(Time) override {}
  void spawn(std::string name, std::function<void()> body) override { fibers.spawn(std::move(name), std::move(body)); }
  void offload(std::function<void()> work) override {
    bool done = false;
    jobs.push_back([&, fiber = fibers.current()] {
      work();
      done = true;
      fibers.ready(fiber);
    });
    while (!done) fibers.park();
  }
  std::unique_ptr<ports::Signal> make_signal() override { return std::make_unique<StepSignal>(*this); }
  Rng& rng() override { return rng_; }
  bool stopping() override { return false; }

  void run_fibers() {
    while (fibers.run_one()) {
    }
  }
  void end_job() {
    jobs.front()();
    jobs.pop_front();
    run_fibers();
  }

  std::deque<std::function<void()>> jobs;
  FiberScheduler fibers;

 private:
  class StepSignal final : public ports::Signal {
   public:
    explicit StepSignal(StepRuntime& runtime) : runtime_(runtime) {}
    bool wait_until(Time) override {
      waiting_.push_back(runtime_.fibers.current());
      runtime_.fibers.park();
      return true;
    }
    void notify() override {
      for (Fiber* fiber : std::exchange(waiting_, {})) runtime_.fibers.ready(fiber);
    }

   private:
    StepRuntime& runtime_;
    std::vector<Fiber*> waiting_;
  };

  Rng rng_{1};
};

struct Hashing {
  StepRuntime runtime;
  Md5Queue queue;
  std::vector<std::string> texts;
  std::vector<std::string> digests;

  Hashing(size_t messages, size_t at_once) : queue(runtime, at_once), digests(messages) {
    for (size_t i = 0; i < messages; ++i) texts.emplace_back(1000 + 100 * i, static_cast<char>('a' + i));
    for (size_t i = 0; i < messages; ++i) {
      runtime.spawn("hash", [this, i] {
        Md5 message;
        queue.add(message, texts[i]);
        digests[i] = message.finish();
      });
    }
    runtime.run_fibers();
  }
  size_t done() const {
    size_t count = 0;
    for (size_t i = 0; i < texts.size(); ++i) count += digests[i] == hash_of(HashKind::md5, texts[i]) ? 1 : 0;
    return count;
  }
};

}  // namespace

TEST_CASE("what waits while a message is hashed is hashed together, as many as there are lanes") {
  Hashing hashing(20, 1);
  std::vector<size_t> done;
  while (!hashing.runtime.jobs.empty()) {
    CHECK(hashing.runtime.jobs.size() == 1);
    hashing.runtime.end_job();
    done.push_back(hashing.done());
  }
  CHECK(done == std::vector<size_t>{1, 1 + Md5::lanes, 20});
  CHECK(hashing.runtime.fibers.alive() == 0);
}

TEST_CASE("where cores are free, no message waits for another") {
  Hashing hashing(4, 3);
  CHECK(hashing.runtime.jobs.size() == 3);
  hashing.runtime.end_job();
  CHECK(hashing.done() == 1);
  CHECK(hashing.runtime.jobs.size() == 3);
  while (!hashing.runtime.jobs.empty()) hashing.runtime.end_job();
  CHECK(hashing.done() == 4);
}

}  // namespace barrio::adapters::sealed_store::md5_queue_test
