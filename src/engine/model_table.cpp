#include "engine/model_table.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::engine {

namespace {

bool gone(const std::shared_ptr<Version>& version) {
  return version->state == ModelState::unavailable;
}

constexpr std::ptrdiff_t most_remembered = 4;

std::string numbers(const ModelTable::Versions& versions) {
  std::string text;
  const bool all_gone = std::ranges::all_of(versions, gone);
  for (const auto& version : versions)
    if (all_gone || !gone(version)) text += (text.empty() ? "" : ", ") + std::to_string(version->number);
  return text;
}

}  // namespace

const ModelTable::Versions* ModelTable::versions(std::string_view model) const {
  const auto found = models_.find(model);
  return found == models_.end() ? nullptr : &found->second;
}

std::shared_ptr<Version> ModelTable::find(std::string_view model, std::string_view version) const {
  const Versions* all = versions(model);
  const auto number = parse_uint(version);
  if (all == nullptr || !number) return nullptr;
  const auto found = std::ranges::find(*all, *number, [](const auto& one) { return one->number; });
  return found == all->end() ? nullptr : *found;
}

std::shared_ptr<Version> ModelTable::present(std::string_view model) const {
  const Versions* all = versions(model);
  std::shared_ptr<Version> best;
  if (all == nullptr) return best;
  for (const auto& version : *all) {
    if (version->ready() && (best == nullptr || version->share >= best->share)) best = version;
  }
  return best;
}

std::shared_ptr<Version> ModelTable::model_for(std::string_view model, std::string_view version) const {
  if (auto named = version.empty() ? nullptr : find(model, version)) return named;
  if (auto serves = present(model)) return serves;
  const Versions* all = versions(model);
  return all == nullptr || all->empty() ? nullptr : all->back();
}

std::shared_ptr<Version> ModelTable::choose(std::string_view model, std::string_view version) {
  if (!version.empty()) {
    auto named = find(model, version);
    return named != nullptr && named->ready() ? named : nullptr;
  }
  const Versions* all = versions(model);
  if (all == nullptr) return nullptr;
  // Each gets its share in every stretch of requests, without chance: the one that is owed most is next.
  std::shared_ptr<Version> best;
  for (const auto& one : *all) {
    if (!one->ready() || one->share <= 0) continue;
    one->credit += one->share;
    if (best == nullptr || one->credit > best->credit) best = one;
  }
  if (best != nullptr) best->credit -= 1;
  return best;
}

Declined ModelTable::why_not(std::string_view model, std::string_view version) const {
  const std::string name(model);
  const Versions* all = versions(model);
  if (all == nullptr) {
    std::string others;
    for (const auto& [other, unused] : models_) others += (others.empty() ? "" : ", ") + other;
    return {.why = Declined::Why::unknown_model,
            .what = others.empty() ? "no model is served here" : "this endpoint serves " + others + ", not " + name};
  }
  const auto loading = std::ranges::find(*all, ModelState::loading, [](const auto& one) { return one->state; });
  if (!version.empty()) {
    const auto named = find(model, version);
    if (named == nullptr) {
      return {.why = Declined::Why::unknown_model,
              .what = "model " + name + " has version " + numbers(*all) + ", not " + std::string(version)};
    }
    return {
        .why = Declined::Why::not_ready,
        .what = named->text() + " is " + to_name(named->state) + (named->reason.empty() ? "" : ": " + named->reason)};
  }
  if (loading != all->end()) return {.why = Declined::Why::not_ready, .what = "model " + name + " is loading"};
  const std::string& reason = all->empty() ? std::string() : all->back()->reason;
  return {.why = Declined::Why::not_ready, .what = "model " + name + " is not served: " + reason};
}

std::shared_ptr<Version> ModelTable::add(const std::string& model, uint64_t number) {
  auto version = std::make_shared<Version>();
  version->model = model;
  version->number = number;
  version->statistics.name = model;
  version->statistics.version = std::to_string(number);
  Versions& all = models_[model];
  all.push_back(version);
  std::ranges::sort(all, {}, [](const auto& one) { return one->number; });
  return version;
}

void ModelTable::forget_gone(const std::string& model) {
  const auto found = models_.find(model);
  if (found == models_.end()) return;
  std::erase_if(found->second, gone);
  if (found->second.empty()) models_.erase(found);
}

void ModelTable::forget_old(const std::string& model, uint64_t number) {
  const auto found = models_.find(model);
  if (found == models_.end()) return;
  Versions& all = found->second;
  std::erase_if(all, [&](const auto& one) { return gone(one) && (!one->has_served || one->number == number); });
  auto left_over = std::ranges::count_if(all, gone) - most_remembered;
  std::erase_if(all, [&](const auto& one) { return gone(one) && left_over-- > 0; });
}

uint64_t ModelTable::next_number(std::string_view model) const {
  const Versions* all = versions(model);
  return all == nullptr || all->empty() ? 1 : all->back()->number + 1;
}

void ModelTable::set_share(Version& version, double share) {
  double others = 0;
  const Versions& all = models_.at(version.model);
  for (const auto& one : all) {
    one->credit = 0;
    one->canary_seen = one->canary_failed = 0;
    if (one.get() != &version && one->ready()) others += one->share;
  }
  // The only one has all, whatever was asked for.
  version.share = others > 0 ? share : 1;
  for (const auto& one : all) {
    if (one.get() != &version && one->ready()) one->share *= others > 0 ? (1 - version.share) / others : 0;
  }
}

void ModelTable::spread_shares(std::string_view model) {
  const Versions* all = versions(model);
  if (all == nullptr) return;
  double sum = 0;
  for (const auto& one : *all) sum += one->ready() ? one->share : 0;
  const auto newest = std::ranges::find_if(all->rbegin(), all->rend(), [](const auto& one) { return one->ready(); });
  if (newest == all->rend()) return;
  if (sum <= 0) (*newest)->share = sum = 1;
  for (const auto& one : *all) one->share = one->ready() ? one->share / sum : 0;
}

std::vector<ListedModel> ModelTable::index() const {
  std::vector<ListedModel> models;
  for (const auto& [name, versions] : models_) {
    ListedModel model{name, {}};
    for (const auto& one : versions) {
      model.versions.push_back({std::to_string(one->number), one->state, one->reason, one->share});
    }
    models.push_back(std::move(model));
  }
  return models;
}

Result<std::vector<ModelStatistics>> ModelTable::statistics(std::string_view model, std::string_view version) const {
  if (!version.empty()) {
    const auto one = find(model, version);
    if (one == nullptr) return fail(Code::not_found, why_not(model, version).what);
    return std::vector{one->statistics};
  }
  if (!model.empty() && versions(model) == nullptr) return fail(Code::not_found, why_not(model, version).what);
  std::vector<ModelStatistics> all;
  for (const auto& [name, versions] : models_) {
    if (!model.empty() && name != model) continue;
    for (const auto& one : versions) {
      if (!gone(one)) all.push_back(one->statistics);
    }
  }
  return all;
}

size_t ModelTable::loaded() const {
  size_t count = 0;
  for (const auto& [name, versions] : models_) {
    count += static_cast<size_t>(std::ranges::count_if(versions, [](const auto& one) { return !gone(one); }));
  }
  return count;
}

}  // namespace barrio::engine
