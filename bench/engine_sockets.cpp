// The engine under load, with real threads and sockets: an engine with emulated devices (adapters/profile) on one
// thread, clients on another, over loopback. Open loop: requests leave at fixed instants, whatever came back; in time
// is what was answered, with 200, within the deadline as the client's clock has it. Beside each share stands what the
// best schedule of the same arrivals could have given (engine_world.h), or the fluid limit. Prints one JSON object.
//
//   bench_engine_sockets SECONDS SEED [TRACES]        TRACES: ../shared/data/traces

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <thread>

#include "adapters/profile/profile_backend.h"
#include "base/check.h"
#include "base/text.h"
#include "engine/engine.h"
#include "engine/front_door.h"
#include "engine/rest_front.h"
#include "engine_world.h"
#include "net/client.h"
#include "net/thread_priority.h"

namespace barrio::bench {
namespace {

std::string settings_of(const ModelLoad& model) {
  const auto us = [](Duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(time).count()) + "us";
  };
  return "a=" + us(model.fixed) + ",c=" + us(model.each) + ",max_batch=" + std::to_string(model.largest_batch());
}

/// An engine on a thread of its own, as a process would be.
class EngineThread {
 public:
  explicit EngineThread(const Scenario& scenario) {
    std::promise<net::SocketAddress> ready;
    auto address = ready.get_future();
    thread_ = std::thread([this, &scenario, &ready] { run(scenario, ready); });
    address_ = address.get();
  }
  ~EngineThread() {
    reactor_->stop();
    thread_.join();
  }
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;
  const net::SocketAddress& address() const { return address_; }

 private:
  void run(const Scenario& scenario, std::promise<net::SocketAddress>& ready) {
    net::Reactor reactor;
    reactor_ = &reactor;
    Registry registry;
    adapters::ProfileBackend backend;
    engine::EngineConfig config{
        .devices = {{.name = "device", .slots = scenario.devices, .is_cpu = false, .memory = {}}}, .queue = 4096};
    engine::Engine engine(reactor, {{"profile", &backend}}, config, registry);
    engine::WorkQueue codec(reactor, 1, 64);
    engine::RestFront rest(reactor, engine, engine, codec, registry);
    engine::FrontDoor door(reactor, {}, {&rest});
    size_t loaded = 0;
    for (const ModelLoad& model : scenario.models) {
      engine.load(model.name, {.builtin = settings_of(model)}, [&](Result<void> result) {
        CHECK(result.has_value());
        ++loaded;
      });
    }
    while (loaded < scenario.models.size()) reactor.turn(100ms);
    auto bound = door.listen(*net::SocketAddress::parse("127.0.0.1:0"));
    CHECK(bound.has_value());
    net::carry_requests();
    ready.set_value(*bound);
    reactor.run();
  }

  net::Reactor* reactor_ = nullptr;
  net::SocketAddress address_;
  std::thread thread_;
};

struct Seen {
  std::vector<uint64_t> offered;  // by model
  std::vector<uint64_t> on_time;
  std::vector<uint64_t> phase_offered;
  std::vector<uint64_t> phase_on_time;
  std::vector<double> refused_ms;
  uint64_t late = 0;
  uint64_t failed = 0;

  double share() const {
    double all = 0;
    double good = 0;
    for (size_t i = 0; i < offered.size(); ++i) {
      all += static_cast<double>(offered[i]);
      good += static_cast<double>(on_time[i]);
    }
    return good / all;
  }
};

/// Sends every arrival at its instant.
class Clients {
 public:
  Clients(const Scenario& scenario, const std::vector<Arrival>& arrivals, const net::SocketAddress& address)
      : scenario_(scenario),
        arrivals_(arrivals),
        address_(address),
        client_(reactor_, {.idle_per_address = 2048, .connections_per_address = 4096}) {
    seen_.offered.resize(scenario.models.size());
    seen_.on_time.resize(scenario.models.size());
    seen_.phase_offered.resize(scenario.phases.size());
    seen_.phase_on_time.resize(scenario.phases.size());
  }

