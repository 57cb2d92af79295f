#include "decide/batching/scheduler.h"

#include <algorithm>

#include "base/check.h"
#include "decide/batching/device_state.h"

namespace barrio::decide {

DeviceScheduler::DeviceScheduler(DeviceConfig config) : state_(std::make_unique<State>(config)) {}
DeviceScheduler::~DeviceScheduler() = default;
DeviceScheduler::DeviceScheduler(DeviceScheduler&&) noexcept = default;
DeviceScheduler& DeviceScheduler::operator=(DeviceScheduler&&) noexcept = default;

void DeviceScheduler::set_model(ModelIndex model, Profile profile, size_t at_once) {
  if (state_->config.is_cpu) profile = profile.up_to(2);
  if (model >= state_->lanes.size()) state_->lanes.resize(model + 1);
  if (auto& lane = state_->lanes[model]) {
    lane->set_profile(std::move(profile));
  } else {
    lane.emplace(std::move(profile));
  }
  state_->lanes[model]->set_at_once(std::max<size_t>(1, at_once));
}

void DeviceScheduler::remove_model(ModelIndex model) {
  Lane* const lane = state_->lane(model);
  if (lane == nullptr) return;
  state_->drop(model, 0, lane->waiting().size(), Dropped::Why::removed);
  for (const Waiting& entry : lane->spare()) state_->dropped.push_back({entry.id, model, Dropped::Why::removed});
  state_->waiting -= lane->spare().size();
  state_->lanes[model].reset();
}

std::variant<Accepted, Decline> DeviceScheduler::admit(const Work& work, Time now) {
  return state_->admit(work, now);
}

Next DeviceScheduler::next(Time now) {
  return state_->next(now);
}

void DeviceScheduler::finished(uint32_t slot, Time) {
  CHECK(slot < state_->slots.size() && state_->slots[slot].busy);
  state_->slots[slot].busy = false;
}

bool DeviceScheduler::cancel(WorkId id) {
  return state_->removed(id);
}

std::span<const Dropped> DeviceScheduler::take_dropped() {
  state_->taken.swap(state_->dropped);
  state_->dropped.clear();
  return state_->taken;
}

size_t DeviceScheduler::waiting() const {
  return state_->waiting;
}

size_t DeviceScheduler::waiting(ModelIndex model) const {
  const Lane* const lane = state_->lane(model);
  return lane == nullptr ? 0 : lane->waiting().size() + lane->spare().size();
}

size_t DeviceScheduler::running() const {
  return static_cast<size_t>(std::ranges::count(state_->slots, true, &State::Slot::busy));
}

std::optional<Time> DeviceScheduler::predicted_finish(ModelIndex model, Time now) {
  State& state = *state_;
  Lane* const lane = state.lane(model);
  if (lane == nullptr) return std::nullopt;
  const size_t index = state.insert(*lane, {.number = ++state.number});
  const Outlook seen = state.outlook(state.number, now);
  state.erase(*lane, index);
  return seen.finish == Time::max() ? seen.finish : seen.finish + state.config.margin;
}

}  // namespace barrio::decide
