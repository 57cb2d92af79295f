#include "decide/batching/scheduler.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "decide/batching/plan.h"

namespace barrio::decide {

namespace {

/// Best effort that has waited this long goes next, once.
constexpr Duration patience = 1s;
/// Holding a batch back pays where batches of that size would keep this share of the slots busy.
constexpr double busy_enough_to_hold = 0.6;
/// How sure of more arrivals to be before one is refused for them, in standard deviations of a Poisson number.
constexpr double sure = 1.0;
/// Best effort does not run where it would probably make something late: expected arrivals up to which that is no matter.
constexpr double negligible = 0.05;

}  // namespace

struct DeviceScheduler::State {
  struct Slot {
    bool busy = false;
    Time end{};
  };

  explicit State(DeviceConfig asked) : config(asked), slots(std::max<size_t>(1, asked.slots)) {}

  Lane* lane(ModelIndex model) { return model < lanes.size() && lanes[model] ? &*lanes[model] : nullptr; }
  void look_at_slots(Time now);
  void look_at_lanes();
  void drop(Lane& from, ModelIndex model, size_t index, size_t count, Dropped::Why why);
  void drop_hopeless(Time next_start, Dropped::Why why);
  Outlook outlook(uint64_t work, Time now);
  Decline decline(const Work& work, Lane& lane, Waiting entry, Time now);
  bool better_later(const Lane& lane, const Waiting& entry, const Outlook& outlook, Time now) const;
  bool keeps_promises(const Choice& choice, size_t slot, Time now);
  std::optional<Time> hold(Time now);
  std::optional<Choice> choose(Time now);
  RunBatch run(const Choice& choice, uint32_t slot, Time now);
  std::optional<RunBatch> run_spare(uint32_t slot, bool due, Time now);
  size_t spare_fits(const Lane& lane, Time now) const;
  bool spare_is_due(Time now) const;

  DeviceConfig config;
  std::vector<Slot> slots;
  std::vector<std::optional<Lane>> lanes;
  size_t waiting = 0;
  size_t promises = 0;  // kept works that wait
  uint64_t number = 0;
  Time spare_ran{};

  Plan plan;
  Chooser chooser;
  std::vector<Time> slot_times;
  std::vector<LaneView> views;
  std::vector<WorkId> ids;
  std::vector<Dropped> dropped;
  std::vector<Dropped> taken;
};

void DeviceScheduler::State::look_at_slots(Time now) {
  slot_times.clear();
  for (const Slot& slot : slots) {
    // What runs longer than its profile by some time is expected to take as much again.
    slot_times.push_back(!slot.busy ? now : slot.end > now ? slot.end : now + (now - slot.end));
  }
}

void DeviceScheduler::State::look_at_lanes() {
  views.clear();
  for (ModelIndex model = 0; model < lanes.size(); ++model) {
    if (lanes[model] && !lanes[model]->waiting().empty()) views.push_back({&*lanes[model], model, 0});
  }
}

void DeviceScheduler::State::drop(Lane& from, ModelIndex model, size_t index, size_t count, Dropped::Why why) {
  for (size_t i = index; i < index + count; ++i) {
    const Waiting& entry = from.waiting()[i];
    dropped.push_back({entry.id, model, why});
    promises -= entry.kept ? 1 : 0;
  }
  waiting -= count;
  from.erase(index, count);
}

/// Drops what could not make it even if it ran alone from `next_start` on.
void DeviceScheduler::State::drop_hopeless(Time next_start, Dropped::Why why) {
  for (ModelIndex model = 0; model < lanes.size(); ++model) {
    if (!lanes[model]) continue;
    Lane& lane = *lanes[model];
    const Time earliest = next_start + lane.profile().of(1);
    size_t count = 0;
    while (count < lane.waiting().size() && lane.waiting()[count].deadline < earliest) ++count;
    if (count > 0) drop(lane, model, 0, count, why);
  }
}

Outlook DeviceScheduler::State::outlook(uint64_t work, Time now) {
  look_at_slots(now);
  look_at_lanes();
  return plan.look({.views = views, .slots = slot_times, .now = now, .work = work, .promises = promises > 0});
}

/// Under overload a work that opens a batch early makes it small: later ones would fill a larger batch by themselves.
bool DeviceScheduler::State::better_later(const Lane& lane, const Waiting& entry, const Outlook& seen, Time now) const {
  if (entry.kept || lane.waiting().size() > 1) return false;
  const size_t fits = lane.profile().largest_within(entry.deadline - seen.start);
  if (fits >= lane.profile().best_within(lane.usual())) return false;
  const double coming = lane.arrivals().expected(seen.start - now, now);
  return coming - sure * std::sqrt(coming) >= static_cast<double>(fits);
}

Decline DeviceScheduler::State::decline(const Work& work, Lane& lane, Waiting entry, Time now) {
  // Behind everything, with all the time in the world.
  entry.deadline = Time::max();
  const size_t index = lane.insert(entry);
  const Time finish = outlook(entry.number, now).finish;
  lane.erase(index, 1);
  const Time predicted = (finish == Time::max() ? now + lane.profile().of(1) : finish) + config.margin;
  const Duration later = std::max(Duration::zero(), predicted - *work.deadline);
  return {Decline::Why::overloaded, predicted, later};
}

bool DeviceScheduler::State::keeps_promises(const Choice& choice, size_t slot, Time now) {
  if (promises == 0) return true;
  look_at_slots(now);
  slot_times[slot] = choice.end;
  LaneView& chosen = views[choice.view];
  const size_t from = chosen.from;
  chosen.from += choice.window.skip + choice.window.take;
  const bool broken =
      plan.look({.views = views, .slots = slot_times, .now = now, .work = 0, .promises = true}).breaks_promise;
  chosen.from = from;
  return !broken;
}

/// Where several slots serve a model, a batch that is not full may wait for more, as long as its head can still take one
/// more with it. Returns when to look again, if a lane is held.
std::optional<Time> DeviceScheduler::State::hold(Time now) {
  std::optional<Time> until;
  if (slots.size() == 1) return until;
  for (LaneView& view : views) {
    const Profile& profile = view.lane->profile();
    const auto all = view.lane->waiting();
    const Window window = view.lane->window(0, now, profile.max_batch());
    if (window.skip > 0 || window.take < all.size() || window.take >= profile.max_batch()) continue;
    const double share = view.lane->arrivals().expected(profile.of(window.take), now) /
                         static_cast<double>(window.take * slots.size());
    const Time latest = all.front().deadline - profile.of(window.take + 1);
    if (share < busy_enough_to_hold || latest <= now) continue;
    view.hold = true;
    until = std::min(until.value_or(Time::max()), latest);
  }
  if (until && promises > 0) {
    look_at_slots(now);
    for (Time& time : slot_times) time = std::max(time, *until);
    if (plan.look({.views = views, .slots = slot_times, .now = *until, .work = 0, .promises = true}).breaks_promise) {
      for (LaneView& view : views) view.hold = false;
      until.reset();
    }
  }
  return until;
}

std::optional<Choice> DeviceScheduler::State::choose(Time now) {
  Time next_slot = Time::max();
  size_t free = slots.size();
  look_at_slots(now);
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i].busy && free == slots.size()) {
      free = i;
    } else {
      next_slot = std::min(next_slot, slot_times[i]);
    }
  }
  const auto choice = chooser.choose(views, {.now = now, .next_slot = next_slot, .forecast = true});
  if (!choice || keeps_promises(*choice, free, now)) return choice;
  // The plan that the promises were made with.
  return chooser.choose(views, {.now = now, .next_slot = next_slot, .forecast = false});
}

