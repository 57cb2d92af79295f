#include "decide/placement/waiting.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "decide/latency/estimate.h"

namespace barrio::decide {

namespace {

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

double utilisation(const Queue& queue) {
  return queue.arrivals * queue.service_s / queue.servers;
}

double waits_probability(const Queue& queue) {
  const double busy = utilisation(queue);
  if (busy >= 1) return 1;
  const double load = queue.arrivals * queue.service_s;
  double blocked = 1;
  for (int servers = 1; servers <= queue.servers; ++servers) blocked = load * blocked / (servers + load * blocked);
  return blocked / (1 - busy * (1 - blocked));
}

double wait_s(const Queue& queue, double percentile) {
  if (queue.arrivals <= 0 || queue.service_s <= 0) return 0;
  if (utilisation(queue) >= 1) return std::numeric_limits<double>::infinity();
  const double beyond = 1 - percentile / 100;
  const double waits = waits_probability(queue);
  if (waits <= beyond) return 0;
  const double spare_rate = queue.servers / queue.service_s - queue.arrivals;
  const double mean_of_waiting = (1 + queue.variation) / 2 / spare_rate;
  return mean_of_waiting * std::log(waits / beyond);
}

Queue queue_of(const RequestWork& work, double requests_per_second) {
  const double mean = seconds(work.device_time);
  const double tail = seconds(work.device_time_p99.value_or(work.device_time));
  const double deviation = (tail - mean) / (mean * (std::log(100.0) - 1));
  return {requests_per_second, mean, deviation * deviation, work.concurrency};
}

Duration service_tail(const RequestWork& work, double percentile) {
  if (!work.device_time_p99) return work.device_time;
  return tail_at(percentile, work.device_time, *work.device_time_p99);
}

Duration time_in_site(const RequestWork& work, double requests_per_second, double percentile) {
  const double wait = wait_s(queue_of(work, requests_per_second), percentile);
  constexpr Duration longest = 24h;
  if (wait > seconds(longest)) return longest;
  return service_tail(work, percentile) + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wait));
}

int replicas_for(const RequestWork& work, double requests_per_second) {
  const double needed = requests_per_second * seconds(work.device_time) / (work.concurrency * most_utilisation);
  return static_cast<int>(std::clamp(std::ceil(needed - 1e-9), 1.0, 1e6));
}

}  // namespace barrio::decide
