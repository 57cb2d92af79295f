// The engine under load, with real threads and sockets: an engine with emulated devices (adapters/profile) on one
// thread, clients on another, over loopback. Open loop: requests leave at fixed instants, whatever came back; in time
// is what was answered, with 200, within the deadline as the client's clock has it. Beside each share stands what the
// best schedule of the same arrivals could have given (engine_world.h), or the fluid limit, and what the same arrivals
// give in virtual time: with the device's own times, and with those that single requests to the idle engine were seen
// to take (a batch's run in the engine, and the way there and back), which says how much of the difference they are.
// Prints one JSON object.
//
//   bench_engine_sockets SECONDS SEED [TRACES]        TRACES: ../shared/data/traces

#include <cstdio>

#include "adapters/profile/profile_backend.h"
#include "base/log.h"
#include "base/text.h"
#include "engine_load.h"
#include "engine_thread.h"
#include "engine_world.h"
#include "report.h"

namespace barrio::bench {
namespace {

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
    probe();
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
    adapters::ProfileBackend backend;
    const EngineThread engine(emulated(scenario, "127.0.0.1:0"), {{"profile", &backend}});
    Seen seen = send_all(scenario, drawn, {.address = engine.address()});
    if (seen.failed > 0) {
      std::fprintf(stderr, "%s: %llu failed\n", scenario.name.c_str(), static_cast<unsigned long long>(seen.failed));
    }
    return seen;
  }

  /// What a single request takes beyond a5 c1.
  void probe() {
    Scenario scenario = one_device("idle", 100ms, 1, Gaps::poisson, 4s);
    scenario.models[0].per_second = 40;
    std::vector<Arrival> drawn;
    const auto seen = measure(scenario, drawn);
    if (!seen) return;
    const double idle = to_ms(scenario.models[0].fixed + scenario.models[0].each);
    const double run = percentile(seen->run_ms, 0.5) - idle;
    run_takes_more_ = from_ms(run);
    way_takes_ = from_ms(percentile(seen->answer_ms, 0.5) - idle - run);
    results_.push_back(figure("idle_run_takes_more", run, "ms", "lower"));
    results_.push_back(figure("idle_way_takes", to_ms(way_takes_), "ms", "lower"));
  }

  double simulated_as_seen(Scenario scenario, const std::vector<Arrival>& drawn) const {
    for (ModelLoad& model : scenario.models) {
      model.fixed += run_takes_more_;
      model.deadline -= way_takes_;
    }
    return simulate(scenario, drawn, ours()).all.on_time_share();
  }

  void one(const Scenario& scenario) {
    std::vector<Arrival> drawn;
    const auto seen = measure(scenario, drawn);
    if (!seen) return;
    const double best = static_cast<double>(clairvoyant_optimum(scenario.models[0], drawn));
    const double good = seen->share() * static_cast<double>(drawn.size());
    results_.push_back(figure(scenario.name + "_of_optimum", good / best, "share", "higher"));
    results_.push_back(figure(scenario.name + "_on_time", seen->share(), "share", "higher"));
    results_.push_back(figure(scenario.name + "_late", static_cast<double>(seen->late), "requests", "lower"));
    results_.push_back(figure(scenario.name + "_refused_p99", percentile(seen->refused_ms, 0.99), "ms", "lower"));
    results_.push_back(
        figure(scenario.name + "_simulated", simulate(scenario, drawn, ours()).all.on_time_share(), "share", "higher"));
    results_.push_back(
        figure(scenario.name + "_simulated_as_seen", simulated_as_seen(scenario, drawn), "share", "higher"));
  }

  void two() {
    const Scenario scenario = two_models(options_.seconds);
    std::vector<Arrival> drawn;
    const auto seen = measure(scenario, drawn);
    if (!seen) return;
    for (size_t i = 0; i < scenario.models.size(); ++i) {
      results_.push_back(figure("two_models_" + scenario.models[i].name,
                                static_cast<double>(seen->on_time[i]) / static_cast<double>(seen->offered[i]), "share",
                                "higher"));
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
      results_.push_back(figure(name, share, "share", "higher"));
      results_.push_back(figure(name + "_simulated", simulated.phases[i].on_time_share(), "share", "higher"));
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
    results_.push_back(figure("devices4_at_99", most, "requests/s", "higher"));
  }

  Options options_;
  Duration run_takes_more_{};
  Duration way_takes_{};
  JsonArray results_;
};

int run(const Options& options) {
  JsonArray results = Bench(options).run();
  print_report("engine-sockets", {{"seconds", to_seconds(options.seconds)}, {"seed", options.seed}},
               std::move(results));
  return 0;
}

}  // namespace
}  // namespace barrio::bench

int main(int argc, char** argv) {
  barrio::configure_log("bench", barrio::LogLevel::warning, "");
  const auto number = [&](int at) { return argc > at ? barrio::parse_uint(argv[at]).value_or(0) : 0; };
  if (argc < 3 || number(1) == 0) {
    std::fprintf(stderr, "usage: bench_engine_sockets SECONDS SEED [TRACES]\n");
    return 2;
  }
  return barrio::bench::run({.seconds = std::chrono::seconds(number(1)),
                             .seed = number(2),
                             .traces = argc > 3 ? argv[3] : "../shared/data/traces"});
}
