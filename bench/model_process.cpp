// What a model process adds to a run: the same model, which does nothing, in this process and in one of its own, asked
// in turn with nothing else in between. Prints one JSON object. Started again by itself as that process.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "adapters/model_process/model_process_backend.h"
#include "adapters/model_process/model_worker.h"
#include "base/heap.h"
#include "base/log.h"
#include "net/reactor.h"
#include "ports/tensor.h"
#include "report.h"

using namespace barrio;

namespace {

constexpr int rounds = 3000;

/// Answers a tensor with itself ("echo"), or with one number of it.
class NothingModel final : public ports::Model {
 public:
  explicit NothingModel(bool echoes) : echoes_(echoes) {}
  const ports::ModelInfo& info() const override { return info_; }
  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override {
    std::vector<Result<ports::Outputs>> answers;
    for (const auto& request : batch) {
      ports::Tensor output = {"y", ports::DataType::UINT8, {1}, request.inputs[0].data.substr(0, 1)};
      if (echoes_) {
        output.shape = request.inputs[0].shape;
        output.data = request.inputs[0].data;
      }
      answers.emplace_back(ports::Outputs{std::move(output)});
    }
    return answers;
  }

 private:
  bool echoes_;
  ports::ModelInfo info_{
      "nothing", "none", {{"x", ports::DataType::UINT8, {-1}}}, {{"y", ports::DataType::UINT8, {-1}}}, 8};
};

class NothingBackend final : public ports::InferenceBackend {
 public:
  Result<std::unique_ptr<ports::Model>> load(const ports::LoadSpec& spec) override {
    return std::make_unique<NothingModel>(spec.builtin == "echo");
  }
};

struct Figures {
  std::vector<double> inside;
  std::vector<double> process;
};

double run_ms(ports::Model& model, const ports::InferenceRequest& request) {
  const Time began = net::read_clock();
  const auto answer = ports::run_alone(model, request);
  const Time ended = net::read_clock();
  if (!answer) {
    std::fprintf(stderr, "%s\n", answer.error().text().c_str());
    std::exit(1);
  }
  return to_ms(ended - began);
}

void measure(JsonArray& results, const std::string& what, const std::string& builtin, size_t bytes) {
  NothingBackend here;
  adapters::ModelProcessBackend there({.arguments = {"/proc/self/exe", "worker"}});
  auto inside = here.load({"m", builtin, ""});
  auto process = there.load({"m", builtin, ""});
  if (!process) {
    std::fprintf(stderr, "%s\n", process.error().text().c_str());
    std::exit(1);
  }
  const ports::InferenceRequest request{
      {{"x", ports::DataType::UINT8, {static_cast<int64_t>(bytes)}, std::string(bytes, 'x')}}, ""};
  Figures figures;
  for (int i = 0; i < rounds; ++i) {
    figures.inside.push_back(run_ms(**inside, request));
    figures.process.push_back(run_ms(**process, request));
  }
  const auto added = [&](const char* name, double share) {
    const double more = bench::percentile(figures.process, share) - bench::percentile(figures.inside, share);
    return bench::figure(what + name, more, "ms", "lower", "the same model in the caller's process");
  };
  results.push_back(added("_added_p50", 0.5));
  results.push_back(added("_added_p99", 0.99));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "worker") == 0)
    adapters::run_model_worker([] { return std::make_unique<NothingBackend>(); });
  configure_log("bench", LogLevel::warning, "");
  keep_freed_memory();  // as the engine does
  JsonArray results;
  measure(results, "tensor_of_4_bytes", "one", 4);
  measure(results, "tensor_of_600_kB", "one", 600'000);
  measure(results, "tensor_of_600_kB_both_ways", "echo", 600'000);
  measure(results, "tensor_of_6_MB", "one", 6'000'000);
  bench::print_report("model_process", {}, std::move(results));
  return 0;
}
