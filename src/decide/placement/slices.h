#pragma once
// Slices of one accelerator (NVIDIA MIG): which profiles there are and where on the device they may start. A device is
// eight memory slots; a profile takes some of them side by side, from one of its starts only (NVIDIA, "Multi-Instance
// GPU User Guide", placements of A100 and H100). Counting free slots is therefore not enough: 3g.40gb needs the lower
// or the upper half.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/quantity.h"

namespace barrio::decide {

/// Bit n: memory slot n of the device is taken.
using SlotMask = uint8_t;
inline constexpr int device_slots = 8;
inline constexpr SlotMask whole_device = 0xff;

struct SliceProfile {
  int compute;  // the number before the 'g'
  int slots;    // of memory
  SlotMask starts;
  constexpr SlotMask at(int start) const { return static_cast<SlotMask>(((1U << slots) - 1U) << start); }
};

/// From the smallest to the whole device.
inline constexpr std::array<SliceProfile, 6> slice_profiles{{{1, 1, 0b0111'1111},
                                                             {1, 2, 0b0101'0101},
                                                             {2, 2, 0b0001'0101},
                                                             {3, 4, 0b0001'0001},
                                                             {4, 4, 0b0000'0001},
                                                             {7, 8, 0b0000'0001}}};
inline constexpr uint8_t whole_profile = slice_profiles.size() - 1;

/// "3g.40gb" on a device of 80 GB is the profile of 3 compute slices whose share of the memory is nearest to 40 GB;
/// nullopt when the device has no such profile, or its share is more than an eighth away.
std::optional<uint8_t> find_profile(std::string_view name, Bytes device_memory);

/// The 40 of "3g.40gb"; none: it is no profile's name.
std::optional<int> slice_gigabytes(std::string_view name);

/// How many starts of a profile are free.
int free_starts(SlotMask taken, uint8_t profile);

/// Starts of all profiles, weighed by `mix` (empty: all alike), that are lost when `seat` is taken too.
double lost_starts(SlotMask taken, SlotMask seat, std::span<const double> mix = {});

struct SliceSeat {
  uint32_t device = 0;
  uint8_t start = 0;
  bool operator==(const SliceSeat&) const = default;
};

/// The free seat that takes away least of what may still come: of all profiles in `mix` (weights; empty: all alike)
/// as few starts as possible, then the device that is fullest, then the first. nullopt: no device has one.
std::optional<SliceSeat> best_seat(std::span<const SlotMask> devices, uint8_t profile,
                                   std::span<const double> mix = {});

}  // namespace barrio::decide
