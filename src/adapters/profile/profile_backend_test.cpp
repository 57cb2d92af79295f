#include "adapters/profile/profile_backend.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "adapters/profile/profile_plan.h"

namespace barrio::adapters::profile_backend_test {

namespace {

class FakeClock final : public DeviceClock {
 public:
  Time at{1s};
  Duration spun{};
  Time now() override { return at; }
  void wait_until(Time end, Duration spin) override {
    at = std::max(at, end);
    spun += spin;
  }
};

ports::InferenceRequest request_of(const std::string& bytes) {
  return {{{"x", ports::DataType::UINT8, {static_cast<int64_t>(bytes.size())}, bytes}}, ""};
}

struct World {
  explicit World(const std::string& settings) : model(std::move(*backend.load({"m", settings, ""}))) {}
  Duration run(size_t batch) {
    const Time before = clock.at;
    const std::vector<ports::InferenceRequest> requests(batch, request_of("abc"));
    answers = model->run(requests);
    return clock.at - before;
  }
  FakeClock clock;
  ProfileBackend backend{clock};
  std::unique_ptr<ports::Model> model;
  std::vector<Result<ports::Outputs>> answers;
};

}  // namespace

TEST_CASE("a run of b requests takes exactly a + c*b") {
  World world("a=5ms,c=250us,max_batch=64,spin=20us");
  CHECK(world.run(1) == 5250us);
  CHECK(world.clock.spun == 20us);
  CHECK(world.run(64) == 21ms);
  CHECK(world.answers.size() == 64);
  CHECK(world.model->info().max_batch == 64);
}

TEST_CASE("each request gets its own bytes back, in the length that is set") {
  World world("output=5");
  const std::vector requests{request_of("first"), request_of(""), request_of("longer than that")};
  const auto answers = world.model->run(requests);
  REQUIRE(answers.size() == 3);
  CHECK(answers[0]->at(0).name == "y");
  CHECK(answers[0]->at(0).data == "first");
  CHECK(answers[1]->at(0).data == std::string(5, '\0'));
  CHECK(answers[2]->at(0).data == "longe");
  CHECK(answers[2]->at(0).shape == std::vector<int64_t>{5});
  World echo("");
  CHECK(echo.model->run(requests)[2]->at(0).data == "longer than that");
}

TEST_CASE("a request that is wrong fails alone, and costs the same") {
  World world("a=1ms,c=1ms");
  auto wrong = request_of("abc");
  wrong.inputs[0].name = "z";
  const std::vector requests{request_of("a"), wrong, request_of("b")};
  const Time before = world.clock.at;
  const auto answers = world.model->run(requests);
  CHECK(world.clock.at - before == 4ms);
  CHECK(answers[0]->at(0).data == "a");
  CHECK(answers[1].error().code == Code::invalid);
  CHECK(answers[2]->at(0).data == "b");
}

TEST_CASE("jitter stays within its share, differs from run to run, and repeats with its seed") {
  World world("a=10ms,c=0ms,jitter=0.1,seed=7");
  World same("a=10ms,c=0ms,jitter=0.1,seed=7");
  World other("a=10ms,c=0ms,jitter=0.1,seed=8");
  Duration low = 1h;
  Duration high{};
  Duration sum{};
  bool differs = false;
  for (int i = 0; i < 1000; ++i) {
    const Duration took = world.run(1);
    CHECK(took == same.run(1));
    differs = differs || took != other.run(1);
    low = std::min(low, took);
    high = std::max(high, took);
    sum += took;
  }
  CHECK(differs);
  CHECK(low >= 9ms);
  CHECK(low < 9100us);
  CHECK(high < 11ms);
  CHECK(high > 10900us);
  CHECK(to_ms(sum) / 1000 == doctest::Approx(10).epsilon(0.01));
}

TEST_CASE("faults come at the runs they are set for") {
  World failing("a=1ms,c=0ms,fail_every=3");
  for (int run = 1; run <= 6; ++run) {
    failing.run(2);
    for (const auto& answer : failing.answers) CHECK(answer.has_value() == (run % 3 != 0));
  }
  CHECK(failing.answers[0].error().code == Code::unavailable);
  World hanging("a=1ms,c=0ms,hang_at=2,hang=5s");
  CHECK(hanging.run(1) == 1ms);
  CHECK(hanging.run(1) == 5001ms);
  CHECK(hanging.run(1) == 1ms);
  World slow("a=1ms,c=0ms,slow_every=4,slow_runs=2,slow=10");
  for (int run = 0; run < 8; ++run) CHECK(slow.run(1) == (run % 4 < 2 ? 1ms : 10ms));
}

TEST_CASE("a model that is set to die takes its process with it") {
  const pid_t child = fork();
  if (child == 0) {
    World world("a=0ms,c=0ms,die_at=2");
    world.run(1);
    world.run(1);
    _exit(0);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("loading takes its time and can fail") {
  FakeClock clock;
  ProfileBackend backend(clock);
  CHECK(backend.load({"m", "load=3s", ""}));
  CHECK(clock.at == Time(4s));
  CHECK(backend.load({"m", "load_fails=1", ""}).error().code == Code::invalid);
  CHECK(backend.load({"m", "", "model.onnx"}).error().code == Code::unsupported);
}

TEST_CASE("settings that make no sense are refused by name") {
  for (const char* text : {"a=-1ms", "c=2h", "jitter=1.5", "jitter=nan", "max_batch=0", "max_batch=5000", "slow=-1",
                           "output=99999999999", "slow_runs=1", "hang=2h", "batch=3"}) {
    const auto settings = ProfileSettings::parse(text);
    REQUIRE_MESSAGE(!settings, text);
    CHECK(settings.error().code == Code::invalid);
    CHECK(std::string(text).starts_with(settings.error().where));
  }
  ProfileBackend backend;
  CHECK(backend.load({"m", "a=fast", ""}).error().where == "profile: a");
}

TEST_CASE("any batch takes within its jitter of a + c*b") {
  CHECK(rc::check([] {
    const auto batch = *rc::gen::inRange<size_t>(1, 100);
    const auto seed = *rc::gen::arbitrary<uint64_t>();
    ProfileSettings settings;
    settings.jitter = 0.2;
    settings.seed = seed;
    const double exact = to_ms(settings.a + settings.c * static_cast<int64_t>(batch));
    const double took = to_ms(ProfilePlan(settings).next(batch).takes);
    RC_ASSERT(took >= exact * 0.8 - 1e-6);
    RC_ASSERT(took <= exact * 1.2 + 1e-6);
  }));
}

TEST_CASE("the precise clock wakes no earlier than asked") {
  PreciseClock clock;
  for (const Duration spin : {Duration(0), Duration(50us), Duration(1s)}) {
    const Time end = clock.now() + 2ms;
    clock.wait_until(end, spin);
    CHECK(clock.now() >= end);
  }
  clock.wait_until(clock.now() - 1s, 0us);  // returns
}

}  // namespace barrio::adapters::profile_backend_test
