#pragma once
// Amounts with their unit in the type: adding watts to bytes does not compile.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio {

template <class Tag>
class Quantity {
 public:
  constexpr Quantity() = default;
  constexpr explicit Quantity(int64_t count) : count_(count) {}
  constexpr int64_t count() const { return count_; }
  constexpr auto operator<=>(const Quantity&) const = default;
  constexpr Quantity operator+(Quantity other) const { return Quantity(count_ + other.count_); }
  constexpr Quantity operator-(Quantity other) const { return Quantity(count_ - other.count_); }
  constexpr Quantity operator*(int64_t factor) const { return Quantity(count_ * factor); }
  constexpr Quantity& operator+=(Quantity other) {
    count_ += other.count_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    count_ -= other.count_;
    return *this;
  }

 private:
  int64_t count_ = 0;
};

struct BytesTag {
  static constexpr std::string_view unit = "B";
};
struct WattsTag {
  static constexpr std::string_view unit = "W";
};
struct JoulesTag {
  static constexpr std::string_view unit = "J";
};
struct MicroEurosTag {
  static constexpr std::string_view unit = "uEUR";
};

using Bytes = Quantity<BytesTag>;
using Watts = Quantity<WattsTag>;
using Joules = Quantity<JoulesTag>;
using MicroEuros = Quantity<MicroEurosTag>;

constexpr Bytes kib(int64_t n) {
  return Bytes(n << 10);
}
constexpr Bytes mib(int64_t n) {
  return Bytes(n << 20);
}
constexpr Bytes gib(int64_t n) {
  return Bytes(n << 30);
}

/// "512MiB", "3 GiB", "100kB", "64B". Errors: invalid (also when negative or out of range).
Result<Bytes> parse_bytes(std::string_view text);
/// "75W", "2 kW", "1.5MW". Errors: invalid.
Result<Watts> parse_watts(std::string_view text);
std::string to_string(Bytes bytes);
std::string to_string(Watts watts);

}  // namespace barrio