  Seen run() {
    net::carry_requests();
    begin_ = reactor_.fresh_now() + 50ms;
    arm();
    while (ended_ < arrivals_.size()) reactor_.turn(100ms);
    return std::move(seen_);
  }

 private:
  void arm() {
    if (next_ == arrivals_.size()) return;
    reactor_.call_at(begin_ + arrivals_[next_].at, [this] {
      const Time now = reactor_.fresh_now();
      while (next_ < arrivals_.size() && begin_ + arrivals_[next_].at <= now) send(arrivals_[next_++]);
      arm();
    });
  }

  size_t phase_of(Duration at) const {
    size_t phase = 0;
    for (Duration end = scenario_.phases[0].lasts; phase + 1 < scenario_.phases.size() && at >= end;) {
      end += scenario_.phases[++phase].lasts;
    }
    return phase;
  }

  void send(const Arrival& arrival) {
    const ModelLoad& model = scenario_.models[arrival.model];
    const size_t phase = phase_of(arrival.at);
    ++seen_.offered[arrival.model];
    ++seen_.phase_offered[phase];
    const Time due = begin_ + arrival.at;
    std::string left;
    append_ms(left, model.deadline - (reactor_.now() - due));
    net::Request request{.method = "POST",
                         .target = "/v2/models/" + model.name + "/infer",
                         .headers = {{"Inference-Header-Content-Length", "0"}, {"Barrio-Deadline-Ms", left}},
                         .body = std::string(64, 'x')};
    client_.fetch(address_, std::move(request), due + 10s, [this, due, arrival, phase](Result<net::Response> answer) {
      note(due, arrival.model, phase, answer);
    });
  }

  void note(Time due, uint32_t model, size_t phase, const Result<net::Response>& answer) {
    ++ended_;
    const Duration took = reactor_.fresh_now() - due;
    if (answer && answer->status == 200) {
      const bool in_time = took <= scenario_.models[model].deadline;
      seen_.on_time[model] += in_time ? 1 : 0;
      seen_.phase_on_time[phase] += in_time ? 1 : 0;
      seen_.late += in_time ? 0 : 1;
    } else if (answer && answer->status == 429) {
      seen_.refused_ms.push_back(to_ms(took));
    } else if (!answer || answer->status != 503) {
      ++seen_.failed;
    }
  }

  const Scenario& scenario_;
  const std::vector<Arrival>& arrivals_;
  net::SocketAddress address_;
  net::Reactor reactor_;
  net::Client client_;
  Seen seen_;
  Time begin_{};
  size_t next_ = 0;
  size_t ended_ = 0;
};

Json result(const std::string& name, double value, const char* unit, bool higher = true, const char* against = "") {
  JsonObject line{{"name", name}, {"value", value}, {"unit", unit}, {"better", higher ? "higher" : "lower"}};
  if (*against != '\0') line["against"] = against;
  return line;
}

double p99(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(0.99 * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, at);
  return *at;
}

struct Options {
  Duration seconds{};
  uint64_t seed = 1;
  std::string traces;
};

class Bench {
 public:
  explicit Bench(Options options) : options_(std::move(options)) {}

  JsonArray run() {
    const Duration time = options_.seconds;
    one(one_device("poisson_25ms", 25ms, 1, Gaps::poisson, time));
    one(one_device("cv4_25ms", 25ms, 1, Gaps::cv4, time));
    one(one_device("poisson_15ms", 15ms, 1, Gaps::poisson, time));
    one(one_device("overload_3u", 25ms, 3, Gaps::poisson, time));
    one(one_device("trace_code", 25ms, 1, Gaps::trace_code, time));
    one(one_device("trace_mooncake", 25ms, 1, Gaps::trace_mooncake, time));
    two();
    step();
    devices();
    return std::move(results_);
  }

