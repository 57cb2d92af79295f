// The device scheduler (decide/batching) in virtual time, beside re-statements of the usual policies on the same
// arrivals, the clairvoyant optimum of these arrivals (one device) and the fluid limit. Usage: bench_engine_sim [SEEDS]
// [SECONDS] [FIRST_SEED] Prints one JSON object; a value is the mean over the seeds, `worst` the worst of them. Slices
// of recorded traces are used where ../shared/data/traces is there, and named in `skipped` where not.

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "engine_world.h"
#include "report.h"

namespace {

using namespace barrio;
using namespace barrio::bench;

struct Named {
  const char* name;
  MakePolicy make;
};

std::vector<Named> policies() {
  return {{"ours", ours()},           {"eager", eager()},      {"aimd", aimd()}, {"early_drop", early_drop()},
          {"clockwork", clockwork()}, {"deferral", deferral()}};
}

struct Options {
  int seeds = 3;
  Duration lasts = 20s;
  uint64_t first_seed = 1;
  std::string traces;
};

class Report {
 public:
  /// One value of a seed.
  void add(const std::string& name, double value, const char* unit, bool higher_is_better = true) {
    auto row = std::ranges::find(rows_, name, &Row::name);
    if (row == rows_.end()) row = rows_.insert(rows_.end(), {name, unit, higher_is_better, {}});
    row->values.push_back(value);
  }
  /// What ours has to reach.
  void require(const std::string& name, double at_least) { required_.push_back({name, at_least}); }
  void skip(const std::string& what) { skipped_.push_back(what); }

  void print(const Options& options) const {
    JsonArray results;
    for (const Row& row : rows_) {
      double sum = 0;
      for (const double value : row.values) sum += value;
      const auto [least, most] = std::ranges::minmax(row.values);
      JsonObject result = figure(row.name, sum / static_cast<double>(row.values.size()), row.unit,
                                 row.higher_is_better ? "higher" : "lower",
                                 row.name.ends_with("/ours") ? "the others of the same scenario" : "");
      result["worst"] = row.higher_is_better ? least : most;
      const auto needs = std::ranges::find(required_, row.name, &Required::name);
      if (needs != required_.end()) result["required"] = needs->value;
      results.push_back(result);
    }
    JsonArray skipped;
    for (const std::string& what : skipped_) skipped.push_back(Json(what));
    print_report("engine_sim",
                 {{"seeds", options.seeds},
                  {"first_seed", options.first_seed},
                  {"seconds", to_ms(options.lasts) / 1000},
                  {"skipped", skipped}},
                 std::move(results));
  }

