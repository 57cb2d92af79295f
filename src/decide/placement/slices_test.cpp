#include "decide/placement/slices.h"

#include <doctest/doctest.h>

#include <vector>

namespace barrio::decide::slices_test {

TEST_CASE("profiles are known by the names that their makers give them on devices of any size") {
  const Bytes h100(80'000'000'000);
  CHECK(find_profile("1g.10gb", h100) == 0);
  CHECK(find_profile("1g.20gb", gib(80)) == 1);
  CHECK(find_profile("3g.40gb", h100) == 3);
  CHECK(find_profile("7g.80gb", h100) == whole_profile);
  CHECK(find_profile("1g.5gb", gib(40)) == 0);
  CHECK(find_profile("2g.35gb", Bytes(141'000'000'000)) == 2);
  CHECK_FALSE(find_profile("1g.40gb", h100));
  CHECK_FALSE(find_profile("5g.40gb", h100));
  CHECK_FALSE(find_profile("3g.40", h100));
  CHECK_FALSE(find_profile("", h100));
}

TEST_CASE("four free slots are no room for 3g.40gb unless they are one half of the device") {
  CHECK(free_starts(0b0000'1111, 3) == 1);
  CHECK(free_starts(0b0011'1100, 3) == 0);
  CHECK(free_starts(0b1111'0000, 4) == 1);
  CHECK(free_starts(0b0000'1111, 4) == 0);
}

TEST_CASE("seven of the smallest fit on a device, the eighth slot has no compute") {
  std::vector<SlotMask> devices(1);
  for (int i = 0; i < 7; ++i) {
    const auto seat = best_seat(devices, 0);
    REQUIRE(seat);
    devices[0] |= slice_profiles[0].at(seat->start);
  }
  CHECK_FALSE(best_seat(devices, 0));
}

TEST_CASE("a small slice goes where it spoils least: not onto an empty device while a begun one has room") {
  const std::vector<SlotMask> devices = {0, 0b0000'0001, 0};
  const auto seat = best_seat(devices, 0);
  REQUIRE(seat);
  CHECK(seat->device == 1);
  CHECK(seat->start == 1);
}

}  // namespace barrio::decide::slices_test