 private:
  std::optional<Seen> measure(const Scenario& scenario, std::vector<Arrival>& drawn) {
    auto all = arrivals(scenario, options_.seed, options_.traces);
    if (!all || all->empty()) {
      std::fprintf(stderr, "%s: no arrivals (traces not there)\n", scenario.name.c_str());
      return std::nullopt;
    }
    drawn = std::move(*all);
    const EngineThread engine(scenario);
    Seen seen = Clients(scenario, drawn, engine.address()).run();
    if (seen.failed > 0) {
      std::fprintf(stderr, "%s: %llu failed\n", scenario.name.c_str(), static_cast<unsigned long long>(seen.failed));
    }
    return seen;
  }

  void one(const Scenario& scenario) {
    std::vector<Arrival> drawn;
    const auto seen = measure(scenario, drawn);
    if (!seen) return;
    const double best = static_cast<double>(clairvoyant_optimum(scenario.models[0], drawn));
    const double good = seen->share() * static_cast<double>(drawn.size());
    results_.push_back(result(scenario.name + "_of_optimum", good / best, "share"));
    results_.push_back(result(scenario.name + "_on_time", seen->share(), "share"));
    results_.push_back(result(scenario.name + "_late", static_cast<double>(seen->late), "requests", false));
    results_.push_back(result(scenario.name + "_refused_p99", p99(seen->refused_ms), "ms", false));
    results_.push_back(
        result(scenario.name + "_simulated", simulate(scenario, drawn, ours()).all.on_time_share(), "share"));
  }

  void two() {
    const Scenario scenario = two_models(options_.seconds);
    std::vector<Arrival> drawn;
    const auto seen = measure(scenario, drawn);
    if (!seen) return;
    for (size_t i = 0; i < scenario.models.size(); ++i) {
      results_.push_back(result("two_models_" + scenario.models[i].name,
                                static_cast<double>(seen->on_time[i]) / static_cast<double>(seen->offered[i]),
                                "share"));
    }
  }

  void step() {
    const Scenario scenario = load_step(options_.seconds);
    std::vector<Arrival> drawn;
    const auto seen = measure(scenario, drawn);
    if (!seen) return;
    const Outcome simulated = simulate(scenario, drawn, ours());
    for (size_t i = 0; i < scenario.phases.size(); ++i) {
      const std::string name = "load_step_phase" + std::to_string(i + 1);
      const double share = static_cast<double>(seen->phase_on_time[i]) / static_cast<double>(seen->phase_offered[i]);
      results_.push_back(result(name, share, "share"));
      results_.push_back(result(name + "_simulated", simulated.phases[i].on_time_share(), "share"));
    }
  }

  /// The most that is offered with 99 % of it in time, in steps of 50/s.
  void devices() {
    double most = 0;
    for (double rate = 2000; rate <= 3200; rate += 50) {
      const Scenario scenario = alike_devices(4, rate, options_.seconds);
      std::vector<Arrival> drawn;
      const auto seen = measure(scenario, drawn);
      if (!seen || seen->share() < 0.99) break;
      most = rate;
    }
    results_.push_back(result("devices4_at_99", most, "requests/s"));
  }

  Options options_;
  JsonArray results_;
};

int run(const Options& options) {
  JsonArray results = Bench(options).run();
  std::string machine_load;
  std::getline(std::ifstream("/proc/loadavg"), machine_load, ' ');
  const char* commit = std::getenv("BARRIO_COMMIT");
  const Json report =
      JsonObject{{"bench", "engine-sockets"},    {"commit", commit == nullptr ? "" : commit},
                 {"machine_load", machine_load}, {"seconds", std::chrono::duration<double>(options.seconds).count()},
                 {"seed", options.seed},         {"results", std::move(results)}};
  std::printf("%s\n", pretty_json(report).c_str());
  return 0;
}

}  // namespace
}  // namespace barrio::bench

int main(int argc, char** argv) {
  const auto number = [&](int at) { return argc > at ? barrio::parse_uint(argv[at]).value_or(0) : 0; };
  if (argc < 3 || number(1) == 0) {
    std::fprintf(stderr, "usage: bench_engine_sockets SECONDS SEED [TRACES]\n");
    return 2;
  }
  return barrio::bench::run({.seconds = std::chrono::seconds(number(1)),
                             .seed = number(2),
                             .traces = argc > 3 ? argv[3] : "../shared/data/traces"});
}
