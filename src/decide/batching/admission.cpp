// Who is taken: the plan is worked out with the new work in it.

#include <algorithm>
#include <cmath>

#include "decide/batching/device_state.h"

namespace barrio::decide {

namespace {

/// How sure to be of later arrivals before one is refused for them, in standard deviations of their number.
constexpr double sure = 0.5;
/// Arrivals that scatter more than this are not foreseen: all are taken that could make it.
constexpr double foreseeable = 5;
/// Share of what the device can answer at best that a model's arrivals ask for, from which on works are refused for
/// later ones.
constexpr double under_pressure = 0.9;
constexpr size_t most_displaced = 8;

}  // namespace

size_t DeviceScheduler::State::insert(Lane& lane, const Waiting& entry) {
  ++waiting;
  promises += entry.kept ? 1 : 0;
  return lane.insert(entry);
}

Waiting DeviceScheduler::State::erase(Lane& lane, size_t index) {
  const Waiting entry = lane.waiting()[index];
  --waiting;
  promises -= entry.kept ? 1 : 0;
  lane.erase(index, 1);
  return entry;
}

/// What an answer is worth changes the order of things, and so may not break what was promised under another.
void DeviceScheduler::State::weigh(Lane& lane, Time now) {
  const double before = lane.worth();
  lane.weigh();
  if (promises > 0 && lane.worth() != before && outlook(0, now).breaks_promise) lane.restore_worth(before);
}

Outlook DeviceScheduler::State::outlook(uint64_t work, Time now) {
  look_at_slots(now);
  look_at_lanes(now, false);
  Plan::Ask ask{
      .views = views, .slots = slot_times, .running = slot_runs, .now = now, .work = work, .promises = promises > 0};
  Outlook seen = plan.look(ask);
  if (room_from == 0 || seen.breaks_promise) return seen;
  // Once more, with best effort first.
  Time& first = *std::ranges::min_element(slot_times);
  first = std::max(first, now) + room;
  ask.slots = slot_times;
  ask.promised_from = room_from;
  const Outlook later = plan.look(ask);
  return {later.finish, later.start, later.opens, later.breaks_promise};
}

/// What the model's arrivals ask for, as a share of what its slots can give it at best.
double DeviceScheduler::State::pressure(const Lane& lane, Time now) const {
  return lane.arrivals().rate(now) * lane.worth() / static_cast<double>(slots_of(lane));
}

/// Under overload a work that opens a batch early makes it small: later ones will fill a larger one without it.
bool DeviceScheduler::State::likely_given_up_for_later(const Waiting& entry, const Lane& lane, const Outlook& seen,
                                                       Time now) const {
  if (entry.kept || !seen.opens || pressure(lane, now) < under_pressure) return false;
  const size_t fits = lane.profile().largest_within(entry.deadline - seen.start);
  if (fits >= lane.profile().best_within(lane.usual())) return false;
  const double coming = lane.arrivals().rate(now) * static_cast<double>((seen.start - now).count());
  return coming - sure * std::sqrt(coming) >= static_cast<double>(fits);
}

DeviceScheduler::State::Verdict DeviceScheduler::State::judge(const Waiting& entry, const Lane& lane, Time now) {
  Verdict verdict{outlook(entry.number, now), false};
  const Outlook& seen = verdict.outlook;
  if (seen.breaks_promise) return verdict;
  if (!entry.kept && lane.arrivals().scatter() > foreseeable) {
    // Others may be given up for it, but not those that are as late as it is and are enough for a batch.
    const Time start = std::max(now, *std::ranges::min_element(slot_times));
    const Duration each = lane.profile().of(std::min<size_t>(2, lane.profile().max_batch())) - lane.profile().of(1);
    const auto alike = std::ranges::count_if(
        lane.waiting(), [&](const Waiting& other) { return other.deadline + each >= entry.deadline; });
    const size_t fits = lane.profile().largest_within(entry.deadline - start);
    verdict.good = seen.finish <= entry.deadline || static_cast<size_t>(alike) <= fits;
  } else {
    verdict.good = seen.finish <= entry.deadline && !likely_given_up_for_later(entry, lane, seen, now);
  }
  return verdict;
}

/// Who makes room: a soft work of the tenant that has had most, if that is more than the asking one's; for a hard work
/// any soft one. Of these the last.
std::optional<std::pair<ModelIndex, size_t>> DeviceScheduler::State::victim_for(const Waiting& entry, bool hard,
                                                                                Time now) const {
  std::optional<std::pair<ModelIndex, size_t>> best;
  double best_use = hard ? -1 : shares.used(entry.flow, now) * Shares::same_use;
  for (ModelIndex model = 0; model < lanes.size(); ++model) {
    if (!lanes[model]) continue;
    const auto all = lanes[model]->waiting();
    for (size_t i = all.size(); i-- > 0;) {
      if (all[i].kept || (!hard && all[i].flow == entry.flow)) continue;
      const double use = shares.used(all[i].flow, now);
      if (use <= best_use) continue;
      best = {model, i};
      best_use = use;
    }
  }
  return best;
}

void DeviceScheduler::State::keep(Waiting& entry) {
  entry.kept = true;
  ++promises;
}

/// A hard work goes before soft ones, and a tenant that is behind before those that have had more: what it is then
/// promised is kept.
DeviceScheduler::State::Verdict DeviceScheduler::State::insist(const Waiting& entry, bool hard, Time now) {
  displaced.clear();
  Verdict verdict;
  while (true) {
    verdict.outlook = outlook(entry.number, now);
    verdict.good = verdict.outlook.finish <= entry.deadline && !verdict.outlook.breaks_promise;
    if (verdict.good || displaced.size() == most_displaced) break;
    const auto victim = victim_for(entry, hard, now);
    if (!victim) break;
    displaced.push_back({victim->first, erase(*lanes[victim->first], victim->second)});
  }
  for (const Displaced& one : displaced) {
    const size_t index = insert(*lanes[one.model], one.entry);
    if (verdict.good) drop(one.model, index, 1, Dropped::Why::displaced);
  }
  return verdict;
}

/// When it would be finished behind everything that waits, and which deadline it would need for it.
Decline DeviceScheduler::State::decline(const Work& work, Lane& lane, Waiting entry, Time now) {
  Time finish = Time::max();
  entry.deadline = Time::max();
  for (int attempt = 0; attempt < 3; ++attempt) {
    const size_t index = insert(lane, entry);
    const Outlook seen = outlook(entry.number, now);
    erase(lane, index);
    if (seen.finish == Time::max()) {
      finish = (entry.deadline == Time::max() ? now : entry.deadline) + lane.profile().of(1);
    } else {
      finish = seen.finish;
      if (seen.finish <= entry.deadline && entry.deadline != Time::max()) break;
    }
    entry.deadline = finish;
  }
  finish += config.margin;
  return {Decline::Why::overloaded, finish, std::max(Duration::zero(), finish - *work.deadline)};
}

Accepted DeviceScheduler::State::admit_spare(const Work& work, Lane& lane, Time now) {
  lane.insert_spare({.id = work.id, .number = number, .flow = work.tenant, .weight = work.weight, .since = now});
  ++waiting;
  return {Time::max()};
}

std::variant<Accepted, Decline> DeviceScheduler::State::admit(const Work& work, Time now) {
  Lane* const into = lane(work.model);
  if (into == nullptr) return Decline{Decline::Why::unknown_model, {}, {}};
  if (waiting >= config.most_waiting) return Decline{Decline::Why::queue_full, {}, {}};
  ++number;
  if (!work.deadline || work.urgency == Urgency::best_effort) return admit_spare(work, *into, now);
  const bool hard = work.urgency == Urgency::hard;
  const Waiting entry{.id = work.id,
                      .deadline = *work.deadline - config.margin,
                      .number = number,
                      .flow = work.tenant,
                      .kept = hard,
                      .weight = work.weight,
                      .since = now};
  into->offered(entry.deadline, now);
  weigh(*into, now);
  if (entry.deadline < now + into->profile().of(1)) {
    const Time earliest = now + into->profile().of(1) + config.margin;
    return Decline{Decline::Why::too_late, earliest, earliest - *work.deadline};
  }
  const size_t index = insert(*into, entry);
  Verdict verdict = judge(entry, *into, now);
  if (!verdict.good && (hard || shares.behind(entry.flow, now))) {
    if (!hard) keep(into->at(index));
    verdict = insist(entry, hard, now);
  }
  if (verdict.good) {
    shares.charge(entry.flow, entry.weight, into->worth(), now);
    const Time finish = verdict.outlook.finish;
    return Accepted{finish == Time::max() ? *work.deadline : finish + config.margin};
  }
  const auto all = into->waiting();
  erase(*into, static_cast<size_t>(std::ranges::find(all, entry.number, &Waiting::number) - all.begin()));
  return decline(work, *into, entry, now);
}

}  // namespace barrio::decide
