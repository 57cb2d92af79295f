#include "engine/engine.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>

#include "base/rng.h"
#include "engine/fake_model_test.h"

namespace barrio::engine::engine_test {

namespace {

EngineConfig accelerator(size_t slots = 1, Bytes memory = {}) {
  return {.devices = {{.name = "gpu", .slots = slots, .is_cpu = false, .memory = memory}}};
}

struct World {
  explicit World(EngineConfig config = accelerator())
      : engine(reactor, {{"fake", &backend}}, std::move(config), registry) {}
  ~World() { backend.release(); }

  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(100ms);
    REQUIRE(done());
  }
  Result<void> load(const std::string& name, LoadParameters parameters = {.builtin = "batch"}) {
    std::optional<Result<void>> answer;
    engine.load(name, std::move(parameters), [&](Result<void> result) { answer = std::move(result); });
    until([&] { return answer.has_value(); });
    return *answer;
  }
  void unload(const std::string& name, const std::string& version = "") {
    bool gone = false;
    engine.unload(name, version, [&](Result<void> result) { gone = result.has_value(); });
    until([&] { return gone; });
  }
  using Answer = std::shared_ptr<std::optional<Served>>;
  Answer submit(const std::string& model, int value, Submission asked = {}) {
    auto answer = std::make_shared<std::optional<Served>>();
    asked.model = model;
    asked.arrived = reactor.fresh_now();
    asked.request.inputs = {{"x", ports::DataType::UINT8, {1}, std::string(1, static_cast<char>(value))}};
    last_id = engine.submit(std::move(asked), [answer](Served served) {
      CHECK_FALSE(answer->has_value());
      *answer = std::move(served);
    });
    return answer;
  }
  Served wait(const Answer& answer) {
    until([&] { return answer->has_value(); });
    return **answer;
  }
  Served ask(const std::string& model, int value) { return wait(submit(model, value)); }
  /// Keeps the only slot until `backend.slow` is released.
  Answer hold(const std::string& model) {
    const size_t before = backend.runs.all().size();
    auto answer = submit(model, 7);
    until([&] { return backend.runs.all().size() > before; });
    return answer;
  }
  /// What ran since the slot was held.
  std::vector<Runs::Run> runs_after_hold() const {
    auto all = backend.runs.all();
    while (!all.empty() && all.front().values != std::vector{7}) all.erase(all.begin());
    if (!all.empty()) all.erase(all.begin());
    return all;
  }
  ModelVersion version(const std::string& model, const std::string& number) const {
    for (const ListedModel& listed : engine.index()) {
      for (const ModelVersion& one : listed.versions) {
        if (listed.name == model && one.version == number) return one;
      }
    }
    return {.version = "none", .state = ModelState::unavailable};
  }
  Submission within(Duration time, UrgencyClass urgency = UrgencyClass::soft) {
    return {.urgency = urgency, .deadline = reactor.fresh_now() + time};
  }

  Registry registry;
  net::Reactor reactor;
  FakeBackend backend;
  uint64_t last_id = 0;
  Engine engine;
};

int value_of(const Served& served) {
  REQUIRE_FALSE(served.error);
  REQUIRE_FALSE(served.declined);
  return static_cast<unsigned char>(served.outputs.at(0).data.at(0));
}

}  // namespace

TEST_CASE("what waits for one model runs in one batch, and each gets its own answer") {
  World world;
  REQUIRE(world.load("m"));
  const auto held = world.hold("m");
  std::vector<World::Answer> answers;
  for (const int value : {1, 2, 13, 4}) answers.push_back(world.submit("m", value));
  world.backend.slow.release();
  CHECK(value_of(world.wait(held)) == 14);
  CHECK(value_of(world.wait(answers[0])) == 2);
  CHECK(value_of(world.wait(answers[1])) == 4);
  CHECK(world.wait(answers[2]).error.value().what == "the model broke");
  CHECK(value_of(world.wait(answers[3])) == 8);
  CHECK((*answers[0])->times.batch == 4);
  CHECK(world.runs_after_hold() == std::vector<Runs::Run>{{"m", {1, 2, 13, 4}}});
  CHECK(world.engine.idle());
}

