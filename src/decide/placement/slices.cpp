#include "decide/placement/slices.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <utility>

namespace barrio::decide {

namespace {

struct ProfileName {
  int compute = 0;
  int gigabytes = 0;
};

std::optional<ProfileName> parse_profile(std::string_view name) {
  ProfileName parsed;
  const char* const begin = name.data();
  const char* const end = begin + name.size();
  auto [after, error] = std::from_chars(begin, end, parsed.compute);
  if (error != std::errc() || !std::string_view(after, end).starts_with("g.")) return std::nullopt;
  auto [rest, second] = std::from_chars(after + 2, end, parsed.gigabytes);
  if (second != std::errc() || std::string_view(rest, end) != "gb") return std::nullopt;
  return parsed;
}

using StartCounts = std::array<std::array<int8_t, slice_profiles.size()>, whole_device + 1>;

/// Counted once for every device there can be: a search asks millions of times.
constexpr StartCounts count_starts() {
  StartCounts counts{};
  for (size_t taken = 0; taken < counts.size(); ++taken) {
    for (size_t p = 0; p < slice_profiles.size(); ++p) {
      for (int start = 0; start < device_slots; ++start) {
        const bool is_start = (slice_profiles[p].starts >> start & 1) != 0;
        if (is_start && (taken & slice_profiles[p].at(start)) == 0) ++counts[taken][p];
      }
    }
  }
  return counts;
}

constexpr StartCounts start_counts = count_starts();

}  // namespace

std::optional<uint8_t> find_profile(std::string_view name, Bytes device_memory) {
  const auto asked = parse_profile(name);
  if (!asked) return std::nullopt;
  std::optional<uint8_t> best;
  double least = 1.0 / device_slots;
  for (size_t i = 0; i < slice_profiles.size(); ++i) {
    if (slice_profiles[i].compute != asked->compute) continue;
    // Makers name devices of 80 GiB and of 80 GB alike.
    for (const double unit : {1e9, 1073741824.0}) {
      const double share = static_cast<double>(device_memory.count()) / unit * slice_profiles[i].slots / device_slots;
      const double off = std::abs(share - asked->gigabytes) / share;
      if (off < least) least = off, best = static_cast<uint8_t>(i);
    }
  }
  return best;
}

std::optional<int> slice_gigabytes(std::string_view name) {
  const auto parsed = parse_profile(name);
  return parsed ? std::optional(parsed->gigabytes) : std::nullopt;
}

int free_starts(SlotMask taken, uint8_t profile) {
  return start_counts[taken][profile];
}

double lost_starts(SlotMask taken, SlotMask seat, std::span<const double> mix) {
  double lost = 0;
  for (size_t i = 0; i < slice_profiles.size(); ++i) {
    const double weight = mix.empty() ? 1 : mix[i];
    const auto profile = static_cast<uint8_t>(i);
    lost += weight * (free_starts(taken, profile) - free_starts(taken | seat, profile));
  }
  return lost;
}

std::optional<SliceSeat> best_seat(std::span<const SlotMask> devices, uint8_t profile, std::span<const double> mix) {
  const SliceProfile& wanted = slice_profiles[profile];
  std::optional<SliceSeat> best;
  double least = 0;
  int fullest = 0;
  std::array<bool, 256> seen{};  // devices that look alike are alike: the first speaks for them
  for (uint32_t device = 0; device < devices.size(); ++device) {
    const SlotMask taken = devices[device];
    if (std::exchange(seen[taken], true)) continue;
    for (uint8_t start = 0; start < device_slots; ++start) {
      if ((wanted.starts >> start & 1) == 0 || (taken & wanted.at(start)) != 0) continue;
      const double lost = lost_starts(taken, wanted.at(start), mix);
      const int full = std::popcount(taken);
      if (best && (lost > least || (lost == least && full <= fullest))) continue;
      best = SliceSeat{device, start};
      least = lost;
      fullest = full;
    }
  }
  return best;
}

}  // namespace barrio::decide
