// A language model behind an OpenAI backend at 1.2 times its capacity, in virtual time: first come first served without
// a bound (what a server does by itself) against the admission of adapters/openai (decide/batching/first_token), on the
// arrivals and token counts of public traces. Goodput: requests per second whose first token came within the objective
// and whose answer was completed. Beside them a bound on requests in flight, the best of many by hindsight.
//
// Usage: bench_engine_llm [TRACES [LOAD]]: the folder of the traces (../shared/data/traces), 1.2.

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include "base/rng.h"
#include "bench/llm_server.h"
#include "bench/llm_traces.h"
#include "bench/report.h"
#include "decide/batching/first_token.h"

namespace {

using namespace barrio;
using namespace barrio::bench;
using decide::FirstTokenQueue;

const Time start{1s};
constexpr double most_error = 0.25;  // of an estimated prompt length: bytes are known, tokens are not

struct Trace {
  const char* name;
  const char* file;
  Duration objective;
};
constexpr Trace traces[] = {{"azure_code", "azure_llm_2023_code.csv", 2s},
                            {"azure_conversation", "azure_llm_2023_conv.csv", 2s},
                            {"mooncake_conversation", "mooncake_conversation.jsonl", 10s}};

struct Outcome {
  size_t good = 0;
  size_t late = 0;  // served all the same
  size_t refused = 0;
  size_t refused_at_once = 0;
  Duration over{};
  uint64_t preemptions = 0;
  double share(size_t offered) const { return static_cast<double>(good) / static_cast<double>(offered); }
};

/// How a gateway in front of the server treats what arrives.
class Front {
 public:
  virtual ~Front() = default;
  virtual void arrives(uint64_t id, Time now) = 0;
  virtual void first_token(uint64_t, Time) {}
  virtual void finished(uint64_t, Time) {}
};

class World {
 public:
  World(std::vector<LlmRequest> requests, Duration objective)
      : requests_(std::move(requests)), objective_(objective), began_(requests_.size(), false) {}

  const LlmRequest& request(uint64_t id) const { return requests_[id]; }
  Time until(uint64_t id) const { return start + requests_[id].at + objective_; }
  void send(uint64_t id, Time now) { server_.submit(id, requests_[id].prompt, requests_[id].output, now); }
  void refuse(uint64_t id, Time now) {
    ++outcome_.refused;
    outcome_.refused_at_once += now == start + requests_[id].at ? 1 : 0;
  }
  const LlmServer& server() const { return server_; }

  Outcome run(Front& front) {
    uint64_t next = 0;
    while (next < requests_.size() || server_.next()) {
      const Time arrival = next < requests_.size() ? start + requests_[next].at : Time::max();
      if (!server_.next() || arrival <= *server_.next()) {
        front.arrives(next++, arrival);
        continue;
      }
      const Time now = *server_.next();
      outcome_.over = now - start;
      for (const LlmServer::Event& event : server_.step()) tell(front, event, now);
    }
    outcome_.preemptions = server_.preemptions();
    return outcome_;
  }

 private:
  void tell(Front& front, const LlmServer::Event& event, Time now) {
    if (event.first_token) {
      began_[event.id] = now <= until(event.id);
      front.first_token(event.id, now);
    }
    if (!event.finished) return;
    ++(began_[event.id] ? outcome_.good : outcome_.late);
    front.finished(event.id, now);
  }

  std::vector<LlmRequest> requests_;
  Duration objective_;
  std::vector<bool> began_;  // in time
  LlmServer server_{LlmServerSpec{}};
  Outcome outcome_;
};

/// Everything at once to the server, or no more than a bound at a time.
class Bounded final : public Front {
 public:
  Bounded(World& world, size_t most) : world_(world), most_(most) {}
  void arrives(uint64_t id, Time now) override {
    if (world_.server().waiting() + world_.server().running() >= most_) return world_.refuse(id, now);
    world_.send(id, now);
  }

 private:
  World& world_;
  size_t most_;
};

class Ours final : public Front {
 public:
  Ours(World& world, uint64_t seed) : world_(world), rng_(seed) {}
  void arrives(uint64_t id, Time now) override {
    const double error = 1 + most_error * (2 * rng_.unit() - 1);
    const auto guess = static_cast<uint64_t>(static_cast<double>(world_.request(id).prompt) * error);
    if (queue_.offer(id, guess, world_.until(id), now)) return world_.refuse(id, now);
    act(now);
  }
  void first_token(uint64_t id, Time now) override {
    queue_.first_token(id, FirstTokenQueue::Seen::yes, now);
    act(now);
  }
  void finished(uint64_t id, Time now) override {
    queue_.finished(id, now);
    act(now);
  }

