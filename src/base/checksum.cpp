#include "base/checksum.h"

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

  Register add(std::string_view data, Register running) const {
    Register value = ~running;
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
    return ~value;
  }

 private:
  std::array<std::array<Register, 256>, 8> tables_{};
};

}  // namespace

uint32_t crc32(std::string_view data, uint32_t running) {
  static constexpr CrcTables<uint32_t> tables(0xedb88320);
  return tables.add(data, running);
}

uint32_t crc32c(std::string_view data, uint32_t running) {
  static constexpr CrcTables<uint32_t> tables(0x82f63b78);
  return tables.add(data, running);
}

uint64_t crc64nvme(std::string_view data, uint64_t running) {
  static constexpr CrcTables<uint64_t> tables(0x9a6c9329ac4bc9b5);
  return tables.add(data, running);
}

}  // namespace barrio
