#include "decide/batching/pipeline.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <vector>

namespace barrio::decide::pipeline_test {

namespace {

const Time start = Time() + 1h;

rc::Gen<Duration> any_duration() {
  return rc::gen::map(rc::gen::inRange<int64_t>(0, 200'000'000), [](int64_t ns) { return Duration(ns); });
}

rc::Gen<std::vector<StepNeed>> any_steps() {
  const auto need =
      rc::gen::apply([](Duration run, Duration queue) { return StepNeed{run, queue}; }, any_duration(), any_duration());
  return rc::gen::nonEmpty(rc::gen::resize(8, rc::gen::container<std::vector<StepNeed>>(need)));
}

Duration runs_of(std::span<const StepNeed> steps) {
  Duration total{};
  for (const StepNeed& step : steps) total += step.run;
  return total;
}

Duration needs_of(std::span<const StepNeed> steps) {
  Duration total{};
  for (const StepNeed& step : steps) total += step.run + step.queue;
  return total;
}

}  // namespace

TEST_CASE("a step may take what the later ones do not need") {
  const std::vector<StepNeed> steps = {{10ms, 0ms}, {20ms, 10ms}};
  CHECK(step_deadline(steps, start, start + 40ms) == start + 10ms);
  CHECK(step_deadline(steps, start, start + 80ms) == start + 50ms);
  CHECK(step_deadline(std::span(steps).subspan(1), start + 20ms, start + 80ms) == start + 80ms);
}

TEST_CASE("where the queues do not fit, the runs are kept and the queues share what is left") {
  const std::vector<StepNeed> steps = {{10ms, 30ms}, {20ms, 10ms}};
  CHECK(step_deadline(steps, start, start + 50ms) == start + 25ms);
  CHECK(step_deadline(steps, start, start + 30ms) == start + 10ms);
  CHECK_FALSE(step_deadline(steps, start, start + 30ms - 1ns));
}

TEST_CASE("for what is not known nothing is reserved") {
  const std::vector<StepNeed> steps(4);
  CHECK(step_deadline(steps, start, start + 40ms) == start + 40ms);
  CHECK(missing_time(steps, start, start) == Duration::zero());
}

TEST_CASE("missing time is what the runs want and have not") {
  const std::vector<StepNeed> steps = {{10ms, 30ms}, {20ms, 10ms}};
  CHECK(missing_time(steps, start, start + 30ms) == 0ms);
  CHECK(missing_time(steps, start, start + 20ms) == 10ms);
  CHECK(missing_time(steps, start + 60ms, start + 50ms) == 40ms);
}

TEST_CASE("every step can have what it needs, and what is reserved for the later ones is left to them") {
  REQUIRE(rc::check("reservation", [] {
    const auto steps = *any_steps();
    const Time deadline = start + *any_duration() * 4;
    const auto mine = step_deadline(steps, start, deadline);
    RC_ASSERT(mine.has_value() == (runs_of(steps) <= deadline - start));
    if (!mine) return;
    const auto later = std::span(steps).subspan(1);
    RC_ASSERT(*mine >= start + steps.front().run);
    RC_ASSERT(deadline - *mine >= runs_of(later));
    if (needs_of(steps) > deadline - start) return;
    RC_ASSERT(*mine >= start + steps.front().run + steps.front().queue);
    RC_ASSERT(deadline - *mine >= needs_of(later));
  }));
}

TEST_CASE("steps that use all their time still end at the deadline, in order") {
  REQUIRE(rc::check("walk", [] {
    const auto steps = *any_steps();
    const Time deadline = start + needs_of(steps) + *any_duration();
    Time now = start;
    for (size_t i = 0; i < steps.size(); ++i) {
      const auto mine = step_deadline(std::span(steps).subspan(i), now, deadline);
      RC_ASSERT(mine.has_value());
      RC_ASSERT(*mine >= now);
      now = *mine;
    }
    RC_ASSERT(now == deadline);
  }));
}

TEST_CASE("a request that is admitted is never refused later while its steps keep their deadlines") {
  REQUIRE(rc::check("admitted", [] {
    const auto steps = *any_steps();
    const Time deadline = start + *any_duration() * 6;
    RC_PRE(missing_time(steps, start, deadline) == Duration::zero());
    Time now = start;
    for (size_t i = 0; i < steps.size(); ++i) {
      const auto mine = step_deadline(std::span(steps).subspan(i), now, deadline);
      RC_ASSERT(mine.has_value());
      const auto early = *rc::gen::inRange<int64_t>(0, (*mine - now).count() + 1);
      now += Duration(early);
    }
    RC_ASSERT(now <= deadline);
  }));
}

TEST_CASE("more time never means an earlier deadline for a step") {
  REQUIRE(rc::check("monotone", [] {
    const auto steps = *any_steps();
    const Duration less = *any_duration() * 4;
    const Duration more = less + *any_duration();
    const auto early = step_deadline(steps, start, start + less);
    const auto late = step_deadline(steps, start, start + more);
    if (early) RC_ASSERT(late.has_value() && *late >= *early);
  }));
}

}  // namespace barrio::decide::pipeline_test
