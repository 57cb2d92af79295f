#include "engine_scenarios.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "base/rng.h"

namespace barrio::bench {

namespace {

Duration seconds(double value) {
  return Duration(static_cast<int64_t>(value * 1e9));
}

double exponential(Rng& rng) {
  return -std::log(1 - rng.unit());
}

double normal(Rng& rng) {
  return std::sqrt(2 * exponential(rng)) * std::cos(2 * M_PI * rng.unit());
}

/// Mean `shape` (Marsaglia and Tsang 2000; shapes below 1 by their boost).
double gamma(Rng& rng, double shape) {
  if (shape < 1) return gamma(rng, shape + 1) * std::pow(1 - rng.unit(), 1 / shape);
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal(rng);
    const double v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - rng.unit()) < x * x / 2 + d - d * v + d * std::log(v)) return d * v;
  }
}

/// Gaps of a mean of 1, as a trace has them.
std::vector<double> trace_gaps(const std::string& file) {
  std::vector<double> gaps;
  std::ifstream in(file);
  double last = -1;
  for (std::string line; std::getline(in, line);) {
    const size_t from = line.find_first_of("0123456789");
    if (from == std::string::npos || (line[0] != '{' && from != 0)) continue;  // the heading
    const double ms = std::strtod(line.c_str() + from, nullptr);
    if (last >= 0 && ms - last <= 60'000) gaps.push_back(std::max(0.0, ms - last));
    last = ms;
  }
  double sum = 0;
  for (const double gap : gaps) sum += gap;
  for (double& gap : gaps) gap *= static_cast<double>(gaps.size()) / sum;
  return gaps;
}

std::string trace_file(Gaps gaps) {
  switch (gaps) {
    case Gaps::trace_code: return "azure_llm_2023_code.csv";
    case Gaps::trace_conversation: return "azure_llm_2023_conv.csv";
    case Gaps::trace_mooncake: return "mooncake_conversation.jsonl";
    default: return "";
  }
}

class GapSource {
 public:
  GapSource(Gaps kind, uint64_t seed, const std::string& traces) : kind_(kind), rng_(seed) {
    if (const std::string file = trace_file(kind); !file.empty()) {
      recorded_ = trace_gaps(traces + "/" + file);
      if (!recorded_.empty()) next_ = rng_.below(recorded_.size());
    }
  }
  bool missing() const { return !trace_file(kind_).empty() && recorded_.empty(); }
  double next() {
    if (kind_ == Gaps::poisson) return exponential(rng_);
    if (kind_ == Gaps::cv4) return gamma(rng_, 1.0 / 16) * 16;
    return recorded_[next_++ % recorded_.size()];
  }

 private:
  Gaps kind_;
  Rng rng_;
  std::vector<double> recorded_;
  size_t next_ = 0;
};

}  // namespace

size_t ModelLoad::largest_batch() const {
  return std::clamp<size_t>(static_cast<size_t>(std::max<int64_t>(0, (deadline - fixed) / each)), 1, most_batch);
}

decide::Profile ModelLoad::profile() const {
  return decide::Profile::affine(fixed, each, largest_batch());
}

double fluid_limit(const ModelLoad& model, size_t devices) {
  return static_cast<double>(devices) * model.profile().per_second(model.largest_batch());
}

Scenario one_device(std::string name, Duration deadline, double load, Gaps gaps, Duration lasts) {
  ModelLoad model{"a5c1", 5ms, 1ms, deadline, 0};
  model.per_second = fluid_limit(model, 1);
  return {std::move(name), 1, {model}, {{lasts, load}}, gaps};
}

Scenario alike_devices(size_t devices, double per_second, Duration lasts) {
  return {"devices", devices, {{"a5c1", 5ms, 1ms, 25ms, per_second}}, {{lasts, 1}}, Gaps::poisson};
}

Scenario two_models(Duration lasts) {
  const ModelLoad tight{"tight", 3ms, 500us, 30ms, 360};
  const ModelLoad loose{"loose", 8ms, 1ms, 300ms, 360};
  return {"two_models", 1, {tight, loose}, {{lasts, 1}}, Gaps::poisson};
}

Scenario load_step(Duration lasts) {
  Scenario scenario = one_device("load_step", 25ms, 1, Gaps::poisson, lasts);
  scenario.phases = {{lasts / 3, 0.3}, {lasts / 3, 1.2}, {lasts / 3, 0.3}};
  return scenario;
}

std::optional<std::vector<Arrival>> arrivals(const Scenario& scenario, uint64_t seed, const std::string& traces) {
  std::vector<Arrival> all;
  for (uint32_t model = 0; model < scenario.models.size(); ++model) {
    GapSource gaps(scenario.gaps, mix(seed, model), traces);
    if (gaps.missing()) return std::nullopt;
    Duration begin{};
    Duration now{};
    for (const Phase& phase : scenario.phases) {
      const Duration end = begin + phase.lasts;
      now = std::max(now, begin);
      const double mean = 1 / (scenario.models[model].per_second * phase.load);
      while ((now += seconds(gaps.next() * mean)) < end) all.push_back({now, model});
      begin = end;
    }
  }
  std::ranges::stable_sort(all, {}, &Arrival::at);
  return all;
}

}  // namespace barrio::bench
