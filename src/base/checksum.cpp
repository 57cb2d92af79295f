#include "base/checksum.h"

#if defined(__x86_64__)
#include <wmmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstring>

namespace barrio {

namespace {

/// Eight bytes a step ("slicing by 8"): tables[k][b] is what byte b does to the register k bytes later.
template <class Register>
class CrcTables {
 public:
  explicit constexpr CrcTables(Register reflected_polynomial) {
    for (size_t byte = 0; byte < 256; ++byte) {
      auto value = static_cast<Register>(byte);
      for (int bit = 0; bit < 8; ++bit) {
        value = static_cast<Register>((value >> 1) ^ ((value & 1) != 0 ? reflected_polynomial : Register{0}));
      }
      tables_[0][byte] = value;
    }
    for (size_t k = 1; k < 8; ++k) {
      for (size_t byte = 0; byte < 256; ++byte) {
        const Register before = tables_[k - 1][byte];
        tables_[k][byte] = static_cast<Register>((before >> 8) ^ tables_[0][before & 0xff]);
      }
    }
  }

  /// Without the inversions at begin and end.
  Register add(std::string_view data, Register value) const {
    static_assert(std::endian::native == std::endian::little);
    while (data.size() >= 8) {
      uint64_t eight = 0;
      std::memcpy(&eight, data.data(), 8);
      eight ^= value;
      value = 0;
      for (size_t k = 0; k < 8; ++k) value ^= tables_[7 - k][(eight >> (8 * k)) & 0xff];
      data.remove_prefix(8);
    }
    for (const char c : data) {
      value = static_cast<Register>((value >> 8) ^ tables_[0][(value ^ static_cast<unsigned char>(c)) & 0xff]);
    }
    return value;
  }

 private:
  std::array<std::array<Register, 256>, 8> tables_{};
};

#if defined(__x86_64__)

/// Carry-less multiplication folds what came so far onto what comes next: 16 bytes are, modulo the polynomial, the same
/// as their two halves times powers of x, 16 or 64 bytes further on. (Gopal et al., "Fast CRC Computation for Generic
/// Polynomials Using PCLMULQDQ Instruction", Intel 2009; reflected, so that each product has one x more.) What is left
/// in the end goes through the tables.
class CrcFolds {
 public:
  static constexpr size_t least_bytes = 256;

  template <class Register>
  explicit constexpr CrcFolds(Register polynomial)
      : far_{power_of_x(512 + 63, polynomial), power_of_x(512 - 1, polynomial)},
        near_{power_of_x(128 + 63, polynomial), power_of_x(128 - 1, polynomial)} {}

  /// Takes all of `data` but less than 16 bytes; what it gives stands for it and is added in its place.
  __attribute__((target("pclmul"))) std::array<char, 16> fold(std::string_view& data, uint64_t value) const {
    const __m128i far = _mm_loadu_si128(reinterpret_cast<const __m128i*>(far_.data()));
    const __m128i near = _mm_loadu_si128(reinterpret_cast<const __m128i*>(near_.data()));
    __m128i lanes[4] = {take(data), take(data), take(data), take(data)};
    lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi64_si128(static_cast<int64_t>(value)));
    while (data.size() >= sizeof(lanes)) {
      for (__m128i& lane : lanes) lane = onto(lane, far, take(data));
    }
    __m128i sum = lanes[0];
    for (int i = 1; i < 4; ++i) sum = onto(sum, near, lanes[i]);
    while (data.size() >= sizeof(sum)) sum = onto(sum, near, take(data));
    std::array<char, 16> left{};
    _mm_storeu_si128(reinterpret_cast<__m128i*>(left.data()), sum);
    return left;
  }

 private:
  /// Reflected as the register is, in the upper bits of 64.
  template <class Register>
  static constexpr uint64_t power_of_x(int power, Register reflected_polynomial) {
    constexpr int bits = 8 * sizeof(Register);
    Register value = Register{1} << (bits - 1);
    for (int i = 0; i < power; ++i) {
      value = static_cast<Register>((value >> 1) ^ ((value & 1) != 0 ? reflected_polynomial : Register{0}));
    }
    return static_cast<uint64_t>(value) << (64 - bits);
  }
  static __m128i take(std::string_view& data) {
    const __m128i taken = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data.data()));
    data.remove_prefix(sizeof(taken));
    return taken;
  }
  __attribute__((target("pclmul"))) static __m128i onto(__m128i sum, __m128i powers, __m128i next) {
    const __m128i products =
        _mm_xor_si128(_mm_clmulepi64_si128(sum, powers, 0x00), _mm_clmulepi64_si128(sum, powers, 0x11));
    return _mm_xor_si128(products, next);
  }

  std::array<uint64_t, 2> far_;  // of the first eight bytes, of the others
  std::array<uint64_t, 2> near_;
};

#endif

template <class Register, Register polynomial>
Register crc(std::string_view data, Register running) {
  static constexpr CrcTables<Register> tables(polynomial);
  Register value = ~running;
#if defined(__x86_64__)
  static constexpr CrcFolds folds(polynomial);
  static const bool can_fold = __builtin_cpu_supports("pclmul") != 0;
  if (can_fold && data.size() >= CrcFolds::least_bytes) {
    const auto left = folds.fold(data, value);
    value = tables.add({left.data(), left.size()}, 0);
  }
#endif
  return ~tables.add(data, value);
}

}  // namespace

uint32_t crc32(std::string_view data, uint32_t running) {
  return crc<uint32_t, 0xedb88320>(data, running);
}

uint32_t crc32c(std::string_view data, uint32_t running) {
  return crc<uint32_t, 0x82f63b78>(data, running);
}

uint64_t crc64nvme(std::string_view data, uint64_t running) {
  return crc<uint64_t, 0x9a6c9329ac4bc9b5>(data, running);
}

}  // namespace barrio
