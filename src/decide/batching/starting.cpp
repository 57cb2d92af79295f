// What runs next.

#include <algorithm>
#include <cmath>

#include "decide/batching/device_state.h"

namespace barrio::decide {

namespace {

/// Holding a batch back pays where batches of that size would keep this share of the slots busy.
constexpr double busy_enough_to_hold = 0.6;
/// Best effort does not run where it would probably make something late: expected arrivals up to which that is no
/// matter.
constexpr double negligible = 0.05;

}  // namespace

/// Whether nothing promised is broken if this runs now.
bool DeviceScheduler::State::keeps_promises(const BatchChoice& choice, size_t slot, Time now) {
  if (promises == 0) return true;
  look_at_slots(now);
  slot_times[slot] = choice.end;
  LaneView& chosen = views[choice.view];
  slot_runs[slot] = chosen.model;
  const auto before = chosen.waiting;
  chosen.waiting = before.subspan(choice.window.skip + choice.window.take);
  const bool broken =
      plan.look({.views = views, .slots = slot_times, .running = slot_runs, .now = now, .work = 0, .promises = true})
          .breaks_promise;
  chosen.waiting = before;
  return !broken;
}

/// Where several slots serve a model, a batch that is not full may wait for more, as long as its head can still take
/// one more with it. Returns when to look again, if a lane is held.
std::optional<Time> DeviceScheduler::State::hold(Time now) {
  std::optional<Time> until;
  if (slots.size() == 1 || promises > 0) return until;
  for (LaneView& view : views) {
    const Profile& profile = view.lane->profile();
    if (view.waiting.empty() || slots_of(*view.lane) == 1) continue;
    const Window window = chooser.window(view, now, profile.max_batch());
    if (window.skip > 0 || window.take < view.waiting.size() || window.take >= profile.max_batch()) continue;
    const double share = view.rate * static_cast<double>(profile.of(window.take).count()) /
                         static_cast<double>(window.take * slots_of(*view.lane));
    const Time latest = view.waiting.front().deadline - profile.of(window.take + 1);
    if (share < busy_enough_to_hold || latest <= now) continue;
    view.hold = true;
    until = std::min(until.value_or(Time::max()), latest);
  }
  return until;
}

std::optional<BatchChoice> DeviceScheduler::State::choose(size_t slot, Time now) {
  look_at_slots(now);
  Moment moment{.now = now};
  for (size_t i = 0; i < slots.size(); ++i) {
    if (i != slot) moment.next_slot = std::min(moment.next_slot, slot_times[i]);
  }
  const auto choice = chooser.choose(views, moment);
  if (!choice || keeps_promises(*choice, slot, now)) return choice;
  // The plan that the promises were made with.
  for (LaneView& view : views) view.rate = 0;
  return chooser.choose(views, moment);
}

RunBatch DeviceScheduler::State::run(const BatchChoice& choice, size_t slot) {
  const ModelIndex model = views[choice.view].model;
  Lane& from = *lanes[model];
  ids.clear();
  for (const Waiting& entry : from.waiting().subspan(choice.window.skip, choice.window.take)) {
    ids.push_back(entry.id);
    promises -= entry.kept ? 1 : 0;
  }
  waiting -= choice.window.take;
  from.erase(choice.window.skip, choice.window.take);
  // The plan has given up what is left behind, and what was promised rests on it.
  if (promises > 0) drop(model, 0, choice.window.skip, Dropped::Why::sacrificed);
  slots[slot] = {true, choice.end, model};
  return {static_cast<uint32_t>(slot), model, ids, choice.end};
}

/// The model whose best effort has waited longest.
std::optional<ModelIndex> DeviceScheduler::State::oldest_spare() const {
  std::optional<ModelIndex> oldest;
  for (ModelIndex i = 0; i < lanes.size(); ++i) {
    if (!lanes[i] || lanes[i]->spare().empty() || full(i)) continue;
    if (!oldest || lanes[i]->spare().front().number < lanes[*oldest]->spare().front().number) oldest = i;
  }
  return oldest;
}

std::optional<Time> DeviceScheduler::State::spare_due() const {
  const auto oldest = oldest_spare();
  if (!oldest) return std::nullopt;
  return std::max(spare_ran, lanes[*oldest]->spare().front().since) + patience;
}

/// How many of best effort may run now without making late what may arrive in the meantime.
size_t DeviceScheduler::State::spare_fits(const Lane& lane, Time now) const {
  size_t fits = lane.profile().best_within(Duration::max());
  if (std::ranges::count(slots, false, &Slot::busy) > 1) return fits;
  for (const auto& other : lanes) {
    if (!other || other->usual() == Duration::max()) continue;
    const auto harmless = [&](size_t batch) {
      const Duration run = lane.profile().of(batch);
      const double coming = other->arrivals().rate(now) * static_cast<double>(run.count());
      const size_t most = other->profile().max_batch();
      const auto next = std::min(most, 1 + static_cast<size_t>(std::min(coming, static_cast<double>(most))));
      return coming < negligible || run + other->profile().of(next) <= other->usual();
    };
    while (fits > 0 && !harmless(fits)) --fits;
  }
  return fits;
}

RunBatch DeviceScheduler::State::run_spare(ModelIndex model, size_t count, size_t slot, Time now) {
  Lane& from = *lanes[model];
  ids.clear();
  for (const Waiting& entry : from.spare().first(count)) ids.push_back(entry.id);
  from.erase_spare(0, count);
  waiting -= count;
  spare_ran = now;
  room_from = 0;
  slots[slot] = {true, now + from.profile().of(count), model};
  return {static_cast<uint32_t>(slot), model, ids, slots[slot].end};
}

/// Best effort that has waited long enough goes before everything but promises; and new promises leave it room.
std::optional<RunBatch> DeviceScheduler::State::run_due_spare(size_t slot, Time now) {
  const auto due = spare_due();
  if (!due || *due > now) return std::nullopt;
  const ModelIndex model = *oldest_spare();
  const Lane& from = *lanes[model];
  const size_t count = std::clamp<size_t>(spare_fits(from, now), 1, from.spare().size());
  for (const size_t batch : {count, size_t{1}}) {
    look_at_slots(now);
    look_at_lanes(now, false);
    slot_times[slot] = now + from.profile().of(batch);
    slot_runs[slot] = model;
    const Plan::Ask ask{
        .views = views, .slots = slot_times, .running = slot_runs, .now = now, .work = 0, .promises = promises > 0};
    if (promises == 0 || !plan.look(ask).breaks_promise) return run_spare(model, batch, slot, now);
  }
  if (room_from == 0) room_from = number + 1;
  room = from.profile().of(1);
  return std::nullopt;
}

Next DeviceScheduler::State::next(Time now) {
  const auto free = std::ranges::find(slots, false, &Slot::busy);
  if (free == slots.end()) return Idle{};
  const auto slot = static_cast<size_t>(free - slots.begin());
  drop_hopeless(now, Dropped::Why::late);
  if (const auto batch = run_due_spare(slot, now)) return *batch;
  look_at_lanes(now, true);
  std::optional<Time> until = hold(now);
  if (const auto choice = choose(slot, now)) {
    const RunBatch batch = run(*choice, slot);
    look_at_slots(now);
    drop_hopeless(*std::ranges::min_element(slot_times), Dropped::Why::sacrificed);
    return batch;
  }
  if (const auto model = oldest_spare()) {
    const size_t count = std::min(lanes[*model]->spare().size(), spare_fits(*lanes[*model], now));
    if (count > 0) return run_spare(*model, count, slot, now);
    until = std::min(until.value_or(Time::max()), *spare_due());
  }
  if (until && *until > now) return WaitUntil{*until};
  return Idle{};
}

}  // namespace barrio::decide
