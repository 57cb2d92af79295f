#include "engine/replica_view.h"

namespace barrio::engine {

/// What the engine says names models as it knows them.
std::string ReplicaView::shown(std::string text) const {
  if (prefix_.empty()) return text;
  for (size_t at = text.find(prefix_); at != std::string::npos; at = text.find(prefix_, at)) {
    text.erase(at, prefix_.size());
  }
  return text;
}

Error ReplicaView::shown(Error error) const {
  error.what = shown(std::move(error.what));
  error.where = shown(std::move(error.where));
  return error;
}

std::function<void(Result<void>)> ReplicaView::shown(std::function<void(Result<void>)> done) const {
  return [view = *this, done = std::move(done)](Result<void> result) {
    if (result) return done({});
    done(fail(view.shown(std::move(result).error())));
  };
}

uint64_t ReplicaView::submit(Submission submission, std::function<void(Served)> done) {
  if (!tenant_.empty()) {
    submission.tenant = tenant_;
    submission.may_rise = false;
  }
  if (prefix_.empty()) return engine_.submit(std::move(submission), std::move(done));
  const std::string model = std::exchange(submission.model, within(submission.model));
  const std::string version = submission.version;
  return engine_.submit(std::move(submission), [this, model, version, done = std::move(done)](Served served) {
    if (served.error) served.error = shown(std::move(*served.error));
    if (served.declined) {
      const bool unknown = served.declined->why == Declined::Why::unknown_model;
      served.declined->what = unknown ? why_not(model, version).what : shown(std::move(served.declined->what));
    }
    done(std::move(served));
  });
}

const ports::ModelInfo* ReplicaView::find(std::string_view model, std::string_view version) const {
  return engine_.find(within(model), version);
}

Declined ReplicaView::why_not(std::string_view model, std::string_view version) const {
  Declined why = engine_.why_not(within(model), version);
  why.what = shown(std::move(why.what));
  if (prefix_.empty() || why.why != Declined::Why::unknown_model) return why;
  std::string listed;
  for (const ListedModel& other : index()) {
    // A model that is here lacks the version, and the engine has said so.
    if (other.name == model) return why;
    listed += (listed.empty() ? "" : ", ") + other.name;
  }
  why.what =
      listed.empty() ? "no model is served here" : "this endpoint serves " + listed + ", not " + std::string(model);
  return why;
}

std::vector<ListedModel> ReplicaView::index() const {
  std::vector<ListedModel> models = engine_.index();
  std::erase_if(models, [this](const ListedModel& model) { return !is_ours(model.name); });
  for (ListedModel& model : models) {
    model.name = shown(std::move(model.name));
    for (ModelVersion& version : model.versions) version.reason = shown(std::move(version.reason));
  }
  return models;
}

void ReplicaView::load(std::string name, LoadParameters parameters, std::function<void(Result<void>)> done) {
  engine_.load(within(name), std::move(parameters), shown(std::move(done)));
}

void ReplicaView::unload(std::string name, std::string version, std::function<void(Result<void>)> done) {
  engine_.unload(within(name), std::move(version), shown(std::move(done)));
}

Result<void> ReplicaView::share(std::string_view name, std::string_view version, double share) {
  auto shared = engine_.share(within(name), version, share);
  if (!shared) return fail(shown(std::move(shared).error()));
  return {};
}

Result<std::vector<ModelStatistics>> ReplicaView::statistics(std::string_view name, std::string_view version) const {
  if (!name.empty() && engine_.why_not(within(name), version).why == Declined::Why::unknown_model &&
      engine_.find(within(name), version) == nullptr) {
    return fail(Code::not_found, why_not(name, version).what);
  }
  auto all = engine_.statistics(name.empty() ? "" : within(name), version);
  if (!all) return fail(shown(std::move(all).error()));
  std::erase_if(*all, [this](const ModelStatistics& one) { return !is_ours(one.name); });
  for (ModelStatistics& one : *all) one.name = shown(std::move(one.name));
  return all;
}

}  // namespace barrio::engine
