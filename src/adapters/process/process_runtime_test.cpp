#include <doctest/doctest.h>

#include "adapters/process/process_runtime.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/fiber.h"
#include "ports/workload_runtime_contract.h"

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

/// What an engine answers on its control socket. It lives as long as the process that wrote its number there: engines
/// are shell scripts, and a file stands for the socket.
class FakeEngine {
 public:
  std::map<std::string, EngineReplica> replicas;
  std::map<std::string, std::string> told;  // bodies
  std::set<std::string> stuck;              // do not leave
  std::string fails;                        // what the next one that is put fails with
  bool silent = false;
  pid_t pid = 0;
  UsageRecord counted{0, 9, 4, {}, {}, {}};  // of no lines: nothing
  std::optional<EngineUsageQuestion> asked;

  Result<net::Response> answer(const net::SocketAddress& address, const net::Request& request) {
    std::ifstream file(address.str().substr(std::string("unix:").size()));
    pid_t owner = 0;
    file >> owner;
    if (silent || owner == 0 || kill(owner, 0) != 0) return fail(Code::unavailable, "connection refused");
    if (std::exchange(pid, owner) != owner) replicas.clear();
    if (request.target == "/replicas") return list();
    if (request.target == "/usage") return usage(request);
    const std::string id = request.target.substr(std::string("/replicas/").size());
    if (request.method == "DELETE") {
      const auto found = replicas.find(id);
      if (found == replicas.end()) return net::Response{204, {}, ""};
      found->second.state = EngineReplicaState::leaving;
      return net::Response{202, {}, ""};
    }
    if (replicas.contains(id)) return net::Response{409, {}, "still here"};
    told[id] = request.body;
    const auto order = from_json<EngineOrder>(*parse_json(request.body));
    REQUIRE_MESSAGE(order, order.error().text());
    const auto state = fails.empty() ? EngineReplicaState::loading : EngineReplicaState::failed;
    replicas[id] = {order->order.id, order->order.generation, state, std::exchange(fails, "")};
    return net::Response{202, {}, ""};
  }

 private:
  Result<net::Response> usage(const net::Request& request) {
    asked = *from_json<EngineUsageQuestion>(*parse_json(request.body));
    EngineUsageAnswer answer;
    const bool has_it = journaled_of(counted.meter, asked->journaled).period >= counted.period;
    if (!has_it && !counted.lines.empty()) answer.records.push_back(counted);
    return net::Response{200, {}, print_json(to_json(answer))};
  }
  /// Each look finds it one step further.
  Result<net::Response> list() {
    EngineReplicas all;
    for (const auto& [id, replica] : replicas) all.replicas.push_back(replica);
    for (auto& [id, replica] : replicas) {
      if (replica.state == EngineReplicaState::loading) replica.state = EngineReplicaState::ready;
    }
    std::erase_if(replicas, [&](const auto& one) {
      return one.second.state == EngineReplicaState::leaving && !stuck.contains(one.first);
    });
    return net::Response{200, {}, print_json(to_json(all))};
  }
};

struct Fixture {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("barrio-process-test-" + std::to_string(getpid()));
  Loop loop;
  FakeEngine engine;
  ProcessWorkloadRuntime workloads;
  ReplicaId id = ReplicaId::of("people-mad1-1");

  explicit Fixture(const std::string& script, bool emulated = false)
      : workloads(
            loop,
            [this](const net::SocketAddress& address, net::Request request, Time) {
              return engine.answer(address, request);
            },
            config(script, emulated)) {}
  ~Fixture() { std::filesystem::remove_all(folder); }

