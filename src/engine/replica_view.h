#pragma once
// The engine as one replica's callers see it: only that replica's models, under their own names, whatever others are
// called. Within the engine they are "SCOPE/NAME"; nothing that leaves this shows the scope. Lives on the loop.

#include <string>

#include "engine/engine.h"

namespace barrio::engine {

class ReplicaView final : public InferenceService, public ModelRepository {
 public:
  /// An empty scope shows all of the engine. With `tenant`, it is charged for all that is asked here, whatever requests
  /// say, and none is more urgent than its model, since other tenants' would pay for it; without, they name theirs. The
  /// engine outlives this.
  ReplicaView(Engine& engine, const std::string& scope, std::string tenant)
      : engine_(engine), prefix_(scope.empty() ? "" : scope + "/"), tenant_(std::move(tenant)) {}

  uint64_t submit(Submission submission, std::function<void(Served)> done) override;
  void cancel(uint64_t id) override { engine_.cancel(id); }
  const ports::ModelInfo* find(std::string_view model, std::string_view version) const override;
  Declined why_not(std::string_view model, std::string_view version) const override;

  std::vector<ListedModel> index() const override;
  void load(std::string name, LoadParameters parameters, std::function<void(Result<void>)> done) override;
  void unload(std::string name, std::string version, std::function<void(Result<void>)> done) override;
  Result<void> share(std::string_view name, std::string_view version, double share) override;
  Result<std::vector<ModelStatistics>> statistics(std::string_view name, std::string_view version) const override;

 private:
  bool is_ours(const std::string& name) const { return name.starts_with(prefix_); }
  std::string within(std::string_view name) const { return prefix_ + std::string(name); }
  std::string shown(std::string text) const;
  Error shown(Error error) const;
  std::function<void(Result<void>)> shown(std::function<void(Result<void>)> done) const;

  Engine& engine_;
  const std::string prefix_;
  const std::string tenant_;
};

}  // namespace barrio::engine