 private:
  struct Row {
    std::string name;
    std::string unit;
    bool higher_is_better;
    std::vector<double> values;
  };
  struct Required {
    std::string name;
    double value;
  };
  std::vector<Row> rows_;
  std::vector<Required> required_;
  std::vector<std::string> skipped_;
};

/// Of the grid of tunings, the best in hindsight by `score`.
template <class Score>
double best_tuned(const Scenario& scenario, const std::vector<Arrival>& all, Score score) {
  double best = 0;
  for (const Tuning& tuning : tunings()) best = std::max(best, score(simulate(scenario, all, fixed(tuning))));
  return best;
}

/// One device, one model: shares of the optimum, and of the fluid limit.
void one_device_scenario(Report& report, const Scenario& scenario, uint64_t seed, const Options& options) {
  const auto all = arrivals(scenario, seed, options.traces);
  if (!all) return report.skip(scenario.name + ": no traces at " + options.traces);
  const auto optimum = static_cast<double>(clairvoyant_optimum(scenario.models[0], *all));
  const char* const unit = "share of the clairvoyant optimum";
  const auto share = [&](const Outcome& outcome) { return static_cast<double>(outcome.all.on_time) / optimum; };
  for (const Named& policy : policies()) {
    const Outcome outcome = simulate(scenario, *all, policy.make);
    report.add(scenario.name + "/" + policy.name, share(outcome), unit);
    if (std::string(policy.name) != "ours") continue;
    report.add(scenario.name + "/refusal_p99/ours", outcome.refused_p99_ms(), "ms from arrival", false);
    report.add(scenario.name + "/wasted/ours", to_ms(outcome.wasted) / to_ms(outcome.busy), "share of device time",
               false);
  }
  report.add(scenario.name + "/fixed_tuned", best_tuned(scenario, *all, share), unit);
  const double limit = fluid_limit(scenario.models[0], 1) * to_ms(options.lasts) / 1000;
  report.add(scenario.name + "/optimum", optimum / limit, "share of the fluid limit");
}

/// Answers in time per second at the highest rate at which they are 99 of 100.
double most_at_99(const MakePolicy& make, uint64_t seed, const Options& options) {
  double good = 0;
  double answers = 0;
  double bad = 3300;
  while (bad - good > 25) {
    const double rate = (good + bad) / 2;
    const Scenario scenario = alike_devices(4, rate, options.lasts / 2);
    const Outcome outcome = simulate(scenario, *arrivals(scenario, seed, options.traces), make);
    const bool enough = outcome.all.on_time_share() >= 0.99;
    (enough ? good : bad) = rate;
    if (enough) answers = static_cast<double>(outcome.all.on_time) / (to_ms(options.lasts / 2) / 1000);
  }
  return answers;
}

void four_devices(Report& report, uint64_t seed, const Options& options) {
  for (const Named& policy : policies()) {
    report.add(std::string("four_devices/") + policy.name, most_at_99(policy.make, seed, options),
               "answers per second at 99 % in time");
  }
  double tuned = 0;
  for (const Tuning& tuning : tunings()) tuned = std::max(tuned, most_at_99(fixed(tuning), seed, options));
  report.add("four_devices/fixed_tuned", tuned, "answers per second at 99 % in time");
}

void two_models_scenario(Report& report, uint64_t seed, const Options& options) {
  const Scenario scenario = two_models(options.lasts);
  const auto all = *arrivals(scenario, seed, options.traces);
  const auto lesser = [](const Outcome& outcome) {
    return std::min(outcome.models[0].on_time_share(), outcome.models[1].on_time_share());
  };
  for (const Named& policy : policies()) {
    const Outcome outcome = simulate(scenario, all, policy.make);
    for (size_t i = 0; i < 2; ++i) {
      report.add("two_models/" + scenario.models[i].name + "/" + policy.name, outcome.models[i].on_time_share(),
                 "share in time");
    }
  }
  report.add("two_models/lesser/fixed_tuned", best_tuned(scenario, all, lesser), "share in time");
}

void load_step_scenario(Report& report, uint64_t seed, const Options& options) {
  const Scenario scenario = load_step(options.lasts * 3 / 2);
  const auto all = *arrivals(scenario, seed, options.traces);
  const Outcome outcome = simulate(scenario, all, ours());
  for (size_t phase = 0; phase < 3; ++phase) {
    const std::string name = "load_step/phase" + std::to_string(phase + 1);
    const auto share = [&](const Outcome& of) { return of.phases[phase].on_time_share(); };
    report.add(name + "/ours", share(outcome), "share in time");
    report.add(name + "/fixed_tuned_for_it", best_tuned(scenario, all, share), "share in time");
  }
}

double cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// Of a request: admission and its part of the choices, the simulation's own work included.
void cost(Report& report, double load, const Options& options) {
  const Scenario scenario = one_device("cost", 25ms, load, Gaps::poisson, options.lasts);
  const auto all = *arrivals(scenario, options.first_seed, options.traces);
  const double from = cpu_ns();
  simulate(scenario, all, ours());
  report.add("cost/load_" + std::to_string(static_cast<int>(load * 10)) + "_tenths/ours",
             (cpu_ns() - from) / static_cast<double>(all.size()), "CPU ns per request", false);
}

std::vector<Scenario> one_device_scenarios(Duration lasts) {
  return {one_device("half_load", 25ms, 0.5, Gaps::poisson, lasts),
          one_device("poisson_u", 25ms, 1, Gaps::poisson, lasts),
          one_device("cv4_u", 25ms, 1, Gaps::cv4, lasts),
          one_device("poisson_u_15ms", 15ms, 1, Gaps::poisson, lasts),
          one_device("three_u", 25ms, 3, Gaps::poisson, lasts),
          one_device("trace_code_u", 25ms, 1, Gaps::trace_code, lasts),
          one_device("trace_conversation_u", 25ms, 1, Gaps::trace_conversation, lasts),
          one_device("trace_mooncake_u", 25ms, 1, Gaps::trace_mooncake, lasts)};
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  options.traces = std::string(BARRIO_SOURCE_DIR) + "/../shared/data/traces";
  if (count > 1) options.seeds = std::max(1, std::atoi(arguments[1]));
  if (count > 2) options.lasts = std::chrono::seconds(std::max(1, std::atoi(arguments[2])));
  if (count > 3) options.first_seed = std::strtoull(arguments[3], nullptr, 10);
  Report report;
  for (int i = 0; i < options.seeds; ++i) {
    const uint64_t seed = options.first_seed + static_cast<uint64_t>(i);
    for (const Scenario& scenario : one_device_scenarios(options.lasts)) {
      one_device_scenario(report, scenario, seed, options);
    }
    four_devices(report, seed, options);
    two_models_scenario(report, seed, options);
    load_step_scenario(report, seed, options);
  }
  for (const double load : {0.5, 1.0, 3.0}) cost(report, load, options);
  report.require("poisson_u/ours", 0.92);
  report.require("cv4_u/ours", 0.88);
  report.require("poisson_u_15ms/ours", 0.82);
  report.require("three_u/ours", 0.78);
  report.require("three_u/refusal_p99/ours", 1);
  report.require("four_devices/ours", 2550);
  report.require("two_models/tight/ours", 0.985);
  report.require("two_models/loose/ours", 0.985);
  report.print(options);
  return 0;
}