 private:
  void act(Time now) {
    const auto step = queue_.step(now);
    for (const uint64_t id : step.send) world_.send(id, now);
    for (const uint64_t id : step.drop) world_.refuse(id, now);
  }

  World& world_;
  Rng rng_;
  FirstTokenQueue queue_{decide::FirstTokenLimits{}};
};

/// Requests per second when none ever waits for an arrival.
double capacity(std::vector<LlmRequest> requests) {
  for (LlmRequest& request : requests) request.at = Duration::zero();
  World world(requests, 1h);
  Bounded front(world, requests.size() + 1);
  const Outcome outcome = world.run(front);
  return static_cast<double>(outcome.good + outcome.late) / to_seconds(outcome.over);
}

/// The same arrivals, closer together or further apart.
std::vector<LlmRequest> scaled(std::vector<LlmRequest> requests, double rate) {
  const double span = to_seconds(requests.back().at - requests.front().at);
  const double factor = static_cast<double>(requests.size()) / span / rate;
  for (LlmRequest& request : requests) {
    request.at = Duration(static_cast<int64_t>(static_cast<double>(request.at.count()) * factor));
  }
  return requests;
}

Outcome bounded(const std::vector<LlmRequest>& requests, Duration objective, size_t most) {
  World world(requests, objective);
  Bounded front(world, most);
  return world.run(front);
}

Outcome ours(const std::vector<LlmRequest>& requests, Duration objective, uint64_t seed) {
  World world(requests, objective);
  Ours front(world, seed);
  return world.run(front);
}

void measure(const Trace& trace, std::vector<LlmRequest> requests, double load, JsonArray& results) {
  const double most = capacity(requests);
  requests = scaled(std::move(requests), most * load);
  const double offered = static_cast<double>(requests.size());
  const double seconds = to_seconds(requests.back().at - requests.front().at);
  const std::string name = trace.name;
  const Outcome fcfs = bounded(requests, trace.objective, requests.size() + 1);
  Outcome best;
  for (const size_t bound : {4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512}) {
    const Outcome one = bounded(requests, trace.objective, bound);
    if (one.good > best.good) best = one;
  }
  Outcome worst_of_seeds;
  worst_of_seeds.good = requests.size();
  for (const uint64_t seed : {1, 2, 3}) {
    const Outcome one = ours(requests, trace.objective, seed);
    if (one.good <= worst_of_seeds.good) worst_of_seeds = one;
  }
  const auto goodput = [&](const Outcome& outcome) { return static_cast<double>(outcome.good) / seconds; };
  results.push_back(figure(name + "_capacity", most, "1/s", "higher"));
  results.push_back(figure(name + "_unbounded_goodput", goodput(fcfs), "1/s", "higher"));
  results.push_back(figure(name + "_best_bound_goodput", goodput(best), "1/s", "higher", "unbounded"));
  results.push_back(figure(name + "_goodput", goodput(worst_of_seeds), "1/s", "higher", "unbounded"));
  results.push_back(figure(name + "_gain", goodput(worst_of_seeds) / goodput(fcfs), "x", "higher", "unbounded"));
  results.push_back(figure(name + "_share_of_offered", static_cast<double>(worst_of_seeds.good) / offered, "share",
                           "higher", "1 / load at most where arrivals are even"));
  results.push_back(
      figure(name + "_served_late", static_cast<double>(worst_of_seeds.late) / offered, "share", "lower"));
  results.push_back(figure(name + "_refused_on_arrival",
                           static_cast<double>(worst_of_seeds.refused_at_once) /
                               static_cast<double>(std::max<size_t>(worst_of_seeds.refused, 1)),
                           "share of refusals", "higher"));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : std::string(BARRIO_SOURCE_DIR) + "/../shared/data/traces";
  const double load = argc > 2 ? std::atof(argv[2]) : 1.2;
  JsonArray results;
  for (const Trace& trace : traces) {
    auto requests = read_trace(folder + "/" + trace.file);
    if (requests.size() < 2) {
      std::fprintf(stderr, "engine_llm: no trace %s/%s\n", folder.c_str(), trace.file);
      return 2;
    }
    measure(trace, std::move(requests), load, results);
  }
  print_report("engine_llm", {{"load", load}}, std::move(results));
  return 0;
}
