#include <doctest/doctest.h>

#include "adapters/process/process_runtime.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/fiber.h"

namespace barrio::adapters::process_runtime_test {

namespace {

/// Fibers that sleep on the real clock: children are real processes.
class Loop final : public ports::Runtime {
 public:
  Time now() override {
    return Time(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
  }
  WallTime wall() override { return {}; }
  void sleep_until(Time until) override {
    Fiber* fiber = scheduler_.current();
    while (now() < until) {
      sleeping_.insert(fiber);
      scheduler_.park();
    }
  }
  void spawn(std::string name, std::function<void()> body) override {
    scheduler_.spawn(std::move(name), std::move(body));
  }
  void offload(std::function<void()> work) override { work(); }
  std::unique_ptr<ports::Signal> make_signal() override { return nullptr; }
  Rng& rng() override { return rng_; }
  bool stopping() override { return false; }

  /// Runs `body` as a fiber to its end.
  void run(std::function<void()> body) {
    bool done = false;
    spawn("test", [&] {
      body();
      done = true;
    });
    while (!done) {
      scheduler_.run_ready();
      for (Fiber* fiber : std::exchange(sleeping_, {})) scheduler_.ready(fiber);
      std::this_thread::sleep_for(1ms);
    }
  }

 private:
  Rng rng_{1};
  std::set<Fiber*> sleeping_;
  FiberScheduler scheduler_;
};

/// Engines are shell scripts that say that they are up by making a file where their socket would be.
struct Fixture {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("barrio-process-test-" + std::to_string(getpid()));
  Loop loop;
  ProcessWorkloadRuntime workloads;
  ReplicaId id = ReplicaId::of("people-mad1-1");

  explicit Fixture(const std::string& script, bool answers = true)
      : workloads(
            loop,
            [this, answers](const net::SocketAddress& address, net::Request, Time) { return probe(address, answers); },
            config(script)) {}
  ~Fixture() { std::filesystem::remove_all(folder); }

