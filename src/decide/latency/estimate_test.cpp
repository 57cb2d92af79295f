#include <doctest/doctest.h>

#include "decide/latency/estimate.h"
#include "decide/latency/path.h"

namespace barrio::decide::estimate_test {
namespace {

constexpr Time start{100s};
constexpr ServiceTime prior{.mean = 10ms, .tail = 40ms};

TEST_CASE("an estimate without samples is its prior") {
  ServiceEstimate estimate;
  CHECK(estimate.at(99, prior, start).mean == 10ms);
  CHECK(estimate.at(99, prior, start).tail == 40ms);
}

TEST_CASE("many samples outweigh the prior, at the percentile asked for") {
  ServiceEstimate estimate;
  for (int i = 0; i < 10'000; ++i) estimate.observe(i % 100 < 98 ? 5ms : 100ms, start + i * 1ms);
  const Time now = start + 10s;
  CHECK(to_ms(estimate.at(50, prior, now).tail) == doctest::Approx(5).epsilon(0.25));
  CHECK(to_ms(estimate.at(99, prior, now).tail) == doctest::Approx(100).epsilon(0.2));
  CHECK(to_ms(estimate.at(99, prior, now).mean) < 40);
}

TEST_CASE("one slow answer moves the tail little") {
  ServiceEstimate estimate;
  estimate.observe(1s, start);
  CHECK(to_ms(estimate.at(99, prior, start).tail) < 60);
}

TEST_CASE("after two silent windows only the prior is left") {
  ServiceEstimate estimate;
  for (int i = 0; i < 1000; ++i) estimate.observe(80ms, start);
  CHECK(estimate.samples(start + ServiceEstimate::window) == 1000);
  CHECK(estimate.samples(start + ServiceEstimate::window * 2) == 0);
  CHECK(estimate.at(99, prior, start + ServiceEstimate::window * 2).mean == 10ms);
}

TEST_CASE("other percentiles follow an exponential tail through the mean and the p99") {
  CHECK(to_ms(tail_at(99, 10ms, 50ms)) == doctest::Approx(50).epsilon(0.01));
  CHECK(tail_at(50, 10ms, 50ms) == 10ms);
  CHECK(tail_at(99.9, 10ms, 50ms) > 60ms);
}

TEST_CASE("a round trip over 100 km of stretched fibre takes what the path model says") {
  const PathModel paths{.fibre_per_km = 5us, .stretch = 2, .access_fibre = 2ms, .access_5g = 9ms, .assumptions = {}};
  const LatLon a{40, 0};
  const LatLon b{40.8993, 0};  // 100 km north
  CHECK(to_ms(path_rtt(paths, a, b)) == doctest::Approx(2.0).epsilon(0.01));
  CHECK(path_rtt(paths, a, a) == Duration::zero());
  CHECK(access_rtt(paths, Access::nr5g) == 9ms);
}

}  // namespace
}  // namespace barrio::decide::estimate_test