TEST_CASE("many models share one device, and each answers for itself") {
  World world;
  std::vector<World::Answer> answers;
  for (int i = 0; i < 8; ++i) REQUIRE(world.load("m" + std::to_string(i)));
  const auto held = world.hold("m0");
  for (int i = 0; i < 80; ++i) answers.push_back(world.submit("m" + std::to_string(i % 8), 20 + i % 8));
  world.backend.slow.release();
  for (int i = 0; i < 80; ++i) CHECK(value_of(world.wait(answers[static_cast<size_t>(i)])) == 2 * (20 + i % 8));
  for (const Runs::Run& run : world.runs_after_hold()) {
    for (const int value : run.values) CHECK(run.model == "m" + std::to_string(value - 20));
  }
}

TEST_CASE("a step after the first is one class up, whatever class that is") {
  World world;
  REQUIRE(world.load("m"));
  REQUIRE(world.load("spare", {.builtin = "batch", .urgency = "best_effort"}));
  const auto counted = [&](const char* model, const char* urgency) {
    const std::string labels = std::string("{model=\"") + model + "\",class=\"" + urgency;
    return world.registry.text().find("barrio_engine_offered_total" + labels) != std::string::npos;
  };
  value_of(world.wait(world.submit("m", 1, {.continues = true})));
  CHECK(counted("m", "hard"));
  CHECK_FALSE(counted("m", "soft"));
  value_of(world.wait(world.submit("m", 1, {.urgency = UrgencyClass::best_effort, .continues = true})));
  CHECK(counted("m", "soft"));
  value_of(world.wait(world.submit("spare", 1, {.urgency = UrgencyClass::hard, .may_rise = false})));
  CHECK(counted("spare", "best_effort"));
}

TEST_CASE("a tight model does not wait behind a loose one that came first") {
  World world;
  for (const char* name : {"other", "loose", "tight"}) REQUIRE(world.load(name, {.builtin = "one"}));
  const auto held = world.hold("other");
  const auto loose = world.submit("loose", 1, world.within(60s));
  const auto tight = world.submit("tight", 2, world.within(5s));
  world.backend.slow.release();
  CHECK(value_of(world.wait(loose)) == 2);
  CHECK(value_of(world.wait(tight)) == 4);
  CHECK(world.runs_after_hold() == std::vector<Runs::Run>{{"tight", {2}}, {"loose", {1}}});
}

TEST_CASE("slots run at the same time, one instance each") {
  World world(accelerator(2));
  REQUIRE(world.load("m", {.builtin = "one"}));
  const auto held = world.hold("m");
  CHECK(value_of(world.ask("m", 1)) == 2);
  CHECK_FALSE(held->has_value());
  world.backend.slow.release();
  CHECK(value_of(world.wait(held)) == 14);
}

TEST_CASE("a request that is cancelled while it waits is not run, and one that runs is not answered") {
  World world;
  REQUIRE(world.load("m"));
  const auto held = world.hold("m");
  const uint64_t held_id = world.last_id;
  const auto waiting = world.submit("m", 1);
  world.engine.cancel(world.last_id);
  world.engine.cancel(world.last_id);
  world.engine.cancel(held_id);
  world.engine.cancel(12345);
  world.backend.slow.release();
  world.until([&] { return world.engine.idle(); });
  CHECK_FALSE(held->has_value());
  CHECK_FALSE(waiting->has_value());
  CHECK(world.runs_after_hold().empty());
  CHECK(world.registry.text().find(R"(class="soft",tenant="own",reason="cancelled"} 2)") != std::string::npos);
}

