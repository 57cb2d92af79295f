#pragma once
// What the engine's fronts (Open Inference Protocol over REST and gRPC, OpenAI, video, pipelines) ask of its core: one
// inference by the name of a model, with its absolute deadline, answered once. Everything happens on the engine's loop.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ports/inference_backend.h"

namespace barrio::engine {

/// hard: late is worthless, and it goes first under overload; soft: late is worth less; best effort: what is left over.
enum class UrgencyClass { hard, soft, best_effort };
BARRIO_DESCRIBE_ENUM(UrgencyClass, hard, soft, best_effort)

struct Submission {
  std::string model = {};
  std::string version = {};                  // empty: the one that is served now
  std::string tenant = {};                   // empty: the app's own
  std::optional<UrgencyClass> urgency = {};  // none: the model's default
  bool may_rise = true;                      // false: no more urgent than the model's default, whatever it says
  bool continues = false;                    // device time was spent on the request before: one class up
  Time arrived{};                            // its first byte
  std::optional<Time> deadline{};            // none: the model's default, where it has one
  ports::InferenceRequest request = {};
};

/// Why a request was not run, in the words that its protocol carries, and when it would work.
struct Declined {
  enum class Why { overloaded, too_late, not_ready, unknown_model };
  Why why = Why::overloaded;
  std::string what;
  Duration retry_after{};                 // until the same request would be taken; zero: not known
  std::optional<Duration> earliest = {};  // from its arrival: the shortest time that it would have been taken with
  bool waited = false;                    // it was taken at first, and given up later
};

struct Times {
  Duration queue{};  // from its submission until it ran
  Duration hold{};   // the part of it in which a slot was free: the policy waited for a better batch
  Duration run{};
  size_t batch = 1;
};

/// Exactly one of outputs, error and declined.
struct Served {
  ports::Outputs outputs;
  std::optional<Error> error;
  std::optional<Declined> declined;
  Times times;
  size_t waiting = 0;        // requests that wait for the model now
  std::string version = {};  // that ran it; empty: it was not run, or not by one model alone
};

class InferenceService {
 public:
  virtual ~InferenceService() = default;
  /// `done` is called on the loop exactly once, possibly before this returns. The number cancels it.
  virtual uint64_t submit(Submission submission, std::function<void(Served)> done) = 0;
  /// The caller is gone: it is dropped where it still waits; `done` is not called any more.
  virtual void cancel(uint64_t id) = 0;
  /// Null: not loaded. Valid until the loop's next turn.
  virtual const ports::ModelInfo* find(std::string_view model, std::string_view version) const = 0;
  /// Why find() has nothing.
  virtual Declined why_not(std::string_view model, std::string_view version) const {
    return {.why = Declined::Why::unknown_model,
            .what = "there is no model " + std::string(model) + (version.empty() ? "" : " " + std::string(version))};
  }
};

}  // namespace barrio::engine
