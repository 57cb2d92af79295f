#include "engine/admission.h"

#include <algorithm>

namespace barrio::engine {

namespace {
constexpr double weight_of_newest = 0.125;
constexpr Duration least_trust = 1s;
}  // namespace

void ServiceTime::add(Duration took, Time now) {
  const auto ns = static_cast<double>(took.count());
  mean_ = known_ ? mean_ + weight_of_newest * (ns - mean_) : ns;
  last_ = now;
  known_ = true;
}

std::optional<Duration> ServiceTime::expected(Time now) const {
  const Duration mean(static_cast<Duration::rep>(mean_));
  if (!known_ || now - last_ > std::max(least_trust, 4 * mean)) return std::nullopt;
  return mean;
}

Time predicted_answer(const Load& load, const ServiceTime& service, Time now) {
  const auto mean = service.expected(now);
  if (!mean) return now;
  const double workers = static_cast<double>(std::max<size_t>(load.workers, 1));
  // With a free worker and nobody waiting, nothing is ahead.
  const bool at_once = load.waiting == 0 && load.running < load.workers;
  const double ahead =
      at_once ? 0 : (static_cast<double>(load.waiting) + 0.5 * static_cast<double>(load.running)) / workers;
  return now + Duration(static_cast<Duration::rep>((ahead + 1) * static_cast<double>(mean->count())));
}

}  // namespace barrio::engine