TEST_CASE("the version before serves until the new one is ready, and then goes") {
  World world;
  REQUIRE(world.load("m"));
  bool loaded = false;
  world.engine.load("m", {.builtin = "held"}, [&](Result<void> result) { loaded = result.has_value(); });
  CHECK(world.version("m", "2").state == ModelState::loading);
  CHECK(value_of(world.ask("m", 1)) == 2);
  CHECK(world.engine.statistics("m", "1")->front().inference_count == 1);
  const auto held = world.hold("m");
  const auto waiting = world.submit("m", 3);
  world.backend.loading.release();
  world.until([&] { return loaded; });
  CHECK(world.version("m", "1").state == ModelState::unloading);
  const auto next = world.submit("m", 5);
  world.backend.slow.release();
  CHECK(value_of(world.wait(held)) == 14);
  CHECK(value_of(world.wait(waiting)) == 6);
  CHECK(value_of(world.wait(next)) == 10);
  world.until([&] { return world.version("m", "1").state == ModelState::unavailable; });
  CHECK(world.version("m", "1").reason == "replaced by another version");
  CHECK(world.engine.statistics("m", "2")->front().inference_count == 1);
  CHECK(world.engine.find("m", "1") == nullptr);
  CHECK(world.engine.find("m", "")->name == "m");
}

TEST_CASE("a canary gets its share, and is promoted or taken back") {
  World world;
  REQUIRE(world.load("m"));
  REQUIRE(world.load("m", {.share = 0.25}));
  for (int i = 0; i < 40; ++i) world.ask("m", 1);
  CHECK(world.engine.statistics("m", "2")->front().inference_count == 10);
  CHECK(world.engine.statistics("m", "1")->front().inference_count == 30);
  SUBCASE("promoted") {
    REQUIRE(world.engine.share("m", "2", 1));
    CHECK(world.version("m", "1").state != ModelState::ready);
  }
  SUBCASE("taken back") {
    REQUIRE(world.engine.share("m", "1", 1));
    CHECK(world.version("m", "2").state != ModelState::ready);
  }
  for (int i = 0; i < 10; ++i) CHECK(value_of(world.ask("m", 1)) == 2);
  CHECK(world.engine.share("m", "9", 1).error().code == Code::not_found);
  CHECK(world.engine.share("m", "1", 1.5).error().where == "share");
}

TEST_CASE(
    "a load that names a version which answers gives it its share, so that any client can promote and roll back") {
  World world;
  REQUIRE(world.load("m"));
  REQUIRE(world.load("m", {.share = 0.25}));
  REQUIRE(world.load("m", {.version = "2", .share = 0.5}));
  CHECK(world.version("m", "1").share == 0.5);
  CHECK(world.version("m", "2").share == 0.5);
  CHECK(world.load("m", {.version = "2", .share = 2}).error().where == "share");
  CHECK(world.load("m", {.builtin = "one", .version = "2"}).error().code == Code::conflict);
  REQUIRE(world.load("m", {.version = "2"}));
  CHECK(world.version("m", "1").state != ModelState::ready);
  for (int i = 0; i < 4; ++i) CHECK(world.ask("m", 1).version == "2");
}

TEST_CASE("a version that has gone comes back by its number, made of what it was made of") {
  World world;
  REQUIRE(world.load("m", {.builtin = "batch"}));
  REQUIRE(world.load("m", {.builtin = "one"}));
  world.until([&] { return world.version("m", "1").state == ModelState::unavailable; });
  REQUIRE(world.load("m", {.version = "1"}));
  CHECK(world.engine.find("m", "")->max_batch == 8);
  CHECK(world.ask("m", 1).version == "1");
  world.unload("m");
  // The newest that was there, read anew.
  REQUIRE(world.load("m", {}));
  CHECK(world.engine.find("m", "3")->max_batch == 1);
  // What never served is not remembered, and what did not for ever.
  CHECK(!world.load("m", {.builtin = "bad"}));
  for (int i = 0; i < 7; ++i) REQUIRE(world.load("m"));
  CHECK(world.version("m", "4").version == "none");
  CHECK(world.version("m", "1").version == "none");
  CHECK(world.engine.index().front().versions.size() <= 6);
}

