#pragma once
// What stands behind fronts in their tests: a service whose answers the test gives, and a repository that notes what is
// asked.

#include <map>

#include "engine/inference_service.h"
#include "engine/model_repository.h"
#include "ports/tensor.h"

namespace barrio::engine {

/// Has one model, "doubler": UINT8 x[-1] to y, each byte twice. Answers at once, or while `holds`, when it is told to.
class FakeService final : public InferenceService {
 public:
  struct Held {
    Submission submission;
    std::function<void(Served)> done;
  };
  bool holds = false;
  std::optional<Declined> declines;
  std::map<uint64_t, Held> held;
  std::optional<Submission> last;  // without its request's tensors
  size_t cancelled = 0;

  uint64_t submit(Submission submission, std::function<void(Served)> done) override {
    const uint64_t id = ++ids_;
    last = submission;
    if (submission.model != "doubler") {
      decline(done, why_not(submission.model, submission.version));
    } else if (declines) {
      decline(done, *declines);
    } else {
      held.emplace(id, Held{std::move(submission), std::move(done)});
      if (!holds) answer(id);
    }
    return id;
  }
  void cancel(uint64_t id) override { cancelled += held.erase(id); }
  const ports::ModelInfo* find(std::string_view model, std::string_view) const override {
    return model == "doubler" ? &info_ : nullptr;
  }

  void answer(uint64_t id) {
    auto node = held.extract(id);
    Served served;
    served.times = {.queue = 2ms, .hold = {}, .run = 3ms};
    served.waiting = held.size();
    auto checked = ports::check_inputs(info_, node.mapped().submission.request);
    if (checked) {
      ports::Tensor y = node.mapped().submission.request.inputs.front();
      y.name = "y";
      for (char& byte : y.data) byte = static_cast<char>(byte * 2);
      served.outputs.push_back(std::move(y));
    } else {
      served.error = checked.error();
    }
    node.mapped().done(std::move(served));
  }

  static void decline(const std::function<void(Served)>& done, Declined declined) {
    Served served;
    served.declined = std::move(declined);
    done(std::move(served));
  }

 private:
  ports::ModelInfo info_{
      "doubler", "fake", {{"x", ports::DataType::UINT8, {-1}}}, {{"y", ports::DataType::UINT8, {-1}}}};
  uint64_t ids_ = 0;
};

class FakeRepository final : public ModelRepository {
 public:
  std::string loaded;
  LoadParameters parameters;
  std::function<void(Result<void>)> done;  // of the last load or unload

  std::vector<ListedModel> index() const override {
    return {{"doubler", {{"1", ModelState::ready, "", 1}}},
            {"other", {{"1", ModelState::unavailable, "unloaded", 0}, {"2", ModelState::ready, "", 1}}}};
  }
  void load(std::string name, LoadParameters with, std::function<void(Result<void>)> when_done) override {
    loaded = std::move(name);
    parameters = std::move(with);
    done = std::move(when_done);
  }
  void unload(std::string name, std::string version, std::function<void(Result<void>)> when_done) override {
    loaded = "no " + name + " " + version;
    done = std::move(when_done);
  }
  Result<void> share(std::string_view, std::string_view, double) override { return {}; }
  Result<std::vector<ModelStatistics>> statistics(std::string_view name, std::string_view) const override {
    if (!name.empty() && name != "doubler") return fail(Code::not_found, "there is no model " + std::string(name));
    ModelStatistics one;
    one.name = "doubler";
    one.version = "1";
    one.inference_count = 3;
    one.execution_count = 1;
    one.success.add(5ms, 3);
    one.batches.push_back({3, {1, 4ms}});
    return std::vector{one};
  }
};

}  // namespace barrio::engine
