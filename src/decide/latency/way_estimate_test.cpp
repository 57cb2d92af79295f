#include "decide/latency/way_estimate.h"

#include <doctest/doctest.h>

#include "base/rng.h"

namespace barrio::decide::way_estimate_test {
namespace {

/// Ways of `least` and up to `more` on top, evenly.
void observe(WayEstimate& estimate, Rng& rng, int times, double least_ms, double more_ms) {
  for (int i = 0; i < times; ++i) estimate.observe(from_ms(least_ms + more_ms * rng.unit()));
}

TEST_CASE("nothing is known of a way that nobody went") {
  CHECK(WayEstimate().high() == Duration::zero());
}

TEST_CASE("the way is as long as 19 of 20 are") {
  Rng rng(4);
  WayEstimate estimate;
  observe(estimate, rng, 2000, 0.2, 1.0);
  CHECK(to_ms(estimate.high()) == doctest::Approx(1.15).epsilon(0.08));
}

TEST_CASE("it follows within some hundred answers, up and down") {
  Rng rng(5);
  WayEstimate estimate;
  observe(estimate, rng, 1000, 0.2, 0.2);
  observe(estimate, rng, 100, 1.0, 2.0);
  CHECK(to_ms(estimate.high()) > 2.0);
  observe(estimate, rng, 800, 0.2, 0.2);
  CHECK(to_ms(estimate.high()) < 0.6);
}

TEST_CASE("one that was held up for seconds says next to nothing") {
  Rng rng(6);
  WayEstimate estimate;
  observe(estimate, rng, 1000, 0.2, 0.2);
  const Duration before = estimate.high();
  estimate.observe(5s);
  CHECK(estimate.high() < before * 11 / 10);
  estimate.observe(-1ms);  // clocks of two processes: nothing breaks
  CHECK(estimate.high() > Duration::zero());
}

}  // namespace
}  // namespace barrio::decide::way_estimate_test
