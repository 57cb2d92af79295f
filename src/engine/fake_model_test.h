#pragma once
// A backend for tests of the engine: models that double bytes, and are slow, broken or refused when told so.

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <mutex>

#include "ports/inference_backend.h"

namespace barrio::engine {

/// Opened by the test, so that a slow model is slow exactly as long as the test wants.
struct Gate {
  ~Gate() { release(); }
  void release() {
    if (!std::exchange(released, true)) promise.set_value();
  }
  bool released = false;
  std::promise<void> promise;
  std::shared_future<void> open = promise.get_future().share();
};

/// What the models of a backend did, in the order they began.
class Runs {
 public:
  struct Run {
    std::string model;
    std::vector<int> values;
    friend bool operator==(const Run&, const Run&) = default;
  };
  void add(Run run) {
    const std::lock_guard lock(mutex_);
    runs_.push_back(std::move(run));
  }
  std::vector<Run> all() const {
    const std::lock_guard lock(mutex_);
    return runs_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Run> runs_;
};

/// Doubles bytes; 13 makes it fail; 12 finds no memory; 7 waits for the gate.
class FakeModel final : public ports::Model {
 public:
  FakeModel(std::string name, size_t max_batch, const std::shared_future<void>& gate, Runs& runs)
      : info_{std::move(name),
              "fake",
              // With two free dimensions nothing is measured on zeros: the first real run teaches.
              {{"x", ports::DataType::UINT8, max_batch > 1 ? std::vector<int64_t>{-1, -1} : std::vector<int64_t>{-1}}},
              {{"y", ports::DataType::UINT8, {-1}}},
              max_batch},
        gate_(gate),
        runs_(runs) {}
  /// Takes one picture, whatever is in it.
  FakeModel(std::string name, const std::shared_future<void>& gate, Runs& runs)
      : info_{std::move(name), "fake", {{"x", ports::DataType::BYTES, {1}}}, {{"y", ports::DataType::BYTES, {1}}}, 1},
        gate_(gate),
        runs_(runs) {}
  const ports::ModelInfo& info() const override { return info_; }

  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override {
    Runs::Run run{info_.name, {}};
    for (const auto& request : batch) run.values.push_back(request.inputs.at(0).data.at(0));
    // Warming and measuring are none of the test's.
    if (std::ranges::any_of(run.values, [](int value) { return value != 0; })) runs_.add(std::move(run));
    std::vector<Result<ports::Outputs>> answers;
    for (const auto& request : batch) answers.push_back(run_one(request));
    return answers;
  }

 private:
  Result<ports::Outputs> run_one(const ports::InferenceRequest& request) {
    ports::Tensor answer = request.inputs.at(0);
    answer.name = "y";
    for (char& byte : answer.data) {
      if (byte == 13) return fail(Code::unavailable, "the model broke");
      if (byte == 12) return fail(Code::exhausted, "needs more memory than it may have");
      if (byte == 7) gate_.wait();
      byte = static_cast<char>(byte * 2);
    }
    return std::vector{answer};
  }

  ports::ModelInfo info_;
  std::shared_future<void> gate_;
  Runs& runs_;
};

/// The builtin "bad" is no model; "held" loads once `loading` is released; "batch" takes 8 at a time; "picture" takes a
/// picture. Models loaded from a path are "good" whatever is in the file, unless it is called .broken.
class FakeBackend final : public ports::InferenceBackend {
 public:
  Result<std::unique_ptr<ports::Model>> load(const ports::LoadSpec& spec) override {
    if (spec.builtin == "held") loading.open.wait();
    memory = spec.memory.count();
    if (spec.builtin == "bad") return fail(Code::invalid, "no model in it", "bad");
    if (spec.path.ends_with(".broken")) return fail(Code::invalid, "no model in " + spec.path, spec.path);
    if (spec.builtin == "picture") return std::make_unique<FakeModel>(spec.name, slow.open, runs);
    return std::make_unique<FakeModel>(spec.name, spec.builtin == "batch" ? 8 : 1, slow.open, runs);
  }
  void release() {
    loading.release();
    slow.release();
  }
  std::atomic<int64_t> memory = 0;  // of the last that was loaded
  Gate loading;
  Gate slow;
  Runs runs;
};

}  // namespace barrio::engine
