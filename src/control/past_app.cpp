#include "control/past_app.h"

#include <algorithm>

#include "control/aside.h"
#include "control/desired.h"

namespace barrio::control {

namespace {

const std::string past_prefix = std::string(aside) + "past_app/";
constexpr size_t most_past_forgotten = 100;  // at a time

}  // namespace

Result<FirstGeneration> first_generation(ports::StateStore& store, const AppKey& app) {
  FirstGeneration first{{past_prefix + app.str(), 0}};
  TRY(const auto stored, store.get(first.guard.key));
  if (!stored) return first;
  TRY(const PastApp past, read_json<PastApp>(*stored));
  first.guard.revision = stored->revision;
  first.generation = past.generation + 1;
  return first;
}

ports::Write write_past_app(const App& app, WallTime deleted_at) {
  return write_json(past_prefix + app.key().str(), PastApp{app.key(), app.generation, deleted_at});
}

Result<std::vector<ports::Write>> make_room_for_past_app(ports::StateStore& store, const AppKey& app) {
  TRY(const auto all, store.list(past_prefix + app.tenant.str() + "/"));
  std::vector<std::pair<WallTime, std::string>> others;
  for (const ports::Entry& entry : all.entries) {
    const auto past = read_json<PastApp>(entry);
    if (entry.key != past_prefix + app.str()) others.emplace_back(past ? past->at : WallTime(), entry.key);
  }
  std::ranges::sort(others);
  std::vector<ports::Write> writes;
  for (size_t i = 0; i + most_past_apps <= others.size() && i < most_past_forgotten; ++i)
    writes.push_back({others[i].second, std::nullopt});
  return writes;
}

Result<size_t> forget_past_apps(ports::StateStore& store, WallTime now) {
  TRY(const auto all, store.list(past_prefix));
  std::vector<ports::Write> writes;
  for (const ports::Entry& entry : all.entries) {
    const auto past = read_json<PastApp>(entry);
    if (past && now - past->at < past_app_kept_for) continue;
    if (writes.size() < most_past_forgotten) writes.push_back({entry.key, std::nullopt});
  }
  const size_t forgotten = writes.size();
  if (forgotten > 0) TRY_DO(store.commit({}, std::move(writes)));
  return forgotten;
}

}  // namespace barrio::control
