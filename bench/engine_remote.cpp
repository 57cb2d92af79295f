// Parts of bench/gpu/run, for models at a server of the Open Inference Protocol (bench/gpu/nets.py). Each prints one
// JSON object, or serves until it is ended.
//
//   bench_engine_remote measure URL MODEL RUNS BATCH...           l(b) as an engine sees it, over REST
//   bench_engine_remote tune SECONDS SEED MODEL...                the fixed batch that does best in virtual time
//   bench_engine_remote serve ADDRESS URL POLICY MODEL...         the models under a policy: eager, single,
//                                                                 early_drop, clockwork, fixed,BATCH,DELAY_MS,QUEUE_MS
//   bench_engine_remote load ADDRESS SECONDS SEED MODEL...        open loop; what came back, beside the optimum
//
// MODEL: name,FIXED_US,EACH_US,MOST_BATCH,DEADLINE_MS,PER_SECOND, a batch of b taking fixed + each x b.

#include <algorithm>
#include <cstdio>

#include "adapters/oip/oip_backend.h"
#include "base/log.h"
#include "base/text.h"
#include "engine_load.h"
#include "engine_policy_server.h"
#include "engine_world.h"
#include "net/thread_priority.h"
#include "report.h"

namespace barrio::bench {
namespace {

using Words = std::vector<std::string>;

int wrong(const std::string& what) {
  std::fprintf(stderr, "bench_engine_remote: %s\n", what.c_str());
  return 2;
}

Duration us(double value) {
  return Duration(static_cast<int64_t>(value * 1e3));
}

std::optional<ModelLoad> model_of(const std::string& text) {
  const auto parts = split(text, ',');
  if (parts.size() != 6) return std::nullopt;
  std::vector<double> numbers;
  for (size_t i = 1; i < parts.size(); ++i) {
    const auto number = parse_double(parts[i]);
    if (!number || *number < 0) return std::nullopt;
    numbers.push_back(*number);
  }
  return ModelLoad{std::string(parts[0]), us(numbers[0]), us(numbers[1]),
                   us(numbers[3] * 1e3),  numbers[4],     static_cast<size_t>(numbers[2])};
}

std::optional<Scenario> scenario_of(std::span<const std::string> models, Duration lasts) {
  Scenario scenario{.name = "remote", .devices = 1, .models = {}, .phases = {{lasts, 1}}};
  for (const std::string& text : models) {
    auto model = model_of(text);
    if (!model || model->each <= 0ns) return std::nullopt;
    scenario.models.push_back(std::move(*model));
  }
  return scenario;
}

std::unique_ptr<ports::Model> load(const std::string& url, const std::string& name) {
  auto model = adapters::OipBackend().load({.name = name, .builtin = "url=" + url, .path = ""});
  if (!model) std::fprintf(stderr, "%s\n", model.error().text().c_str());
  return model ? std::move(*model) : nullptr;
}

int measure(const Words& words) {
  if (words.size() < 4) return wrong("measure URL MODEL RUNS BATCH...");
  const auto model = load(words[0], words[1]);
  const auto runs = parse_uint(words[2]);
  if (!model || !runs) return 1;
  ports::Tensor tensor{model->info().inputs[0].name, model->info().inputs[0].datatype, {1, 64}, std::string(64, 'x')};
  JsonArray points;
  for (size_t i = 3; i < words.size(); ++i) {
    const std::vector<ports::InferenceRequest> batch(parse_uint(words[i]).value_or(1), {{tensor}, ""});
    std::vector<double> took;
    for (uint64_t run = 0; run < *runs + 5; ++run) {
      const Time begin = net::read_clock();
      const auto answers = model->run(batch);
      if (!std::ranges::all_of(answers, [](const auto& one) { return one.has_value(); }))
        return wrong(answers[0] ? "a run failed" : answers[0].error().text());
      if (run >= 5) took.push_back(to_ms(net::read_clock() - begin));  // the first ones open connections
    }
    points.push_back(
        JsonObject{{"batch", batch.size()}, {"p50_ms", percentile(took, 0.5)}, {"p99_ms", percentile(took, 0.99)}});
  }
  std::printf("%s\n", print_json(points).c_str());
  return 0;
}

int tune(const Words& words) {
  if (words.size() < 3) return wrong("tune SECONDS SEED MODEL...");
  const auto seconds = std::chrono::seconds(parse_uint(words[0]).value_or(4));
  const auto scenario = scenario_of(std::span(words).subspan(2), seconds);
  if (!scenario) return wrong("not a model");
  const auto drawn = arrivals(*scenario, parse_uint(words[1]).value_or(1), "");
  Tuning best;
  double most = -1;
  for (const Tuning& tuning : tunings()) {
    const double share = simulate(*scenario, *drawn, fixed(tuning)).all.on_time_share();
    if (share > most) best = tuning;
    most = std::max(most, share);
  }
  std::printf(
      "%s\n",
      print_json(JsonObject{{"policy", "fixed," + std::to_string(best.batch) + "," + std::to_string(best.delay / 1ms) +
                                           "," + std::to_string(best.queue_timeout / 1ms)},
                            {"simulated", most},
                            {"ours_simulated", simulate(*scenario, *drawn, ours()).all.on_time_share()}})
          .c_str());
  return 0;
}

std::optional<MakePolicy> policy_of(const std::string& text) {
  if (text == "eager") return eager();
  if (text == "single") return fixed({.batch = 1, .delay = {}, .queue_timeout = {}});
  if (text == "early_drop") return early_drop();
  if (text == "clockwork") return clockwork();
  const auto parts = split(text, ',');
  if (parts.size() != 4 || parts[0] != "fixed") return std::nullopt;
  const auto number = [&](size_t at) { return parse_uint(parts[at]).value_or(0); };
  return fixed({number(1), std::chrono::milliseconds(number(2)), std::chrono::milliseconds(number(3))});
}

int serve(const Words& words) {
  if (words.size() < 4) return wrong("serve ADDRESS URL POLICY MODEL...");
  const auto address = net::SocketAddress::parse(words[0]);
  const auto policy = policy_of(words[2]);
  const auto scenario = scenario_of(std::span(words).subspan(3), 1s);
  if (!address || !policy || !scenario) return wrong("not an address, a policy or a model");
  std::vector<std::unique_ptr<ports::Model>> models;
  for (const ModelLoad& model : scenario->models) {
    models.push_back(load(words[1], model.name));
    if (!models.back()) return 1;
  }
  net::Reactor reactor;
  net::carry_requests();
  PolicyServer server(reactor, *scenario, *policy, std::move(models));
  if (const auto bound = server.listen(*address); !bound) return wrong(bound.error().text());
  reactor.run();
  return 0;
}

JsonArray shares(const Scenario& scenario, const Seen& seen) {
  JsonArray models;
  for (size_t i = 0; i < scenario.models.size(); ++i) {
    models.push_back(JsonObject{{"name", scenario.models[i].name},
                                {"offered", seen.offered[i]},
                                {"on_time", seen.on_time[i]},
                                {"fluid_limit", fluid_limit(scenario.models[i], 1)}});
  }
  return models;
}

int send(const Words& words) {
  if (words.size() < 4) return wrong("load ADDRESS SECONDS SEED MODEL...");
  const auto address = net::SocketAddress::parse(words[0]);
  const auto seconds = std::chrono::seconds(parse_uint(words[1]).value_or(4));
  const auto scenario = scenario_of(std::span(words).subspan(3), seconds);
  if (!address || !scenario) return wrong("not an address or a model");
  const auto drawn = arrivals(*scenario, parse_uint(words[2]).value_or(1), "");
  const Seen seen = send_all(*scenario, *drawn, {.address = *address});
  JsonObject report{{"offered", drawn->size()},
                    {"on_time", seen.share()},
                    {"late", seen.late},
                    {"refused", seen.refused_ms.size()},
                    {"refused_p99_ms", percentile(seen.refused_ms, 0.99)},
                    {"given_up", seen.given_up},
                    {"failed", seen.failed},
                    {"sent_late_p99_ms", percentile(seen.sent_late_ms, 0.99)},
                    {"models", shares(*scenario, seen)}};
  if (scenario->models.size() == 1) {
    const auto best = clairvoyant_optimum(scenario->models[0], *drawn);
    report["optimum"] = static_cast<double>(best) / static_cast<double>(drawn->size());
  }
  std::printf("%s\n", print_json(report).c_str());
  return 0;
}

}  // namespace
}  // namespace barrio::bench

int main(int argc, char** argv) {
  barrio::configure_log("bench", barrio::LogLevel::warning, "");
  const std::string part = argc > 1 ? argv[1] : "";
  const barrio::bench::Words words(argv + std::min(argc, 2), argv + argc);
  if (part == "measure") return barrio::bench::measure(words);
  if (part == "tune") return barrio::bench::tune(words);
  if (part == "serve") return barrio::bench::serve(words);
  if (part == "load") return barrio::bench::send(words);
  return barrio::bench::wrong("measure, tune, serve or load");
}
