#include "decide/batching/choice.h"

#include <algorithm>
#include <cmath>

namespace barrio::decide {

namespace {

/// What the loss of a kept work counts, in others.
constexpr double kept_counts = 16;
/// Scores closer than this are equal: the more urgent goes first.
constexpr double same_score = 0.01;

/// How long the lane's next batch runs if it starts after `until`: what waits now, and what comes until then.
Duration next_run(const LaneView& view, const Window& window, Duration until) {
  const Profile& profile = view.lane->profile();
  const double coming = Chooser::headroom * view.rate * static_cast<double>(std::max<int64_t>(0, until.count()));
  const auto batch = static_cast<size_t>(std::ceil(static_cast<double>(window.take) + coming));
  return profile.of(std::clamp<size_t>(batch, 1, profile.max_batch()));
}

}  // namespace

/// Whether a lane's head, or the first that comes where nothing waits, is late if its next batch starts at `start`.
bool Chooser::makes_late(size_t other, Time start, std::span<const LaneView> views, Time now) const {
  const LaneView& view = views[other];
  const Time end = start + next_run(view, windows_[other], start - now);
  if (windows_[other].take > 0) return view.waiting[windows_[other].skip].deadline < end;
  if (view.rate <= 0 || view.lane->usual() == Duration::max()) return false;
  const auto gap = Duration(static_cast<int64_t>(std::min(1e15, 1 / view.rate)));
  return now + gap < start && now + gap + view.lane->usual() < end;
}

/// The largest batch of this lane that makes nothing else late; 0: none.
size_t Chooser::harmless(size_t chosen, std::span<const LaneView> views, const Moment& moment) const {
  const Profile& profile = views[chosen].lane->profile();
  size_t fits = windows_[chosen].take;
  for (size_t other = 0; other < views.size(); ++other) {
    if (other == chosen || views[other].full) continue;
    const auto late = [&](size_t batch) {
      return makes_late(other, std::min(moment.now + profile.of(batch), moment.next_slot), views, moment.now);
    };
    // The run time grows with the batch: bisect.
    size_t good = 0;
    size_t bad = fits + 1;
    while (bad - good > 1) {
      const size_t middle = good + (bad - good) / 2;
      (late(middle) ? bad : good) = middle;
    }
    fits = good;
  }
  return fits;
}

/// How many of a lane's works that could make it now are late if its next batch starts at `start`.
double Chooser::loss(size_t other, Time start, std::span<const LaneView> views, Time now) const {
  const LaneView& view = views[other];
  const Window& window = windows_[other];
  const Time end = start + next_run(view, window, start - now);
  double lost = 0;
  for (const Waiting& entry : view.waiting.subspan(window.skip, window.take)) {
    if (entry.deadline >= end) break;
    lost += entry.kept ? kept_counts : 1;
  }
  return lost;
}

Chooser::Scored Chooser::scored(size_t chosen, const Window& window, bool harmless, std::span<const LaneView> views,
                                const Moment& moment) const {
  const LaneView& view = views[chosen];
  const Duration run = view.lane->profile().of(window.take);
  const double answers = static_cast<double>(window.take) - cost_of_skipping_ * static_cast<double>(window.skip);
  double worth = answers * view.lane->worth();
  const Time others_start = std::min(moment.now + run, moment.next_slot);
  for (size_t i = 0; !harmless && i < views.size(); ++i) {
    if (i != chosen && !views[i].full) worth -= loss(i, others_start, views, moment.now) * views[i].lane->worth();
  }
  return {{chosen, window, moment.now + run},
          harmless,
          worth / static_cast<double>(run.count()),
          view.waiting[window.skip].deadline - run};
}

bool Chooser::better(const Scored& one, const Scored& than) {
  if (one.harmless != than.harmless) return one.harmless;
  const double margin = same_score * std::abs(than.score);
  if (std::abs(one.score - than.score) > margin) return one.score > than.score;
  return one.latest < than.latest;
}

std::optional<BatchChoice> Chooser::choose(std::span<const LaneView> views, const Moment& moment) {
  windows_.clear();
  for (const LaneView& view : views) {
    windows_.push_back(window(view, moment.now, view.lane->profile().max_batch()));
  }
  std::optional<Scored> best;
  const auto consider = [&](const Scored& one) {
    if (!best || better(one, *best)) best = one;
  };
  for (size_t i = 0; i < views.size(); ++i) {
    const Window& whole = windows_[i];
    if (whole.take == 0 || views[i].hold || views[i].full) continue;
    const size_t fits = views.size() == 1 ? whole.take : harmless(i, views, moment);
    if (fits < whole.take) consider(scored(i, whole, false, views, moment));
    if (fits == 0) continue;
    consider(scored(i, fits == whole.take ? whole : window(views[i], moment.now, fits), true, views, moment));
  }
  return best ? std::optional(best->choice) : std::nullopt;
}

}  // namespace barrio::decide
