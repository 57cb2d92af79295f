#pragma once
// A set of sites as 128 bits, by the site's index in its RoutingTable.

#include <bit>
#include <cstddef>
#include <cstdint>

namespace barrio::decide {

struct SiteSet {
  uint64_t low = 0;
  uint64_t high = 0;

  static constexpr SiteSet of(size_t site) {
    SiteSet set;
    set.add(site);
    return set;
  }
  constexpr void add(size_t site) { (site < 64 ? low : high) |= uint64_t{1} << (site & 63); }
  constexpr void remove(size_t site) { (site < 64 ? low : high) &= ~(uint64_t{1} << (site & 63)); }
  constexpr bool has(size_t site) const { return ((site < 64 ? low : high) >> (site & 63) & 1) != 0; }
  constexpr bool empty() const { return (low | high) == 0; }
  constexpr int count() const { return std::popcount(low) + std::popcount(high); }
  constexpr SiteSet operator&(SiteSet other) const { return {low & other.low, high & other.high}; }
  constexpr SiteSet operator|(SiteSet other) const { return {low | other.low, high | other.high}; }
  constexpr SiteSet without(SiteSet other) const { return {low & ~other.low, high & ~other.high}; }
  constexpr bool operator==(const SiteSet&) const = default;

  /// Calls visit(index) in ascending order.
  template <class Visit>
  constexpr void each(Visit visit) const {
    for (uint64_t bits = low; bits != 0; bits &= bits - 1) visit(static_cast<size_t>(std::countr_zero(bits)));
    for (uint64_t bits = high; bits != 0; bits &= bits - 1) visit(static_cast<size_t>(std::countr_zero(bits)) + 64);
  }
};

}  // namespace barrio::decide
