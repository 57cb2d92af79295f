// What the engine costs beside what it runs, with real threads and sockets.
//
//   front   one client, one request at a time: a binary tensor of 600 kB to an emulated device that takes no time, over
//           REST and over gRPC. The client's time, less the run's.
//   CPU     as many requests at a time as keep every worker busy, of an ONNX model on 1 and 2 single-threaded workers,
//           beside a bare loop around the same model on as many threads. Engine and loop run in turns.
//
//   bench_engine_front SECONDS [MODEL.onnx]        (engine_model.py writes one)
// Prints one JSON object.

#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <thread>

#include "adapters/ort/onnx_runtime_backend.h"
#include "adapters/profile/profile_backend.h"
#include "api/grpc/framing.h"
#include "api/oip/grpc_infer.h"
#include "base/check.h"
#include "base/log.h"
#include "base/text.h"
#include "engine_thread.h"
#include "net/client.h"
#include "net/thread_priority.h"
#include "ports/tensor.h"
#include "report.h"

namespace barrio::bench {
namespace {

constexpr size_t tensor_bytes = 600'000;
constexpr int turns = 5;

/// One model on a CPU with so many workers.
engine::EngineOptions one_model(const engine::LoadParameters& model, size_t workers) {
  engine::EngineOptions options{.own = engine::ReplicaOptions{.listen = "127.0.0.1:0", .models = {{"m", model}}}};
  options.engine.devices = {{.name = "cpu", .slots = workers, .is_cpu = true, .memory = {}}};
  return options;
}

net::Request raw_request(const std::string& body) {
  return {.method = "POST",
          .target = "/v2/models/m/infer",
          .headers = {{"Inference-Header-Content-Length", "0"}},
          .body = body};
}

net::Request grpc_request(const std::string& data) {
  api::GrpcInferRequest request{"m", "", true, {}};
  request.request.inputs.push_back({"x", ports::DataType::UINT8, {static_cast<int64_t>(data.size())}, data});
  std::string frame(api::grpc_prefix_size, '\0');
  CHECK(api::append_grpc_infer_request(request, frame).has_value());
  api::set_grpc_prefix(frame);
  return {.method = "POST",
          .target = "/inference.GRPCInferenceService/ModelInfer",
          .headers = {{"Content-Type", "application/grpc"}, {"TE", "trailers"}},
          .body = std::move(frame)};
}

/// `at_a_time` requests, each followed by the next, until `until`.
class Clients {
 public:
  Clients(net::Endpoint endpoint, net::Request request, size_t at_a_time)
      : endpoint_(std::move(endpoint)), request_(std::move(request)), at_a_time_(at_a_time) {}

  struct Seen {
    std::vector<double> own_ms;  // the client's time, less the run's
    double per_second = 0;
  };
  Seen run(Duration time) {
    begin_ = reactor_.fresh_now();
    until_ = begin_ + time;
    for (size_t i = 0; i < at_a_time_; ++i) send();
    while (open_ > 0) reactor_.turn(100ms);
    seen_.per_second = static_cast<double>(answered_) / to_seconds(last_ - begin_);
    return std::move(seen_);
  }

 private:
  void send() {
    ++open_;
    const Time began = reactor_.fresh_now();
    client_.fetch(endpoint_, request_, began + 30s, [this, began](Result<net::Response> answer) {
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

  net::Endpoint endpoint_;
  net::Request request_;
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

void front(Duration time, JsonArray& results) {
  adapters::ProfileBackend backend;
  const EngineThread engine(one_model({.builtin = "a=1us,c=0us,max_batch=1,output=16"}, 1), {{"profile", &backend}});
  const std::string tensor(tensor_bytes, 'x');
  Clients::Seen rest = Clients(engine.address(), raw_request(tensor), 1).run(time);
  results.push_back(figure("front_600kB_own_p50", percentile(rest.own_ms, 0.5), "ms", "lower"));
  results.push_back(figure("front_600kB_own_p99", percentile(rest.own_ms, 0.99), "ms", "lower"));
  net::Endpoint endpoint = engine.address();
  endpoint.protocol = net::Protocol::http2;
  Clients::Seen grpc = Clients(endpoint, grpc_request(tensor), 1).run(time);
  results.push_back(figure("front_600kB_grpc_own_p50", percentile(grpc.own_ms, 0.5), "ms", "lower"));
  results.push_back(figure("front_600kB_grpc_own_p99", percentile(grpc.own_ms, 0.99), "ms", "lower"));
}

/// Runs a second around the model on each thread.
double bare_loop(ports::InferenceBackend& backend, const std::string& model, size_t threads, Duration time) {
  std::atomic<uint64_t> runs = 0;
  std::vector<std::thread> all;
  std::vector<std::unique_ptr<ports::Model>> models;
  for (size_t i = 0; i < threads; ++i) {
    auto loaded = backend.load({"m", "", model});
    if (!loaded) throw std::runtime_error(model + ": " + loaded.error().text());
    models.push_back(std::move(*loaded));
  }
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
  return static_cast<double>(runs) / to_seconds(net::read_clock() - began);
}

double engine_loop(ports::InferenceBackend& backend, const std::string& model, size_t workers, Duration time) {
  const EngineThread engine(one_model({.path = model}, workers), {{"onnx", &backend}});
  constexpr size_t input_bytes = 3 * 96 * 96 * sizeof(float);
  return Clients(engine.address(), raw_request(std::string(input_bytes, '\0')), workers + 1).run(time).per_second;
}

double median(std::vector<double> values) {
  return percentile(std::move(values), 0.5);
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
  results.push_back(figure("cpu_engine_of_bare_loop", median(against_bare), "share", "higher"));
  results.push_back(figure("cpu_two_workers_of_one", median(two_of_one), "times", "higher"));
  results.push_back(figure("bare_loop_two_threads_of_one", median(bare_two_of_one), "times", "higher"));
}

int run(Duration time, const std::string& model) {
  JsonArray results;
  front(time, results);
  if (!model.empty()) cpu(model, time, results);
  print_report("engine-front", {}, std::move(results));
  return 0;
}

}  // namespace
}  // namespace barrio::bench

int main(int argc, char** argv) {
  barrio::configure_log("bench", barrio::LogLevel::warning, "");
  const auto seconds = argc > 1 ? barrio::parse_uint(argv[1]).value_or(0) : 0;
  if (seconds == 0) {
    std::fprintf(stderr, "usage: bench_engine_front SECONDS [MODEL.onnx]\n");
    return 2;
  }
  try {
    return barrio::bench::run(std::chrono::seconds(seconds), argc > 2 ? argv[2] : "");
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "bench_engine_front: %s\n", error.what());
    return 1;
  }
}