TEST_CASE("a canary that fails where the others do not is taken back by itself") {
  World world;
  REQUIRE(world.load("m"));
  REQUIRE(world.load("m", {.share = 0.5}));
  for (int i = 0; i < 100 && world.version("m", "2").state == ModelState::ready; ++i) {
    // Every other one goes to the canary.
    const bool to_canary = world.engine.statistics("m", "1")->front().inference_count >
                           world.engine.statistics("m", "2")->front().inference_count;
    world.ask("m", to_canary ? 13 : 1);
  }
  CHECK(world.version("m", "2").reason.starts_with("rolled back: "));
  CHECK(world.version("m", "1").share == 1);
  CHECK(value_of(world.ask("m", 1)) == 2);
}

TEST_CASE("a model that is unloaded answers what it has, and no more") {
  World world;
  REQUIRE(world.load("m"));
  const auto held = world.hold("m");
  const auto waiting = world.submit("m", 1);
  bool gone = false;
  world.engine.unload("m", "", [&](Result<void> result) { gone = result.has_value(); });
  const auto refused = world.ask("m", 1);
  CHECK(refused.declined.value().why == Declined::Why::not_ready);
  CHECK_FALSE(gone);
  world.backend.slow.release();
  CHECK(value_of(world.wait(held)) == 14);
  CHECK(value_of(world.wait(waiting)) == 2);
  world.until([&] { return gone; });
  CHECK(world.version("m", "1").reason == "unloaded");
  std::optional<Error> error;
  world.engine.unload("m", "", [&](Result<void> result) { error = result.error(); });
  CHECK(error.value().code == Code::not_found);
  REQUIRE(world.load("m"));
  CHECK(value_of(world.ask("m", 1)) == 2);
}

TEST_CASE("every instance of a model is limited, whether or not its memory was declared") {
  World world(accelerator(2));
  const auto given = [&](const std::string& name, LoadParameters parameters) {
    REQUIRE(world.load(name, std::move(parameters)));
    return Bytes(world.backend.memory);
  };
  const auto file = std::filesystem::temp_directory_path() / ("barrio-engine-limit-" + std::to_string(getpid()));
  std::ofstream(file) << std::string(1'000'000, 'x');
  CHECK(given("declared", {.path = file.string(), .memory = mib(300)}) == mib(150));
  CHECK(given("builtin", {.builtin = "x"}) == gib(1));
  CHECK(given("file", {.path = file.string()}) == Bytes(gib(1).count() + 4'000'000));
  // What a device has decides what may be loaded, and not what a process of it may take beside.
  World small(accelerator(2, mib(512)));
  REQUIRE(small.load("file", {.path = file.string()}));
  CHECK(Bytes(small.backend.memory) == Bytes(gib(1).count() + 4'000'000));
  std::filesystem::remove(file);
}

TEST_CASE("requests for which a model found no memory are counted as such") {
  World world(accelerator());
  REQUIRE(world.load("m"));
  CHECK(world.ask("m", 12).error.value().code == Code::exhausted);
  world.ask("m", 13);
  for (const char* reason : {"exhausted", "failed"}) {
    CHECK(world.registry.text().find("reason=\"" + std::string(reason) + "\"} 1") != std::string::npos);
  }
}

