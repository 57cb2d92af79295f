// What the engine costs beside what it runs, with real threads and sockets.
//
//   front   one client, one request at a time: a binary tensor of 600 kB to an emulated device that takes no time. The
//           client's time, less the run's.
//   CPU     as many requests at a time as keep every worker busy, of an ONNX model on 1 and 2 single-threaded workers,
//           beside a bare loop around the same model on as many threads. Engine and loop run in turns.
//
//   bench_engine_front SECONDS [MODEL.onnx]        (engine_model.py writes one)
// Prints one JSON object.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <thread>

#include "adapters/ort/onnx_runtime_backend.h"
#include "adapters/profile/profile_backend.h"
#include "base/check.h"
#include "base/text.h"
#include "engine/engine.h"
#include "engine/front_door.h"
#include "engine/rest_front.h"
#include "net/client.h"
#include "net/thread_priority.h"
#include "ports/tensor.h"

namespace barrio::bench {
namespace {

constexpr size_t tensor_bytes = 600'000;
constexpr int turns = 5;

/// One model behind an engine on a thread of its own.
class EngineThread {
 public:
  EngineThread(ports::InferenceBackend& backend, const engine::LoadParameters& model, size_t workers) {
    std::promise<net::SocketAddress> ready;
    auto address = ready.get_future();
    thread_ = std::thread([&, this] { run(backend, model, workers, ready); });
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
  void run(ports::InferenceBackend& backend, const engine::LoadParameters& model, size_t workers,
           std::promise<net::SocketAddress>& ready) {
    net::Reactor reactor;
    reactor_ = &reactor;
    Registry registry;
    engine::EngineConfig config{.devices = {{.name = "cpu", .slots = workers, .is_cpu = true, .memory = {}}}};
    engine::Engine engine(reactor, {{"backend", &backend}}, config, registry);
    engine::WorkQueue codec(reactor, 1, 64);
    engine::RestFront rest(reactor, engine, engine, codec, registry);
    engine::FrontDoor door(reactor, {}, {&rest});
    bool loaded = false;
    engine.load("m", model, [&](Result<void> result) {
      if (!result) std::fprintf(stderr, "%s\n", result.error().text().c_str());
      CHECK(result.has_value());
      loaded = true;
    });
    while (!loaded) reactor.turn(100ms);
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

net::Request raw_request(const std::string& body) {
  return {.method = "POST",
          .target = "/v2/models/m/infer",
          .headers = {{"Inference-Header-Content-Length", "0"}},
          .body = body};
}

/// `at_a_time` requests, each followed by the next, until `until`.
class Clients {
 public:
  Clients(const net::SocketAddress& address, std::string body, size_t at_a_time)
      : address_(address), body_(std::move(body)), at_a_time_(at_a_time) {}

  struct Seen {
    std::vector<double> own_ms;  // the client's time, less the run's
    double per_second = 0;
  };
  Seen run(Duration time) {
    begin_ = reactor_.fresh_now();
    until_ = begin_ + time;
    for (size_t i = 0; i < at_a_time_; ++i) send();
    while (open_ > 0) reactor_.turn(100ms);
    seen_.per_second = static_cast<double>(answered_) / std::chrono::duration<double>(last_ - begin_).count();
    return std::move(seen_);
  }

 private:
  void send() {
    ++open_;
    const Time began = reactor_.fresh_now();
    client_.fetch(address_, raw_request(body_), began + 30s, [this, began](Result<net::Response> answer) {
      --open_;
      CHECK(answer.has_value() && answer->status == 200);
      last_ = reactor_.fresh_now();
      ++answered_;
      const auto timing = net::find_header(answer->headers, "Server-Timing").value_or("");
      const double run = parse_double(timing.substr(timing.rfind('=') + 1)).value_or(0);
      seen_.own_ms.push_back(to_ms(last_ - began) - run);
      if (last_ < until_) send();
    });
  }

  net::SocketAddress address_;
  std::string body_;
  size_t at_a_time_;
  net::Reactor reactor_;
  net::Client client_{reactor_, {}};
  Seen seen_;
  Time begin_{};
  Time until_{};
  Time last_{};
  size_t open_ = 0;
  size_t answered_ = 0;
};

double percentile(std::vector<double>& values, double share) {
  std::ranges::sort(values);
  return values.at(std::min(values.size() - 1, static_cast<size_t>(share * static_cast<double>(values.size()))));
}

Json result(const char* name, double value, const char* unit, bool higher) {
  return JsonObject{{"name", name}, {"value", value}, {"unit", unit}, {"better", higher ? "higher" : "lower"}};
}

void front(Duration time, JsonArray& results) {
  adapters::ProfileBackend backend;
  const EngineThread engine(backend, {.builtin = "a=1us,c=0us,max_batch=1,output=16"}, 1);
  Clients::Seen seen = Clients(engine.address(), std::string(tensor_bytes, 'x'), 1).run(time);
  results.push_back(result("front_600kB_own_p50", percentile(seen.own_ms, 0.5), "ms", false));
  results.push_back(result("front_600kB_own_p99", percentile(seen.own_ms, 0.99), "ms", false));
}

/// Runs a second around the model on each thread.
double bare_loop(ports::InferenceBackend& backend, const std::string& model, size_t threads, Duration time) {
  std::atomic<uint64_t> runs = 0;
  std::vector<std::thread> all;
  std::vector<std::unique_ptr<ports::Model>> models;
  for (size_t i = 0; i < threads; ++i) models.push_back(std::move(*backend.load({"m", "", model})));
  const Time until = net::read_clock() + time;
  const Time began = net::read_clock();
  for (size_t i = 0; i < threads; ++i) {
    all.emplace_back([&, one = models[i].get()] {
      net::compute_in_background();
      const ports::TensorSpec& input = one->info().inputs.at(0);
      const size_t bytes = *ports::element_count(input.shape) * ports::element_size(input.datatype);
      const ports::InferenceRequest request{{{input.name, input.datatype, input.shape, std::string(bytes, '\0')}}, ""};
      while (net::read_clock() < until) {
        CHECK(ports::run_alone(*one, request).has_value());
        ++runs;
      }
    });
  }
  for (std::thread& thread : all) thread.join();
  return static_cast<double>(runs) / std::chrono::duration<double>(net::read_clock() - began).count();
}

double engine_loop(ports::InferenceBackend& backend, const std::string& model, size_t workers, Duration time) {
  const EngineThread engine(backend, {.path = model}, workers);
  constexpr size_t input_bytes = 3 * 96 * 96 * sizeof(float);
  return Clients(engine.address(), std::string(input_bytes, '\0'), workers + 1).run(time).per_second;
}

double median(std::vector<double> values) {
  return percentile(values, 0.5);
}

void cpu(const std::string& model, Duration time, JsonArray& results) {
  adapters::OnnxRuntimeBackend backend;
  std::vector<double> against_bare;
  std::vector<double> two_of_one;
  std::vector<double> bare_two_of_one;
  for (int turn = 0; turn < turns; ++turn) {
    const double bare = bare_loop(backend, model, 1, time);
    const double one = engine_loop(backend, model, 1, time);
    const double two = engine_loop(backend, model, 2, time);
    against_bare.push_back(one / bare);
    two_of_one.push_back(two / one);
    bare_two_of_one.push_back(bare_loop(backend, model, 2, time) / bare);
  }
  results.push_back(result("cpu_engine_of_bare_loop", median(against_bare), "share", true));
  results.push_back(result("cpu_two_workers_of_one", median(two_of_one), "times", true));
  results.push_back(result("bare_loop_two_threads_of_one", median(bare_two_of_one), "times", true));
}

int run(Duration time, const std::string& model) {
  JsonArray results;
  front(time, results);
  if (!model.empty()) cpu(model, time, results);
  std::string machine_load;
  std::getline(std::ifstream("/proc/loadavg"), machine_load, ' ');
  const char* commit = std::getenv("BARRIO_COMMIT");
  const Json report = JsonObject{{"bench", "engine-front"},
                                 {"commit", commit == nullptr ? "" : commit},
                                 {"machine_load", machine_load},
                                 {"results", std::move(results)}};
  std::printf("%s\n", pretty_json(report).c_str());
  return 0;
}

}  // namespace
}  // namespace barrio::bench

int main(int argc, char** argv) {
  const auto seconds = argc > 1 ? barrio::parse_uint(argv[1]).value_or(0) : 0;
  if (seconds == 0) {
    std::fprintf(stderr, "usage: bench_engine_front SECONDS [MODEL.onnx]\n");
    return 2;
  }
  return barrio::bench::run(std::chrono::seconds(seconds), argc > 2 ? argv[2] : "");
}
