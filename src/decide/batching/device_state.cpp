#include "decide/batching/device_state.h"

#include <algorithm>

namespace barrio::decide {

DeviceScheduler::State::State(DeviceConfig asked)
    : config(asked), slots(std::max<size_t>(1, asked.slots)), plan(slots.size()), chooser(slots.size()) {}

void DeviceScheduler::State::look_at_slots(Time now) {
  slot_times.clear();
  slot_runs.clear();
  for (const Slot& slot : slots) {
    slot_runs.push_back(slot.busy ? slot.model : Plan::nothing_runs);
    // What runs longer than its profile by some time is expected to take as much again.
    slot_times.push_back(!slot.busy ? now : slot.end > now ? slot.end : now + (now - slot.end));
  }
}

void DeviceScheduler::State::look_at_lanes(Time now, bool forecast) {
  views.clear();
  for (ModelIndex model = 0; model < lanes.size(); ++model) {
    if (!lanes[model]) continue;
    const Lane& from = *lanes[model];
    const double rate = forecast ? from.arrivals().rate(now) : 0;
    if (from.waiting().empty() && rate <= 0) continue;
    views.push_back({.lane = &from, .model = model, .waiting = from.waiting(), .rate = rate, .full = full(model)});
  }
}

bool DeviceScheduler::State::full(ModelIndex model) const {
  const size_t most = lanes[model]->at_once();
  if (most >= slots.size()) return false;
  const auto runs = std::ranges::count_if(slots, [&](const Slot& slot) { return slot.busy && slot.model == model; });
  return static_cast<size_t>(runs) >= most;
}

void DeviceScheduler::State::drop(ModelIndex model, size_t index, size_t count, Dropped::Why why) {
  Lane& from = *lanes[model];
  for (size_t i = index; i < index + count; ++i) {
    const Waiting& entry = from.waiting()[i];
    dropped.push_back({entry.id, model, why});
    promises -= entry.kept ? 1 : 0;
    shares.charge(entry.flow, entry.weight, -from.worth(), entry.since);
  }
  waiting -= count;
  from.erase(index, count);
}

void DeviceScheduler::State::drop_hopeless(Time next_start, Dropped::Why why) {
  for (ModelIndex model = 0; model < lanes.size(); ++model) {
    if (!lanes[model]) continue;
    const auto all = lanes[model]->waiting();
    const Time earliest = next_start + lanes[model]->profile().of(1);
    size_t count = 0;
    while (count < all.size() && all[count].deadline < earliest) ++count;
    if (count > 0) drop(model, 0, count, why);
  }
}

bool DeviceScheduler::State::removed(WorkId id) {
  for (auto& from : lanes) {
    if (!from) continue;
    const auto all = from->waiting();
    if (const auto at = std::ranges::find(all, id, &Waiting::id); at != all.end()) {
      erase(*from, static_cast<size_t>(at - all.begin()));
      return true;
    }
    const auto spare = from->spare();
    if (const auto at = std::ranges::find(spare, id, &Waiting::id); at != spare.end()) {
      from->erase_spare(static_cast<size_t>(at - spare.begin()), 1);
      --waiting;
      return true;
    }
  }
  return false;
}

}  // namespace barrio::decide
