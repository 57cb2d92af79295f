#pragma once
// Random numbers that are handed in: the same seed gives the same run everywhere (std distributions do not promise
// that).

#include <cstdint>

namespace barrio {

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, equidistributed over 64 bits. Not for secrets.
class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

/// Stable 64-bit mix of two values, for decisions that must agree between processes without talking.
inline uint64_t mix(uint64_t a, uint64_t b) {
  return Rng(a ^ (b * 0x9e3779b97f4a7c15ULL)).next();
}

}  // namespace barrio
