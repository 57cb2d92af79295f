#include "decide/batching/profile.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace barrio::decide {

Profile::Profile(std::vector<Duration> times) : times_(std::move(times)) {
  best_.reserve(times_.size());
  size_t best = 1;
  for (size_t batch = 1; batch <= times_.size(); ++batch) {
    if (batch > 1) times_[batch - 1] = std::max(times_[batch - 1], times_[batch - 2]);
    if (per_second(batch) > per_second(best)) best = batch;
    best_.push_back(best);
  }
}

Profile Profile::affine(Duration fixed, Duration each, size_t max_batch) {
  std::vector<Duration> times;
  for (size_t batch = 1; batch <= std::clamp<size_t>(max_batch, 1, largest_batch); ++batch) {
    times.push_back(std::max(Duration(1), fixed + each * static_cast<int64_t>(batch)));
  }
  return Profile(std::move(times));
}

Result<Profile> Profile::table(std::vector<Duration> times) {
  if (times.empty()) return fail(Code::invalid, "needs the time of at least one batch size", "profile");
  if (times.size() > largest_batch) {
    return fail(Code::invalid, "at most " + std::to_string(largest_batch) + " batch sizes", "profile");
  }
  for (size_t i = 0; i < times.size(); ++i) {
    if (times[i] <= Duration::zero()) {
      return fail(Code::invalid, "must be more than 0", "profile[" + std::to_string(i) + "]");
    }
  }
  return Profile(std::move(times));
}

size_t Profile::largest_within(Duration time) const {
  return static_cast<size_t>(std::ranges::upper_bound(times_, time) - times_.begin());
}

size_t Profile::best_within(Duration time) const {
  const size_t largest = largest_within(time);
  return largest == 0 ? 0 : best_[largest - 1];
}

Profile Profile::up_to(size_t max_batch) const {
  const size_t size = std::clamp<size_t>(max_batch, 1, times_.size());
  return Profile({times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(size)});
}

}  // namespace barrio::decide