  ProcessConfig config(const std::string& script, bool emulated) const {
    ProcessConfig config;
    config.engine_program = "/bin/sh";
    // The arguments that follow: $0 is --control, $1 is unix:PATH.
    config.arguments = {"-c", script};
    config.folder = folder.string();
    config.emulated_models = emulated;
    config.hang_limit = 300ms;
    config.log_bytes = 4096;
    return config;
  }
  ports::WorkloadSpec spec(int64_t generation = 1) const { return spec_of(id, generation); }
  static ports::WorkloadSpec spec_of(const ReplicaId& id, int64_t generation = 1) {
    return {{id,
             {TenantId::of("t"), AppName::of("people")},
             generation,
             {Backend::opencv, "people", "", ""},
             {Watts(40), mib(256), 1, "", 0}},
            ""};
  }
  std::optional<ports::WorkloadStatus> status() { return status(id); }
  std::optional<ports::WorkloadStatus> status(const ReplicaId& of) {
    const auto listed = workloads.list();
    if (!listed) return std::nullopt;
    for (const auto& one : *listed) {
      if (one.report.id == of) return one;
    }
    return std::nullopt;
  }
  /// Waits up to ten seconds.
  bool until(const std::function<bool()>& holds) {
    for (const Time end = loop.now() + 10s; loop.now() < end; loop.sleep_for(5ms)) {
      if (holds()) return true;
    }
    return false;
  }
  bool reaches(ReplicaPhase phase) { return reaches(id, phase); }
  bool reaches(const ReplicaId& of, ReplicaPhase phase) {
    return until([&] { return status(of) && status(of)->report.phase == phase; });
  }
};

const std::string good = R"(echo $$ > "${1#unix:}"; exec sleep 1000)";

}  // namespace

TEST_CASE("models run as every runtime's workloads do") {
  struct Rig final : ports::WorkloadRig {
    Fixture f{good};
    ports::Runtime& loop() override { return f.loop; }
    ports::WorkloadRuntime& workloads() override { return f.workloads; }
    ports::WorkloadSpec spec(const ReplicaId& id, int64_t generation) override {
      return Fixture::spec_of(id, generation);
    }
    void kill(const ReplicaId& id) override { f.engine.replicas.at(id.str()).state = EngineReplicaState::failed; }
  } rig;
  rig.f.loop.run([&] { ports::check_workload_runtime(rig); });
}

TEST_CASE("one engine serves all replicas, and ends with their runtime") {
  pid_t pid = 0;
  {
    Fixture f(good);
    f.loop.run([&] {
      const ReplicaId other = ReplicaId::of("plates-mad1-1");
      REQUIRE(f.workloads.ensure(f.spec()).has_value());
      REQUIRE(f.workloads.ensure(Fixture::spec_of(other)).has_value());
      CHECK(f.reaches(ReplicaPhase::ready));
      CHECK(f.reaches(other, ReplicaPhase::ready));
      CHECK(f.status()->endpoint.size() < 108);
      CHECK(f.status()->endpoint != f.status(other)->endpoint);
      pid = f.engine.pid;
      REQUIRE(f.workloads.stop(f.id).has_value());
      REQUIRE(f.workloads.stop(f.id).has_value());
      CHECK(f.until([&] { return !f.status(); }));
      CHECK(f.status(other)->report.phase == ReplicaPhase::ready);
      CHECK(f.engine.replicas.size() == 1);
      CHECK(f.engine.pid == pid);
      CHECK(f.workloads.stop(ReplicaId::of("nobody")).has_value());
    });
  }
  CHECK(kill(pid, 0) != 0);
}

TEST_CASE("an engine that is killed takes its replicas along, and both come back after the back-off") {
  Fixture f(good);
  f.loop.run([&] {
    const ReplicaId other = ReplicaId::of("plates-mad1-1");
    REQUIRE(f.workloads.ensure(f.spec()).has_value());
    REQUIRE(f.workloads.ensure(Fixture::spec_of(other)).has_value());
    REQUIRE(f.reaches(ReplicaPhase::ready));
    REQUIRE(f.reaches(other, ReplicaPhase::ready));
    const pid_t first = f.engine.pid;
    kill(first, SIGKILL);
    REQUIRE(f.reaches(ReplicaPhase::failed));
    CHECK(f.status()->report.detail.find("signal 9") != std::string::npos);
    CHECK(f.status()->report.restarts == 1);
    CHECK(f.status()->endpoint.empty());
    CHECK(f.until([&] {
      CHECK(f.workloads.ensure(f.spec()).has_value());
      CHECK(f.workloads.ensure(Fixture::spec_of(other)).has_value());
      return f.status()->report.phase == ReplicaPhase::ready && f.status(other)->report.phase == ReplicaPhase::ready;
    }));
    CHECK(f.engine.pid != first);
    CHECK(f.status(other)->report.restarts == 1);
  });
}