TEST_CASE("a load that cannot be is refused before anything is read, with the reason") {
  World world(accelerator(2, mib(1)));
  const auto file = std::filesystem::temp_directory_path() / ("barrio-engine-test-" + std::to_string(getpid()));
  const auto refusal = [&](const std::string& name, LoadParameters parameters) {
    const auto answer = world.load(name, std::move(parameters));
    REQUIRE_FALSE(answer);
    return answer.error();
  };
  std::ofstream(file) << std::string(700'000, 'x');
  CHECK(refusal("m", {.path = file.string()}).text() == "m: needs 1400kB, 1MiB are free on device gpu");
  CHECK(refusal("m", {.path = file.string(), .memory = Bytes(1000)}).where == "memory");
  CHECK(world.load("m", {.path = file.string(), .memory = Bytes(800'000)}));
  CHECK(refusal("n", {.path = file.string(), .memory = Bytes(800'000)}).code == Code::exhausted);
  world.unload("m");
  CHECK(world.load("n", {.path = file.string(), .memory = Bytes(800'000)}));
  std::filesystem::remove(file);
  CHECK(refusal("k", {.path = file.string()}).code == Code::not_found);
  CHECK(refusal("k", {}).code == Code::not_found);
  CHECK(refusal("k", {.builtin = "bad"}).text() == "bad: no model in it");
  CHECK(world.version("k", "1").reason == "bad: no model in it");
  CHECK(refusal("a/b", {.builtin = "x"}).where == "name");
  CHECK(refusal("k", {.builtin = "x", .path = "y"}).where == "builtin");
  CHECK(refusal("k", {.builtin = "x", .version = "new"}).where == "version");
  CHECK(refusal("k", {.builtin = "x", .share = 2}).where == "share");
  CHECK(refusal("k", {.builtin = "x", .device = "tpu"}).where == "device");
  CHECK(refusal("k", {.builtin = "x", .urgency = "very"}).where == "urgency");
  CHECK(refusal("k", {.backend = "triton", .builtin = "x"}).code == Code::unsupported);
  CHECK(refusal("n", {.builtin = "x", .version = "1"}).code == Code::conflict);
}

TEST_CASE("the number of loaded versions is bounded, and a load under way is not doubled") {
  EngineConfig config = accelerator();
  config.models = 2;
  World world(config);
  REQUIRE(world.load("a"));
  std::optional<Result<void>> first;
  world.engine.load("b", {.builtin = "held"}, [&](Result<void> result) { first = std::move(result); });
  CHECK(world.load("b").error().code == Code::conflict);
  CHECK(world.load("c").error().code == Code::exhausted);
  // Unloaded while it loads: the load says so, and leaves room.
  bool gone = false;
  world.engine.unload("b", "", [&](Result<void> result) { gone = result.has_value(); });
  world.backend.loading.release();
  world.until([&] { return gone && first.has_value(); });
  CHECK(first->error().code == Code::cancelled);
  CHECK(world.load("c"));
}

TEST_CASE("a model that hopeless figures have stopped is tried again after a while") {
  World world;
  REQUIRE(world.load("m", {.builtin = "one"}));
  const auto held = world.hold("m");
  const Time slow_until = world.reactor.fresh_now() + 30ms;
  world.until([&] { return world.reactor.fresh_now() > slow_until; });
  world.backend.slow.release();
  world.wait(held);
  const auto hopeless = world.wait(world.submit("m", 1, world.within(5ms)));
  CHECK(hopeless.declined.value().why == Declined::Why::too_late);
  CHECK(hopeless.declined->earliest.value() > 25ms);
  const Time forgotten = world.reactor.fresh_now() + 1100ms;
  world.until([&] { return world.reactor.fresh_now() > forgotten; });
  CHECK(value_of(world.wait(world.submit("m", 1, world.within(1s)))) == 2);
  CHECK(world.engine.statistics("m", "1")->front().inference_count == 2);
}

TEST_CASE("statistics count requests, runs and batches") {
  World world;
  REQUIRE(world.load("m"));
  const auto held = world.hold("m");
  std::vector<World::Answer> answers;
  for (const int value : {1, 2, 3}) answers.push_back(world.submit("m", value));
  world.backend.slow.release();
  for (const auto& answer : answers) world.wait(answer);
  world.ask("m", 13);
  const ModelStatistics statistics = world.engine.statistics("m", "")->front();
  CHECK(statistics.version == "1");
  CHECK(statistics.inference_count == 5);
  CHECK(statistics.execution_count == 3);
  CHECK(statistics.success.count == 4);
  CHECK(statistics.fail.count == 1);
  CHECK(statistics.queue.count == 5);
  CHECK(statistics.compute.count == 5);
  REQUIRE(statistics.batches.size() == 2);
  CHECK(statistics.batches[0].size == 1);
  CHECK(statistics.batches[0].run.count == 2);
  CHECK(statistics.batches[1].size == 3);
  CHECK(statistics.last_inference.has_value());
  CHECK(world.engine.statistics("", "")->size() == 1);
  CHECK(world.engine.statistics("x", "").error().code == Code::not_found);
}

TEST_CASE("a replica's scope takes nothing of the length that a name may have") {
  Registry registry;  // outlives what counts in it
  World world;
  const std::string scope(62, 'r');
  world.engine.open_scope(scope, registry);
  CHECK(world.load(scope + "/" + std::string(127, 'm')));  // an app's and its step's, both as long as they may be
  CHECK(!world.load(scope + "/" + std::string(129, 'm')));
  CHECK(!world.load("unknown/m"));
}

TEST_CASE("whatever comes, every request ends once and is counted once") {
  CHECK(rc::check([](uint64_t seed) {
    Rng rng(seed);
    EngineConfig config = accelerator(1 + rng.below(2));
    config.queue = 1 + rng.below(20);
    World world(config);
    REQUIRE(world.load("a"));
    REQUIRE(world.load("b", {.builtin = "one"}));
    const size_t count = 1 + rng.below(200);
    size_t ended = 0;
    size_t cancelled = 0;
    std::vector<std::pair<uint64_t, size_t>> waiting;  // the engine's number of a request, and ours
    std::vector<bool> is_over(count);
    std::vector<bool> was_given_up(count);
    for (size_t i = 0; i < count; ++i) {
      Submission asked{.model = rng.below(2) == 0 ? "a" : "b", .tenant = "t" + std::to_string(rng.below(3))};
      asked.arrived = world.reactor.fresh_now();
      if (rng.below(3) != 0) asked.deadline = asked.arrived + Duration(1000 * static_cast<int64_t>(rng.below(5000)));
      asked.urgency = static_cast<UrgencyClass>(rng.below(3));
      const char value = static_cast<char>(rng.below(20) == 0 ? 13 : 1);
      asked.request.inputs = {{"x", ports::DataType::UINT8, {1}, std::string(1, value)}};
      const uint64_t id = world.engine.submit(std::move(asked), [&, i](Served served) {
        ++ended;
        CHECK(!was_given_up[i]);
        is_over[i] = true;
        const int kinds = (served.error ? 1 : 0) + (served.declined ? 1 : 0) + (served.outputs.empty() ? 0 : 1);
        CHECK(kinds == 1);
      });
      if (!is_over[i]) waiting.emplace_back(id, i);
      if (rng.below(10) == 0) world.reactor.turn(0ms);
      if (!waiting.empty() && rng.below(10) == 0) {
        // Others may end meanwhile: whose time has run out is found out when the device chooses anew.
        const auto [given_up, ours] = waiting[rng.below(waiting.size())];
        was_given_up[ours] = !is_over[ours];
        world.engine.cancel(given_up);
      }
    }
    world.until([&] { return world.engine.idle(); });
    std::map<std::string, double> sums;
    std::istringstream lines(world.registry.text());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('#')) continue;
      const std::string name = line.substr(0, line.find('{'));
      sums[name] += std::stod(line.substr(line.rfind(' ')));
      if (line.find(R"(reason="cancelled")") != std::string::npos) {
        cancelled += static_cast<size_t>(std::stod(line.substr(line.rfind(' '))));
      }
    }
    CHECK(ended + cancelled == count);
    CHECK(sums["barrio_engine_offered_total"] == static_cast<double>(count));
    CHECK(sums["barrio_engine_on_time_total"] + sums["barrio_engine_late_total"] +
              sums["barrio_engine_refused_total"] ==
          static_cast<double>(count));
  }));
}

}  // namespace barrio::engine::engine_test