RunBatch DeviceScheduler::State::run(const Choice& choice, uint32_t slot, Time now) {
  const ModelIndex model = views[choice.view].model;
  Lane& from = *lanes[model];
  ids.clear();
  for (size_t i = 0; i < choice.window.take; ++i) {
    const Waiting& entry = from.waiting()[choice.window.skip + i];
    ids.push_back(entry.id);
    promises -= entry.kept ? 1 : 0;
  }
  waiting -= choice.window.take;
  from.erase(choice.window.skip, choice.window.take);
  (void)now;
  slots[slot] = {true, choice.end};
  return {slot, model, ids, choice.end};
}

/// How many of best effort may run now without making late what may arrive in the meantime.
size_t DeviceScheduler::State::spare_fits(const Lane& lane, Time now) const {
  size_t fits = lane.profile().best_within(Duration::max());
  if (std::ranges::count(slots, false, &Slot::busy) > 1) return fits;
  for (const auto& other : lanes) {
    if (!other || other->usual() == Duration::max()) continue;
    const auto harmless = [&](size_t batch) {
      const Duration run = lane.profile().of(batch);
      const double coming = other->arrivals().expected(run, now);
      const auto next = std::clamp<size_t>(1 + static_cast<size_t>(coming), 1, other->profile().max_batch());
      return coming < negligible || run + other->profile().of(next) <= other->usual();
    };
    while (fits > 0 && !harmless(fits)) --fits;
  }
  return fits;
}

bool DeviceScheduler::State::spare_is_due(Time now) const {
  return now - spare_ran >= patience &&
         std::ranges::any_of(lanes, [&](const auto& lane) { return lane && !lane->spare().empty(); });
}

std::optional<RunBatch> DeviceScheduler::State::run_spare(uint32_t slot, bool due, Time now) {
  Lane* oldest = nullptr;
  ModelIndex model = 0;
  for (ModelIndex i = 0; i < lanes.size(); ++i) {
    if (!lanes[i] || lanes[i]->spare().empty()) continue;
    if (oldest != nullptr && oldest->spare().front().number < lanes[i]->spare().front().number) continue;
    oldest = &*lanes[i];
    model = i;
  }
  if (oldest == nullptr) return std::nullopt;
  const size_t fits = std::max<size_t>(due ? 1 : 0, spare_fits(*oldest, now));
  const size_t take = std::min(oldest->spare().size(), fits);
  if (take == 0) return std::nullopt;
  ids.clear();
  for (size_t i = 0; i < take; ++i) ids.push_back(oldest->spare()[i].id);
  oldest->erase_spare(0, take);
  waiting -= take;
  spare_ran = now;
  slots[slot] = {true, now + oldest->profile().of(take)};
  return RunBatch{slot, model, ids, slots[slot].end};
}

