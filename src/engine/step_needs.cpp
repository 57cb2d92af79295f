#include "engine/step_needs.h"

#include <algorithm>

namespace barrio::engine {

namespace {

constexpr double weight_of_newest = 0.125;
constexpr Duration queue_trusted = 1s;
constexpr Duration run_trusted = 5s;

}  // namespace

void MeasuredNeeds::add(std::string_view step, Duration run, Duration whole, Time now) {
  auto found = steps_.find(step);
  if (found == steps_.end()) found = steps_.emplace(std::string(step), Step()).first;
  Step& known = found->second;
  if (now - known.last > run_trusted) known.seen = 0;
  const bool first = known.seen == 0 || now - known.last > queue_trusted;
  known.runs[known.seen++ % window] = run;
  const auto queue = static_cast<double>(std::max(Duration::zero(), whole - run).count());
  known.queue = first ? queue : known.queue + weight_of_newest * (queue - known.queue);
  known.last = now;
  std::array<Duration, window> sorted = known.runs;
  const size_t count = std::min(known.seen, window);
  // Of 128 runs the second longest: one freak does not set the reserve.
  const size_t rank = count - 1 - count / 100;
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(sorted.begin(), at, sorted.begin() + static_cast<std::ptrdiff_t>(count));
  known.run = *at;
}

decide::StepNeed MeasuredNeeds::of(std::string_view step, Time now) const {
  const auto found = steps_.find(step);
  if (found == steps_.end()) return {};
  const Step& known = found->second;
  const Duration age = now - known.last;
  if (age > run_trusted) return {};
  return {known.run, age <= queue_trusted ? Duration(static_cast<Duration::rep>(known.queue)) : Duration::zero()};
}

}  // namespace barrio::engine
