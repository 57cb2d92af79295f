#pragma once
// The engine's models by name and version: which one answers a request, and what each has done. Plain values on the
// loop; loading and running is Engine's.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "decide/batching/profile.h"
#include "engine/engine_metrics.h"
#include "engine/inference_service.h"
#include "engine/model_loader.h"
#include "engine/model_repository.h"

namespace barrio::engine {

struct Version {
  std::string model;
  uint64_t number = 1;
  LoadParameters parameters;  // complete: nothing of it is empty that a load would need
  ModelState state = ModelState::loading;
  std::string reason;       // of unavailable
  bool has_served = false;  // it was ready once: what it was made of is remembered when it goes
  double share = 0;
  double credit = 0;  // of shares not yet spent
  size_t device = 0;
  uint32_t index = 0;  // of the model on its device
  Bytes memory{};      // that is kept for it

  ports::ModelInfo info;
  Instances instances;                              // each touched by one run at a time
  std::vector<size_t> free_instances;               // that do not run
  std::optional<decide::ProfileEstimate> estimate;  // none: not known before the first run
  uint64_t estimate_given = 0;                      // to the device
  Time last_run{};
  UrgencyClass urgency = UrgencyClass::soft;

  /// From arrival to deadline; falls at once, rises slowly: the tightest callers count.
  Duration usual = Duration::max();
  uint64_t on_time_lately = 0;  // answers since the device's goodput was shown
  size_t open = 0;              // requests taken and not answered
  uint64_t canary_seen = 0;     // answers since shares last changed
  uint64_t canary_failed = 0;   // of them: the model's own errors
  ModelStatistics statistics;
  ModelMetrics* metrics = nullptr;
  std::vector<std::function<void(Result<void>)>> on_loaded;
  std::vector<std::function<void(Result<void>)>> on_unloaded;

  bool ready() const { return state == ModelState::ready; }
  void note_usual(Duration time) { usual = time < usual ? time : usual + (time - usual) / 64; }
  std::string text() const { return model + " version " + std::to_string(number); }
  /// As many as are free of those that it has; the scheduler runs it no more often at once.
  size_t take_instance() {
    const size_t instance = free_instances.back();
    free_instances.pop_back();
    return instance;
  }
};

class ModelTable {
 public:
  using Versions = std::vector<std::shared_ptr<Version>>;  // oldest first

  /// Null: no such model, no such version, or none is ready. An empty version is chosen by the shares.
  std::shared_ptr<Version> choose(std::string_view model, std::string_view version);
  /// Null: not there, whatever its state.
  std::shared_ptr<Version> find(std::string_view model, std::string_view version) const;
  /// The one that most requests without a version go to; null: none is ready.
  std::shared_ptr<Version> present(std::string_view model) const;
  /// Whose parameters a load takes that leaves things out: of the version that it names, where that has been here; else
  /// of the present one; else of the newest that was. Null: of none.
  std::shared_ptr<Version> model_for(std::string_view model, std::string_view version) const;
  const Versions* versions(std::string_view model) const;
  /// Why choose() had none, in the words of the protocol.
  Declined why_not(std::string_view model, std::string_view version) const;

  std::shared_ptr<Version> add(const std::string& model, uint64_t number);
  /// Leaves out those that could not be loaded or were unloaded.
  void forget_gone(const std::string& model);
  /// The same before version `number` is loaded, but for the last few that have served: one may want to go back to
  /// them.
  void forget_old(const std::string& model, uint64_t number);
  uint64_t next_number(std::string_view model) const;
  /// Gives it this share and the rest to the other ready ones, as they had it among each other.
  void set_share(Version& version, double share);
  /// After one went: what it had goes to the others.
  void spread_shares(std::string_view model);

  std::vector<ListedModel> index() const;
  Result<std::vector<ModelStatistics>> statistics(std::string_view model, std::string_view version) const;
  size_t loaded() const;  // versions that take up memory
  const std::map<std::string, Versions, std::less<>>& all() const { return models_; }

 private:
  std::map<std::string, Versions, std::less<>> models_;
};

}  // namespace barrio::engine