DeviceScheduler::DeviceScheduler(DeviceConfig config) : state_(std::make_unique<State>(config)) {}
DeviceScheduler::~DeviceScheduler() = default;
DeviceScheduler::DeviceScheduler(DeviceScheduler&&) noexcept = default;
DeviceScheduler& DeviceScheduler::operator=(DeviceScheduler&&) noexcept = default;

void DeviceScheduler::set_model(ModelIndex model, Profile profile) {
  if (model >= state_->lanes.size()) state_->lanes.resize(model + 1);
  if (auto& lane = state_->lanes[model]) {
    lane->set_profile(std::move(profile));
  } else {
    lane.emplace(std::move(profile));
  }
}

void DeviceScheduler::remove_model(ModelIndex model) {
  Lane* lane = state_->lane(model);
  if (lane == nullptr) return;
  state_->drop(*lane, model, 0, lane->waiting().size(), Dropped::Why::removed);
  for (const Waiting& entry : lane->spare()) state_->dropped.push_back({entry.id, model, Dropped::Why::removed});
  state_->waiting -= lane->spare().size();
  state_->lanes[model].reset();
}

std::variant<Admitted, Decline> DeviceScheduler::admit(const Work& work, Time now) {
  State& state = *state_;
  Lane* lane = state.lane(work.model);
  if (lane == nullptr) return Decline{Decline::Why::unknown_model, {}, {}};
  if (state.waiting >= state.config.most_waiting) return Decline{Decline::Why::queue_full, {}, {}};
  Waiting entry{.id = work.id, .number = ++state.number, .flow = work.tenant};
  if (!work.deadline || work.urgency == Urgency::best_effort) {
    if (state.waiting == 0) state.spare_ran = now;
    lane->insert_spare(entry);
    ++state.waiting;
    return Admitted{Time::max()};
  }
  entry.deadline = *work.deadline - state.config.margin;
  entry.kept = work.urgency == Urgency::hard;
  lane->offered(entry.deadline, now);
  if (entry.deadline < now + lane->profile().of(1)) {
    const Time earliest = now + lane->profile().of(1) + state.config.margin;
    return Decline{Decline::Why::too_late, earliest, earliest - *work.deadline};
  }
  state.promises += entry.kept ? 1 : 0;
  const size_t index = lane->insert(entry);
  const Outlook seen = state.outlook(entry.number, now);
  if (seen.finish <= entry.deadline && !seen.breaks_promise && !state.better_later(*lane, entry, seen, now)) {
    ++state.waiting;
    return Admitted{seen.finish + state.config.margin};
  }
  lane->erase(index, 1);
  state.promises -= entry.kept ? 1 : 0;
  return state.decline(work, *lane, entry, now);
}

Next DeviceScheduler::next(Time now) {
  State& state = *state_;
  const auto slot = std::ranges::find(state.slots, false, &State::Slot::busy);
  if (slot == state.slots.end()) return Idle{};
  const auto free = static_cast<uint32_t>(slot - state.slots.begin());
  state.drop_hopeless(now, Dropped::Why::late);
  if (state.spare_is_due(now)) {
    if (const auto batch = state.run_spare(free, true, now)) return *batch;
  }
  state.look_at_lanes();
  const std::optional<Time> until = state.hold(now);
  if (const auto choice = state.choose(now)) {
    const RunBatch batch = state.run(*choice, free, now);
    state.look_at_slots(now);
    state.drop_hopeless(*std::ranges::min_element(state.slot_times), Dropped::Why::sacrificed);
    return batch;
  }
  if (const auto batch = state.run_spare(free, false, now)) return *batch;
  if (until) return WaitUntil{*until};
  return Idle{};
}

void DeviceScheduler::finished(uint32_t slot, Time) {
  CHECK(slot < state_->slots.size() && state_->slots[slot].busy);
  state_->slots[slot].busy = false;
}

bool DeviceScheduler::cancel(WorkId id) {
  State& state = *state_;
  for (auto& lane : state.lanes) {
    if (!lane) continue;
    const auto all = lane->waiting();
    if (const auto at = std::ranges::find(all, id, &Waiting::id); at != all.end()) {
      state.promises -= at->kept ? 1 : 0;
      lane->erase(static_cast<size_t>(at - all.begin()), 1);
      --state.waiting;
      return true;
    }
    const auto spare = lane->spare();
    if (const auto at = std::ranges::find(spare, id, &Waiting::id); at != spare.end()) {
      lane->erase_spare(static_cast<size_t>(at - spare.begin()), 1);
      --state.waiting;
      return true;
    }
  }
  return false;
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
  const Lane* lane = state_->lane(model);
  return lane == nullptr ? 0 : lane->waiting().size() + lane->spare().size();
}

size_t DeviceScheduler::running() const {
  return static_cast<size_t>(std::ranges::count(state_->slots, true, &State::Slot::busy));
}

}  // namespace barrio::decide
