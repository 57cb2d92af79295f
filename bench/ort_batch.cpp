// Does batching pay on a CPU? The CPU time l(b) of one run of b requests, single-threaded, of a small convolutional net
// (src/adapters/ort/make_test_models.py), batch sizes interleaved; and the same with several threads, one model each,
// as the engine runs them. Against: b requests one by one.
//
// Usage: bench_ort_batch MODEL.onnx [LIBRARY]; the model takes "image", FP32 [N,3,96,96].

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

#include "adapters/ort/onnx_runtime_backend.h"
#include "base/rng.h"
#include "report.h"

namespace {

using namespace barrio;

constexpr size_t sizes[] = {1, 2, 4, 8};
constexpr int rounds = 40;

/// Of this thread: other programs on the machine do not count, though they share its caches.
double cpu_ms() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

double now_ms() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

ports::InferenceRequest image(Rng& rng) {
  ports::Tensor tensor{"image", ports::DataType::FP32, {1, 3, 96, 96}, std::string(size_t{3} * 96 * 96 * 4, '\0')};
  for (size_t i = 0; i < tensor.data.size(); i += sizeof(float)) {
    const auto pixel = static_cast<float>(rng.unit());
    std::memcpy(tensor.data.data() + i, &pixel, sizeof(pixel));
  }
  return {{tensor}, ""};
}

std::unique_ptr<ports::Model> load(const char* file, const char* library) {
  auto model = adapters::OnnxRuntimeBackend({library, 8}).load({"conv", "", file});
  if (model) return std::move(*model);
  std::fprintf(stderr, "ort_batch: %s\n", model.error().text().c_str());
  std::exit(2);
}

double run(ports::Model& model, const std::vector<ports::InferenceRequest>& batch) {
  const double before = cpu_ms();
  for (const auto& answer : model.run(batch)) {
    if (answer) continue;
    std::fprintf(stderr, "ort_batch: %s\n", answer.error().text().c_str());
    std::exit(2);
  }
  return cpu_ms() - before;
}

/// Requests per second of `threads` threads, each with its model, in batches of `batch`.
double together(const char* file, const char* library, size_t threads, size_t batch) {
  constexpr double span_ms = 2000;
  std::vector<std::unique_ptr<ports::Model>> models;
  for (size_t i = 0; i < threads; ++i) models.push_back(load(file, library));
  std::atomic<size_t> served = 0;
  const double until = now_ms() + span_ms;
  std::vector<std::thread> running;
  for (auto& model : models) {
    running.emplace_back([&served, &model, batch, until] {
      Rng rng(7);
      const std::vector<ports::InferenceRequest> requests(batch, image(rng));
      while (now_ms() < until) {
        run(*model, requests);
        served += batch;
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  return static_cast<double>(served) / span_ms * 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_ort_batch MODEL.onnx [LIBRARY]\n");
    return 2;
  }
  const char* library = argc > 2 ? argv[2] : "";
  const auto model = load(argv[1], library);
  Rng rng(3);
  std::vector<std::vector<double>> took(std::size(sizes));
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < std::size(sizes); ++i) {
      std::vector<ports::InferenceRequest> batch;
      for (size_t n = 0; n < sizes[i]; ++n) batch.push_back(image(rng));
      took[i].push_back(run(*model, batch));
    }
  }
  JsonArray results;
  for (size_t i = 0; i < std::size(sizes); ++i) {
    std::sort(took[i].begin(), took[i].end());
    const double median = took[i][took[i].size() / 2];
    const std::string name = "batch_" + std::to_string(sizes[i]);
    results.push_back(bench::figure(name, median, "ms", "lower"));
    results.push_back(bench::figure(name + "_p99", took[i][took[i].size() * 99 / 100], "ms", "lower"));
    results.push_back(
        bench::figure(name + "_per_request", median / static_cast<double>(sizes[i]), "ms", "lower", "batch_1"));
  }
  for (const size_t threads : {size_t{1}, size_t{2}}) {
    for (const size_t batch : {size_t{1}, size_t{8}}) {
      results.push_back(bench::figure("threads_" + std::to_string(threads) + "_batch_" + std::to_string(batch),
                                      together(argv[1], library, threads, batch), "requests/s", "higher",
                                      "threads_1_batch_1"));
    }
  }
  bench::print_report("ort_batch", {}, std::move(results));
  return 0;
}