  ProcessConfig config(const std::string& script) const {
    ProcessConfig config;
    config.engine_program = "/bin/sh";
    // The arguments that follow: $0 is --listen, $1 is unix:PATH.
    config.arguments = {"-c", script};
    config.folder = folder.string();
    config.stop_grace = 200ms;
    config.hang_limit = 300ms;
    config.log_bytes = 4096;
    return config;
  }
  static Result<net::Response> probe(const net::SocketAddress& address, bool answers) {
    const std::string path = address.str().substr(std::string("unix:").size());
    if (!answers || !std::filesystem::exists(path)) return fail(Code::unavailable, "connection refused");
    return net::Response{200, {}, ""};
  }
  ports::WorkloadSpec spec(int64_t generation = 1) const {
    return {{id,
             {TenantId::of("t"), AppName::of("people")},
             generation,
             {Backend::opencv, "people", "", ""},
             {Watts(40), mib(256), 1, "", 0}},
            ""};
  }
  std::optional<ports::WorkloadStatus> status() {
    const auto listed = workloads.list();
    if (!listed || listed->empty()) return std::nullopt;
    return listed->front();
  }
  /// Waits up to ten seconds.
  bool until(const std::function<bool()>& holds) {
    for (const Time end = loop.now() + 10s; loop.now() < end; loop.sleep_for(5ms)) {
      if (holds()) return true;
    }
    return false;
  }
  bool reaches(ReplicaPhase phase) {
    return until([&] { return status() && status()->report.phase == phase; });
  }
  std::string pid_in_log() {
    const auto lines = workloads.logs(id, 1);
    return lines && !lines->empty() ? lines->front() : "";
  }
};

const std::string good = R"(echo $$; touch "${1#unix:}"; exec sleep 1000)";

}  // namespace

TEST_CASE("an engine is ready once it answers, and stop ends its process") {
  Fixture f(good);
  f.loop.run([&] {
    REQUIRE(f.workloads.ensure(f.spec()).has_value());
    CHECK(f.reaches(ReplicaPhase::ready));
    const pid_t pid = std::stoi(f.pid_in_log());
    CHECK(f.status()->endpoint.size() < 108);
    REQUIRE(f.workloads.stop(f.id).has_value());
    REQUIRE(f.workloads.stop(f.id).has_value());
    CHECK(f.until([&] { return !f.status(); }));
    CHECK(kill(pid, 0) != 0);
    CHECK(f.workloads.stop(ReplicaId::of("nobody")).has_value());
  });
}

TEST_CASE("an engine that is killed fails with the reason, and starts again after the back-off") {
  Fixture f(good);
  f.loop.run([&] {
    REQUIRE(f.workloads.ensure(f.spec()).has_value());
    REQUIRE(f.reaches(ReplicaPhase::ready));
    kill(std::stoi(f.pid_in_log()), SIGKILL);
    REQUIRE(f.reaches(ReplicaPhase::failed));
    CHECK(f.status()->report.detail.find("signal 9") != std::string::npos);
    CHECK(f.status()->report.restarts == 1);
    CHECK(f.until([&] {
      CHECK(f.workloads.ensure(f.spec()).has_value());
      return f.status()->report.phase == ReplicaPhase::ready;
    }));
  });
}

TEST_CASE("an emulated model runs only where the site is configured to run them") {
  Fixture f(good);
  f.loop.run([&] {
    auto spec = f.spec();
    spec.order.model = {Backend::profile, "a=1ms", "", ""};
    CHECK(f.workloads.ensure(spec).error().code == Code::denied);
    CHECK(f.status()->report.phase == ReplicaPhase::failed);
    CHECK(f.status()->report.detail.find("emulated_models") != std::string::npos);
    auto config = f.config(good);
    config.emulated_models = true;
    ProcessWorkloadRuntime tests(f.loop, [](auto&, auto, auto) { return net::Response{200, {}, ""}; }, config);
    CHECK(tests.ensure(spec).has_value());
    CHECK(f.until([&] { return tests.list()->front().report.phase == ReplicaPhase::ready; }));
  });
}

TEST_CASE("a pipeline and its cameras are told in a file that only the engine may read") {
  // $0 --listen $1 PATH $2 --name $3 NAME $4 --backend $5 B $6 --workers $7 N $8 --memory $9 M ${10} --extras ${11}
  // FILE
  Fixture f(R"(touch "${1#unix:}"; echo "$5 ${10}"; stat -c %a "${11}"; cat "${11}"; exec sleep 1000)");
  f.loop.run([&] {
    ports::WorkloadSpec spec = f.spec();
    spec.order.model = {Backend::pipeline, "", "", ""};
    PipelineStep detect;
    detect.name = "detect";
    detect.model = {Backend::opencv, "people", "", ""};
    spec.order.pipeline = PipelineSpec{{detect}, {}};
    spec.order.stream.emplace().sources = {"rtsp://viewer:secret@camera/"};
    REQUIRE(f.workloads.ensure(spec).has_value());
    REQUIRE(f.reaches(ReplicaPhase::ready));
    std::vector<std::string> lines;
    CHECK(f.until([&] { return (lines = *f.workloads.logs(f.id, 3)).size() == 3; }));
    CHECK(lines[0] == "pipeline --extras");
    CHECK(lines[1] == "600");
    const auto extras = from_json<EngineExtras>(*parse_json(lines[2]));
    REQUIRE_MESSAGE(extras, extras.error().text());
    CHECK(extras->pipeline->steps.at(0).model.builtin == "people");
    CHECK(extras->stream->sources == spec.order.stream->sources);
    detect.model = {Backend::profile, "a=5ms", "", ""};
    spec.order.pipeline = PipelineSpec{{detect}, {}};
    spec.order.id = ReplicaId::of("emulated");
    CHECK(f.workloads.ensure(spec).error().code == Code::denied);
  });
}

TEST_CASE("an engine that cannot start says why, in its own words") {
  Fixture f("echo 'model: not an ONNX file' >&2; exit 3");
  f.loop.run([&] {
    REQUIRE(f.workloads.ensure(f.spec()).has_value());
    REQUIRE(f.reaches(ReplicaPhase::failed));
    CHECK(f.status()->report.detail == "the engine ended with status 3: model: not an ONNX file");
  });
}

TEST_CASE("another generation starts only after the earlier process has ended") {
  Fixture f(good);
  f.loop.run([&] {
    REQUIRE(f.workloads.ensure(f.spec(1)).has_value());
    REQUIRE(f.reaches(ReplicaPhase::ready));
    const pid_t first = std::stoi(f.pid_in_log());
    REQUIRE(f.workloads.ensure(f.spec(2)).has_value());
    CHECK(f.status()->report.phase == ReplicaPhase::stopping);
    CHECK(f.until([&] { return f.status()->report.generation == 2; }));
    CHECK(kill(first, 0) != 0);
    CHECK(f.reaches(ReplicaPhase::ready));
    CHECK(f.status()->report.restarts == 0);
  });
}

TEST_CASE("an engine that ignores SIGTERM is killed after the grace") {
  Fixture f(R"(trap '' TERM; echo $$; touch "${1#unix:}"; while :; do sleep 0.05; done)");
  f.loop.run([&] {
    REQUIRE(f.workloads.ensure(f.spec()).has_value());
    REQUIRE(f.reaches(ReplicaPhase::ready));
    REQUIRE(f.workloads.stop(f.id).has_value());
    CHECK(f.status()->report.phase == ReplicaPhase::stopping);
    CHECK(f.until([&] { return !f.status(); }));
  });
}

TEST_CASE("a log that grows without end is kept bounded") {
  Fixture f(
      R"(touch "${1#unix:}"; while :; do echo "a line of some length that is written again and again"; sleep 0.001; done)");
  f.loop.run([&] {
    REQUIRE(f.workloads.ensure(f.spec()).has_value());
    const auto size = [&] { return std::filesystem::file_size(f.folder / (f.id.str() + ".log")); };
    CHECK(f.until([&] { return size() > 3000; }));
    CHECK(f.until([&] {
      REQUIRE(f.workloads.list().has_value());
      return size() < 3000;
    }));
  });
}

}  // namespace barrio::adapters::process_runtime_test
