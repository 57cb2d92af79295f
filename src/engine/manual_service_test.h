#pragma once
// An InferenceService that a test answers by hand, and that keeps count of who is told what.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/inference_service.h"

namespace barrio::engine {

class ManualService final : public InferenceService {
 public:
  struct Waiting {
    uint64_t id;
    Submission submission;
    std::function<void(Served)> done;
  };

  uint64_t submit(Submission submission, std::function<void(Served)> done) override {
    const uint64_t id = ++last_id;
    ++submitted;
    if (at_once) {
      if (auto served = at_once(submission)) {
        done(std::move(*served));
        return id;
      }
    }
    waiting.push_back({id, std::move(submission), std::move(done)});
    return id;
  }
  void cancel(uint64_t id) override {
    cancelled += std::erase_if(waiting, [&](const Waiting& one) { return one.id == id; });
  }
  const ports::ModelInfo* find(std::string_view model, std::string_view) const override {
    const auto found = models.find(model);
    return found == models.end() ? nullptr : &found->second;
  }

  /// Answers the one at `index`.
  void answer(size_t index, Served served) {
    Waiting one = std::move(waiting.at(index));
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(index));
    one.done(std::move(served));
  }
  void answer(size_t index, ports::Outputs outputs, Duration run = {}) {
    Served served;
    served.outputs = std::move(outputs);
    served.times.run = run;
    answer(index, std::move(served));
  }

  std::map<std::string, ports::ModelInfo, std::less<>> models;
  std::vector<Waiting> waiting;
  std::function<std::optional<Served>(const Submission&)> at_once;
  uint64_t last_id = 0;
  size_t submitted = 0;
  size_t cancelled = 0;
};

}  // namespace barrio::engine