TEST_CASE("what the engine counted is there until the journal has it, also over the engine's end") {
  Fixture f(good);
  f.loop.run([&] {
    REQUIRE(f.workloads.ensure(f.spec()).has_value());
    CHECK(f.reaches(ReplicaPhase::ready));
    CHECK(!f.engine.asked);  // nobody would take it
    f.engine.counted.lines = {{AppKey{TenantId::of("t"), AppName::of("people")}, {.served = {.frames = 7}}}};
    const EngineUsageQuestion before{{{9, 3}}, {TenantId::of("poor")}};
    CHECK(f.workloads.cut_usage(before).empty());
    CHECK(f.until([&] { return f.workloads.cut_usage(before).size() == 1; }));
    CHECK(f.engine.asked->resting == std::vector{TenantId::of("poor")});
    kill(f.engine.pid, SIGKILL);
    CHECK(f.until([&] { return f.status()->report.phase != ReplicaPhase::ready; }));
    const auto kept = f.workloads.cut_usage(before);
    REQUIRE(kept.size() == 1);
    CHECK(kept[0].lines[0].usage.served.frames == 7);
    CHECK(f.workloads.cut_usage({{{9, 4}}, {}}).empty());
  });
}

TEST_CASE("an engine ends in order with its runtime: what it counted is then kept over a reboot, too") {
  const auto ended = std::filesystem::temp_directory_path() / ("barrio-ended-" + std::to_string(getpid()));
  {
    Fixture f(R"(echo $$ > "${1#unix:}"; trap 'echo in order > )" + ended.string() +
              R"(; exit 0' TERM; while :; do sleep 0.05; done)");
    f.loop.run([&] {
      REQUIRE(f.workloads.ensure(f.spec()).has_value());
      CHECK(f.reaches(ReplicaPhase::ready));
    });
  }
  CHECK(std::filesystem::exists(ended));
  std::filesystem::remove(ended);
}

TEST_CASE("a replica whose model cannot be loaded fails alone, and is tried again after its back-off") {
  Fixture f(good);
  f.loop.run([&] {
    const ReplicaId other = ReplicaId::of("plates-mad1-1");
    REQUIRE(f.workloads.ensure(Fixture::spec_of(other)).has_value());
    REQUIRE(f.reaches(other, ReplicaPhase::ready));
    f.engine.fails = "model 'people' cannot be served: not an ONNX file";
    REQUIRE(f.workloads.ensure(f.spec()).has_value());
    REQUIRE(f.reaches(ReplicaPhase::failed));
    CHECK(f.status()->report.detail == "model 'people' cannot be served: not an ONNX file");
    CHECK(f.status()->report.restarts == 1);
    CHECK(f.until([&] {
      CHECK(f.workloads.ensure(f.spec()).has_value());
      return f.status()->report.phase == ReplicaPhase::ready;
    }));
    CHECK(f.status(other)->report.restarts == 0);
    CHECK(f.status(other)->report.phase == ReplicaPhase::ready);
  });
}

TEST_CASE("an emulated model runs only where the site is configured to run them") {
  for (const bool permitted : {false, true}) {
    Fixture f(good, permitted);
    f.loop.run([&] {
      auto spec = f.spec();
      spec.order.model = {Backend::profile, "a=1ms", "", ""};
      const auto ensured = f.workloads.ensure(spec);
      CHECK(ensured.has_value() == permitted);
      if (permitted) {
        CHECK(f.reaches(ReplicaPhase::ready));
        return;
      }
      CHECK(ensured.error().code == Code::denied);
      CHECK(f.status()->report.phase == ReplicaPhase::failed);
      CHECK(f.status()->report.detail.find("emulated_models") != std::string::npos);
    });
  }
}

TEST_CASE("a pipeline and its cameras are told over the control socket, and are on no command line") {
  Fixture f(R"(tr '\0' ' ' < /proc/$$/cmdline; echo $$ > "${1#unix:}"; exec sleep 1000)");
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
    const auto told = from_json<EngineOrder>(*parse_json(f.engine.told.at(f.id.str())));
    REQUIRE_MESSAGE(told, told.error().text());
    CHECK(told->order.pipeline->steps.at(0).model.builtin == "people");
    CHECK(told->order.stream->sources == spec.order.stream->sources);
    CHECK("unix:" + told->listen.substr(5) == f.status()->endpoint);
    std::ifstream log(f.folder / "engine.log");
    const std::string text{std::istreambuf_iterator<char>(log), {}};
    CHECK(text.find("--control unix:") != std::string::npos);
    CHECK(text.find("secret") == std::string::npos);
    detect.model = {Backend::profile, "a=5ms", "", ""};
    spec.order.pipeline = PipelineSpec{{detect}, {}};
    spec.order.id = ReplicaId::of("emulated");
    CHECK(f.workloads.ensure(spec).error().code == Code::denied);
  });
}

TEST_CASE("an engine that cannot start says why, in its own words") {
  Fixture f("echo 'no such device' >&2; exit 2");
  f.loop.run([&] {
    REQUIRE(f.workloads.ensure(f.spec()).has_value());
    REQUIRE(f.reaches(ReplicaPhase::failed));
    CHECK(f.status()->report.detail == "the engine ended with status 2: no such device");
  });
}

TEST_CASE("another generation starts only after the earlier one has left") {
  Fixture f(good);
  f.loop.run([&] {
    f.engine.stuck.insert(f.id.str());
    REQUIRE(f.workloads.ensure(f.spec(1)).has_value());
    REQUIRE(f.reaches(ReplicaPhase::ready));
    const std::string before = f.status()->endpoint;
    REQUIRE(f.workloads.ensure(f.spec(2)).has_value());
    CHECK(f.status()->report.phase == ReplicaPhase::stopping);
    CHECK(f.until([&] { return f.engine.replicas.at(f.id.str()).state == EngineReplicaState::leaving; }));
    CHECK(f.status()->report.generation == 1);
    f.engine.stuck.clear();
    CHECK(f.until([&] { return f.status()->report.generation == 2; }));
    CHECK(f.reaches(ReplicaPhase::ready));
    CHECK(f.status()->report.restarts == 0);
    CHECK(f.status()->endpoint != before);
  });
}

TEST_CASE("what is stopped before the engine has it is taken out, and an engine that hangs is killed") {
  Fixture f(good);
  f.loop.run([&] {
    REQUIRE(f.workloads.ensure(f.spec()).has_value());
    REQUIRE(f.workloads.stop(f.id).has_value());
    CHECK(!f.status());
    // As if its PUT had been under way.
    REQUIRE(f.workloads.ensure(Fixture::spec_of(ReplicaId::of("other"))).has_value());
    REQUIRE(f.reaches(ReplicaId::of("other"), ReplicaPhase::ready));
    f.engine.replicas[f.id.str()] = {f.id, 1, EngineReplicaState::ready, ""};
    CHECK(f.until([&] { return !f.engine.replicas.contains(f.id.str()); }));
    f.engine.silent = true;
    CHECK(f.reaches(ReplicaId::of("other"), ReplicaPhase::failed));
    CHECK(f.status(ReplicaId::of("other"))->report.detail.starts_with("the engine did not answer and was ended"));
  });
}

TEST_CASE("a replica's log is what the engine's says of it, and is kept bounded") {
  Fixture f(
      R"(echo $$ > "${1#unix:}"; echo '{"replica":"people-mad1-1"}'; echo '{"replica":"x-people-mad1-1"}'; echo '{"model":"people-mad1-1/people version 1"}'; while :; do echo "a line of some length that is written again and again"; sleep 0.001; done)");
  f.loop.run([&] {
    REQUIRE(f.workloads.ensure(f.spec()).has_value());
    std::vector<std::string> lines;
    CHECK(f.until([&] { return (lines = f.workloads.logs(f.id, 9).value_or(lines)).size() == 2; }));
    CHECK(lines.back() == R"({"model":"people-mad1-1/people version 1"})");
    const auto size = [&] { return std::filesystem::file_size(f.folder / "engine.log"); };
    CHECK(f.until([&] { return size() > 3000; }));
    CHECK(f.until([&] {
      REQUIRE(f.workloads.list().has_value());
      return size() < 3000;
    }));
    CHECK(f.workloads.logs(ReplicaId::of("nobody"), 1).error().code == Code::not_found);
  });
}

}  // namespace barrio::adapters::process_runtime_test
