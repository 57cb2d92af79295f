#include "decide/batching/profile.h"

#include <doctest/doctest.h>

#include "base/rng.h"

namespace barrio::decide::profile_test {
namespace {

TEST_CASE("a profile answers how long a batch runs, and how much fits into a time") {
  const Profile profile = Profile::affine(5ms, 1ms, 32);
  CHECK(profile.max_batch() == 32);
  CHECK(profile.of(1) == 6ms);
  CHECK(profile.of(20) == 25ms);
  CHECK(profile.largest_within(25ms) == 20);
  CHECK(profile.largest_within(25ms - 1ns) == 19);
  CHECK(profile.largest_within(5ms) == 0);
  CHECK(profile.largest_within(1h) == 32);
  CHECK(profile.per_second(20) == doctest::Approx(800));
  CHECK(profile.up_to(2).max_batch() == 2);
}

TEST_CASE("the best batch is not the largest where larger ones do not pay") {
  const auto profile = Profile::table({10ms, 12ms, 30ms, 39ms});
  REQUIRE(profile);
  CHECK(profile->best_within(1s) == 2);
  CHECK(profile->best_within(11ms) == 1);
  CHECK(profile->best_within(9ms) == 0);
}

TEST_CASE("a larger batch is never taken to be faster, and a table that makes no sense is refused") {
  const auto profile = Profile::table({10ms, 8ms, 12ms});
  REQUIRE(profile);
  CHECK(profile->of(2) == 10ms);
  CHECK(!Profile::table({}));
  const auto bad = Profile::table({1ms, 0ms});
  REQUIRE(!bad);
  CHECK(bad.error().where == "profile[1]");
}

/// b runs of a5 c1 with jitter of up to `jitter` of it.
void feed(ProfileEstimate& estimate, Rng& rng, int runs, double jitter) {
  for (int i = 0; i < runs; ++i) {
    const auto batch = static_cast<size_t>(1 + rng.below(16));
    const double ms = (5 + static_cast<double>(batch)) * (1 + jitter * rng.unit());
    estimate.ran(batch, from_ms(ms));
  }
}

TEST_CASE("the estimate follows what is measured, also for sizes that never ran") {
  Rng rng(3);
  ProfileEstimate estimate(Profile::affine(1ms, 100us, 32));
  feed(estimate, rng, 2000, 0.1);
  for (const size_t batch : {1, 8, 16, 24, 32}) {
    const double truth = (5 + static_cast<double>(batch)) * 1.1;
    INFO("batch " << batch << ": " << to_ms(estimate.profile().of(batch)) << " ms, p99 is " << truth);
    CHECK(to_ms(estimate.profile().of(batch)) == doctest::Approx(truth).epsilon(0.06));
  }
  CHECK(estimate.error() < 0.08);
  CHECK(estimate.exceeded() < 0.06);
}

TEST_CASE("a few runs are enough to leave a bad guess") {
  ProfileEstimate estimate(Profile::affine(100ms, 10ms, 16));
  for (int i = 0; i < 3; ++i) estimate.ran(1, 6ms);
  CHECK(to_ms(estimate.profile().of(1)) < 8);
  CHECK(estimate.profile().of(16) < 40ms);
}

TEST_CASE("one slow run does not change what is believed by more than a step") {
  Rng rng(5);
  ProfileEstimate estimate(Profile::affine(5ms, 1ms, 16));
  feed(estimate, rng, 2000, 0.02);
  const Duration before = estimate.profile().of(8);
  estimate.ran(8, 3s);
  CHECK(estimate.profile().of(8) < before * 105 / 100);
  for (int i = 0; i < 300; ++i) estimate.ran(8, 26ms);
  // A device that has become slower is noticed.
  CHECK(estimate.profile().of(8) > before * 3 / 2);
}

TEST_CASE("the version grows only when the profile says something new") {
  Rng rng(9);
  ProfileEstimate estimate(Profile::affine(5ms, 1ms, 16));
  feed(estimate, rng, 1000, 0.0);
  const uint64_t version = estimate.version();
  feed(estimate, rng, 1000, 0.0);
  CHECK(estimate.version() == version);
}

}  // namespace
}  // namespace barrio::decide::profile_test
