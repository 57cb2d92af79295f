#include "decide/batching/choice.h"

#include <algorithm>
#include <cmath>

namespace barrio::decide {

namespace {

/// What the loss of a kept work counts, in others.
constexpr double kept_counts = 16;
/// Scores closer than this are equal: the more urgent goes first.
constexpr double same_score = 0.01;

}  // namespace

double Chooser::expected(const LaneView& view, Duration time, const Moment& moment) const {
  return moment.forecast && time > Duration::zero() ? view.lane->arrivals().expected(time, moment.now) : 0;
}

/// How long the next batch of this lane runs if it starts at `start`: what waits now, and what comes until then.
Duration Chooser::next_run(size_t view, Time start, std::span<const LaneView> views, const Moment& moment) const {
  const Profile& profile = views[view].lane->profile();
  const double more = expected(views[view], start - moment.now, moment);
  const size_t batch = windows_[view].take + static_cast<size_t>(std::lround(more));
  return profile.of(std::clamp<size_t>(batch, 1, profile.max_batch()));
}

/// A batch that ends until then makes no other lane's head late.
Time Chooser::harmless_end(size_t chosen, std::span<const LaneView> views, const Moment& moment) const {
  Time end = Time::max();
  for (size_t i = 0; i < views.size(); ++i) {
    if (i == chosen || windows_[i].take == 0) continue;
    const Waiting& head = views[i].lane->waiting()[views[i].from + windows_[i].skip];
    const Time latest = head.deadline - next_run(i, head.deadline - views[i].lane->profile().of(1), views, moment);
    if (moment.next_slot > latest) end = std::min(end, latest);
  }
  return end;
}

/// How many of a lane's works are late if its next batch starts at `start`, which could have made it now.
double Chooser::loss(size_t view, Time start, std::span<const LaneView> views, const Moment& moment) const {
  const Lane& lane = *views[view].lane;
  const Time end = start + next_run(view, start, views, moment);
  const auto waiting = lane.waiting();
  const Window& window = windows_[view];
  double lost = 0;
  for (size_t i = 0; i < window.take; ++i) {
    const Waiting& entry = waiting[views[view].from + window.skip + i];
    if (entry.deadline >= end) break;
    lost += entry.kept ? kept_counts : 1;
  }
  if (lane.usual() != Duration::max()) {
    lost += expected(views[view], std::min(start - moment.now, end - moment.now - lane.usual()), moment);
  }
  return lost;
}

double Chooser::score(size_t chosen, const Window& window, std::span<const LaneView> views,
                      const Moment& moment) const {
  const Lane& lane = *views[chosen].lane;
  const Duration run = lane.profile().of(window.take);
  const Time others_start = std::min(moment.now + run, moment.next_slot);
  const double answers =
      static_cast<double>(window.take) - Lane::cost_of_skipping * static_cast<double>(window.skip);
  double value = answers * lane.worth();
  for (size_t i = 0; i < views.size(); ++i) {
    if (i != chosen) value -= loss(i, others_start, views, moment) * views[i].lane->worth();
  }
  return value / static_cast<double>(run.count());
}

std::optional<Choice> Chooser::choose(std::span<const LaneView> views, const Moment& moment) {
  windows_.clear();
  for (const LaneView& view : views) {
    windows_.push_back(view.lane->window(view.from, moment.now, view.lane->profile().max_batch()));
  }
  std::optional<Choice> best;
  double best_score = 0;
  Time best_latest{};
  const auto consider = [&](size_t i, const Window& window) {
    const Duration run = views[i].lane->profile().of(window.take);
    const Time latest = views[i].lane->waiting()[views[i].from + window.skip].deadline - run;
    const double value = views.size() == 1 ? 1 : score(i, window, views, moment);
    const double margin = same_score * std::abs(best_score);
    if (best && (value < best_score - margin || (value <= best_score + margin && latest >= best_latest))) return;
    best = Choice{i, window, moment.now + run};
    best_score = value;
    best_latest = latest;
  };
  for (size_t i = 0; i < views.size(); ++i) {
    const Window& whole = windows_[i];
    if (whole.take == 0 || views[i].hold) continue;
    consider(i, whole);
    if (views.size() == 1) continue;
    const LaneView& view = views[i];
    const Time until = harmless_end(i, views, moment);
    const size_t fits = until == Time::max() ? whole.take : view.lane->profile().largest_within(until - moment.now);
    if (fits == 0 || fits >= whole.take) continue;
    consider(i, view.lane->window(view.from, moment.now, fits));
  }
  return best;
}

}  // namespace barrio::decide
