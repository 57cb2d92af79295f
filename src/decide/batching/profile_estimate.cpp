#include <algorithm>
#include <cmath>

#include "decide/batching/profile.h"

namespace barrio::decide {

namespace {

constexpr double quantile = 0.99;
/// Of the averages that tell how well the profile predicts.
constexpr double newest_part = 1.0 / 64;
/// A profile that differs by less says nothing new.
constexpr double worth_telling = 0.02;

}  // namespace

ProfileEstimate::ProfileEstimate(Profile guess)
    : sizes_(guess.max_batch()), current_(guess), guess_(std::move(guess)) {}

/// Stochastic approximation of the quantile, in steps of the spread: up by the quantile's share of a step where a run
/// took longer, else down by the rest, so that it rests where 1 of 100 is longer.
void ProfileEstimate::learn(Size& size, double took) {
  ++size.runs;
  if (size.runs == 1) {
    size.quantile = took;
    size.spread = took / 20;
    return;
  }
  const double off = std::abs(took - size.mean);
  size.mean += (took - size.mean) / std::min<double>(size.runs, 64);
  size.spread += (std::min(off, 4 * size.spread + took / 100) - size.spread) / std::min<double>(size.runs, 64);
  const double step = std::max(size.spread, size.quantile / 1000);
  if (took > size.quantile) {
    // One slow run moves it by one step, however slow it was.
    size.quantile += std::min(took - size.quantile, quantile * step);
  } else {
    size.quantile = std::max(took, size.quantile - (1 - quantile) * step);
  }
}

void ProfileEstimate::ran(size_t batch, Duration took) {
  if (batch == 0 || batch > sizes_.size() || took <= Duration::zero()) return;
  const double predicted = static_cast<double>(current_.of(batch).count());
  const auto ns = static_cast<double>(took.count());
  ++runs_;
  const double part = std::max(newest_part, 1.0 / static_cast<double>(runs_));
  error_ += (std::abs(ns - predicted) / predicted - error_) * part;
  exceeded_ += ((ns > predicted ? 1.0 : 0.0) - exceeded_) * part;
  Size& size = sizes_[batch - 1];
  if (size.runs == 0) size.mean = ns;
  learn(size, ns);
  fit();
}

/// The line through the sizes that ran, each as often as it ran (64 times at most), and the guess where only one did.
std::pair<double, double> ProfileEstimate::line() const {
  double weight = 0;
  double x = 0;
  double y = 0;
  for (size_t i = 0; i < sizes_.size(); ++i) {
    const double runs = std::min<double>(sizes_[i].runs, 64);
    weight += runs;
    x += runs * static_cast<double>(i + 1);
    y += runs * sizes_[i].quantile;
  }
  x /= weight;
  y /= weight;
  double xx = 0;
  double xy = 0;
  for (size_t i = 0; i < sizes_.size(); ++i) {
    const double runs = std::min<double>(sizes_[i].runs, 64);
    xx += runs * (static_cast<double>(i + 1) - x) * (static_cast<double>(i + 1) - x);
    xy += runs * (static_cast<double>(i + 1) - x) * (sizes_[i].quantile - y);
  }
  if (xx / weight < 0.25) {
    // One size only: as steep as the guess is, scaled to what was seen.
    const auto last = static_cast<double>(guess_.of(guess_.max_batch()).count());
    const auto first = static_cast<double>(guess_.of(1).count());
    const double steps = std::max(1.0, static_cast<double>(guess_.max_batch() - 1));
    const double each = (last - first) / steps;
    const double at_x = first + each * (x - 1);
    return {(at_x - each * x) * y / at_x, each * y / at_x};
  }
  const double each = std::max(0.0, xy / xx);
  return {y - each * x, each};
}

void ProfileEstimate::fit() {
  const auto [fixed, each] = line();
  std::vector<Duration> times;
  times.reserve(sizes_.size());
  bool news = false;
  for (size_t i = 0; i < sizes_.size(); ++i) {
    const double believed = std::min(1.0, sizes_[i].runs / static_cast<double>(believed_after));
    const double fitted = std::max(fixed + each * static_cast<double>(i + 1), 1.0);
    const double time = believed * sizes_[i].quantile + (1 - believed) * fitted;
    times.push_back(Duration(static_cast<int64_t>(std::max(1.0, time))));
    const auto now = static_cast<double>(current_.of(i + 1).count());
    news |= std::abs(time - now) > worth_telling * now;
  }
  if (!news) return;
  if (auto profile = Profile::table(std::move(times))) {
    current_ = std::move(*profile);
    ++version_;
  }
}

}  // namespace barrio::decide
