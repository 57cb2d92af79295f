#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>

#include "decide/batching/device_test.h"

namespace barrio::decide::scheduler_property_test {

using namespace device_test;
namespace {

struct World {
  std::vector<Profile> profiles;
  std::vector<Duration> deadlines;
  std::vector<double> per_ms;
};

/// One to three models that together ask for a third to three times what the device can do.
World any_world(Rng& rng) {
  World world;
  const size_t models = 1 + rng.below(3);
  const double load = std::exp((rng.unit() * 2 - 1) * std::log(3));
  for (size_t i = 0; i < models; ++i) {
    const auto fixed = Duration(static_cast<int64_t>(rng.unit() * 8e6));
    const auto each = Duration(static_cast<int64_t>(1e5 + rng.unit() * 2e6));
    world.profiles.push_back(Profile::affine(fixed, each, 1 + rng.below(32)));
    world.deadlines.push_back((fixed + each) * static_cast<int64_t>(1 + rng.below(20)));
    const size_t best = std::max<size_t>(1, world.profiles.back().best_within(world.deadlines.back()));
    world.per_ms.push_back(load * world.profiles.back().per_second(best) / 1e3 / static_cast<double>(models));
  }
  return world;
}

struct Wishes {
  bool cancels = false;
  bool slow_runs = false;
  bool only_hard = false;
  bool even = false;  // gaps that are nearly the same
  int works = 300;
};

void play(TestDevice& device, const World& world, const Wishes& wishes, Rng& rng) {
  double all = 0;
  for (const double rate : world.per_ms) all += rate;
  if (wishes.slow_runs) {
    device.took = [&rng](Duration profile) {
      return rng.below(20) == 0 ? profile * 3 : profile * static_cast<int64_t>(80 + rng.below(21)) / 100;
    };
  }
  for (int i = 1; i <= wishes.works; ++i) {
    const double gap = wishes.even ? 0.5 + rng.unit() : -std::log(1 - rng.unit());
    device.run_until(device.now + Duration(static_cast<int64_t>(gap * 1e6 / all)));
    double pick = rng.unit() * all;
    ModelIndex model = 0;
    while (model + 1 < world.per_ms.size() && pick > world.per_ms[model]) pick -= world.per_ms[model++];
    Work work{.id = static_cast<WorkId>(i), .model = model};
    const uint64_t kind = wishes.only_hard ? 0 : rng.below(4);
    work.urgency = kind == 0 ? Urgency::hard : kind == 3 ? Urgency::best_effort : Urgency::soft;
    if (kind != 3 || rng.below(2) == 0) {
      work.deadline = device.now + world.deadlines[model] * static_cast<int64_t>(50 + rng.below(51)) / 100;
    }
    work.tenant = static_cast<uint32_t>(rng.below(3));
    work.weight = static_cast<double>(1 + work.tenant);
    device.offer(work);
    if (wishes.cancels && rng.below(4) == 0) device.cancel(1 + rng.below(static_cast<uint64_t>(i)));
  }
}

TEST_CASE(
    "for all loads: what is admitted is run, dropped or cancelled exactly once, and no batch is known to be late") {
  // TestDevice checks both at every batch and every end.
  const bool holds = rc::check([] {
    Rng rng(*rc::gen::arbitrary<uint64_t>());
    const World world = any_world(rng);
    TestDevice device({.slots = 1 + rng.below(4), .is_cpu = false}, world.profiles);
    play(device, world, {.cancels = true, .slow_runs = true}, rng);
    device.run_out();
    RC_ASSERT(device.ended.size() == device.admitted.size());
  });
  CHECK(holds);
}

TEST_CASE("for all loads: hard work that was admitted is finished in time, whatever came later") {
  const bool holds = rc::check([] {
    Rng rng(*rc::gen::arbitrary<uint64_t>());
    const World world = any_world(rng);
    TestDevice device({.slots = 1 + rng.below(4), .is_cpu = false}, world.profiles);
    play(device, world, {.only_hard = rng.below(2) == 0}, rng);
    device.run_out();
    for (const auto& [id, work] : device.admitted) {
      if (work.urgency != Urgency::hard) continue;
      RC_ASSERT(device.ended.at(id).how == Ended::How::ran);
      RC_ASSERT(device.ended.at(id).at <= *work.deadline);
    }
  });
  CHECK(holds);
}

/// Best effort that has waited for a second goes before soft work.
bool was_due(const TestDevice& device, const Work& before) {
  return std::ranges::any_of(device.admitted, [&](const auto& one) {
    const auto& [id, work] = one;
    return work.urgency == Urgency::best_effort && work.arrived + 1s <= *before.deadline &&
           device.ended.at(id).at > before.arrived;
  });
}

TEST_CASE(
    "for all even loads of one model: soft work that is admitted last is finished in time, unless best effort was "
    "due") {
  const bool holds = rc::check([] {
    Rng rng(*rc::gen::arbitrary<uint64_t>());
    World world = any_world(rng);
    world = {{world.profiles[0]}, {world.deadlines[0]}, {world.per_ms[0]}};
    TestDevice device({.slots = 1, .is_cpu = false}, world.profiles);
    play(device, world, {.even = true, .works = 1 + static_cast<int>(rng.below(200))}, rng);
    const auto last = device.admitted.rbegin();
    if (last == device.admitted.rend() || last->second.urgency == Urgency::best_effort) return;
    device.run_out();
    if (was_due(device, last->second)) return;
    RC_ASSERT(device.ended.at(last->first).how == Ended::How::ran);
    RC_ASSERT(device.ended.at(last->first).at <= *last->second.deadline);
  });
  CHECK(holds);
}

TEST_CASE("for all loads: best effort runs within a second and the longest deadline, and runs") {
  const bool holds = rc::check([] {
    Rng rng(*rc::gen::arbitrary<uint64_t>());
    const World world = any_world(rng);
    Duration longest{};
    for (const Duration deadline : world.deadlines) longest = std::max(longest, deadline);
    for (const Profile& profile : world.profiles) longest = std::max(longest, profile.of(profile.max_batch()));
    TestDevice device({.slots = 1, .is_cpu = false}, world.profiles);
    CHECK(device.offer({.id = 1'000'000, .model = 0, .urgency = Urgency::best_effort}));
    play(device, world, {.only_hard = true}, rng);
    device.cancel(1'000'000);  // where it still waits
    const Ended& end = device.ended.contains(1'000'000) ? device.ended.at(1'000'000) : Ended{.at = device.now};
    RC_ASSERT(end.at - start <= 1s + 4 * longest);
  });
  CHECK(holds);
}

}  // namespace
}  // namespace barrio::decide::scheduler_property_test
