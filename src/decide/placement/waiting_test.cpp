#include "decide/placement/waiting.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"

namespace barrio::decide::waiting_test {

TEST_CASE("Erlang's C has its published values") {
  CHECK(waits_probability({.arrivals = 0.5, .service_s = 1, .variation = 1, .servers = 1}) == doctest::Approx(0.5));
  CHECK(waits_probability({.arrivals = 1, .service_s = 1, .variation = 1, .servers = 2}) == doctest::Approx(1.0 / 3));
  CHECK(waits_probability({.arrivals = 8, .service_s = 1, .variation = 1, .servers = 10}) ==
        doctest::Approx(0.4092).epsilon(0.001));
}

TEST_CASE("an M/M/1 queue waits ln(rho / (1 - p)) / (mu - lambda) at percentile p") {
  const Queue queue{.arrivals = 50, .service_s = 0.01, .variation = 1, .servers = 1};
  CHECK(wait_s(queue, 99) == doctest::Approx(std::log(0.5 / 0.01) / 50));
  CHECK(wait_s(queue, 40) == 0);
  CHECK(std::isinf(wait_s({.arrivals = 100, .service_s = 0.01, .variation = 1, .servers = 1}, 99)));
}

TEST_CASE("simulated queues of constant and of varying service wait about as long as is said") {
  for (const double variation : {0.0, 1.0}) {
    for (const int servers : {1, 4}) {
      const Queue queue{.arrivals = 70.0 * servers, .service_s = 0.01, .variation = variation, .servers = servers};
      Rng rng(7);
      std::vector<double> free(static_cast<size_t>(servers));
      std::vector<double> waits;
      double now = 0;
      for (int i = 0; i < 200'000; ++i) {
        now += -std::log(1 - rng.unit()) / queue.arrivals;
        const auto next = std::ranges::min_element(free);
        const double start = std::max(now, *next);
        waits.push_back(start - now);
        *next = start + (variation == 0 ? 0.01 : -0.01 * std::log(1 - rng.unit()));
      }
      std::ranges::sort(waits);
      const double measured = waits[waits.size() * 99 / 100];
      CHECK(wait_s(queue, 99) == doctest::Approx(measured).epsilon(0.2));
    }
  }
}

TEST_CASE("more replicas never wait longer, and as many as are asked for keep below the most utilisation") {
  CHECK(rc::check([] {
    const RequestWork work{.device_time = *rc::gen::inRange(1, 200) * 1ms,
                           .device_time_p99 = 300ms,
                           .concurrency = *rc::gen::inRange(1, 8)};
    const double rate = *rc::gen::inRange(1, 5000);
    const int replicas = replicas_for(work, rate);
    RC_ASSERT(utilisation(queue_of(work, rate / replicas)) <= most_utilisation + 1e-6);
    RC_ASSERT(time_in_site(work, rate / (replicas + 1), 99) <= time_in_site(work, rate / replicas, 99));
  }));
}

}  // namespace barrio::decide::waiting_test
