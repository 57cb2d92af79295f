#include "base/checksum.h"

#include <doctest/doctest.h>

#include <string>

namespace barrio::checksum_test {

// The check values of the catalogue of parametrised CRC algorithms: the checksum of "123456789".
TEST_CASE("CRCs have their published check values") {
  CHECK(crc32("123456789") == 0xcbf43926);
  CHECK(crc32c("123456789") == 0xe3069283);
  CHECK(crc64nvme("123456789") == 0xae8b14860a799888);
}

TEST_CASE("a checksum of pieces is that of the whole, wherever it is cut") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i * 37);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const auto head = std::string_view(text).substr(0, cut);
    const auto tail = std::string_view(text).substr(cut);
    CHECK(crc32(tail, crc32(head)) == crc32(text));
    CHECK(crc32c(tail, crc32c(head)) == crc32c(text));
    CHECK(crc64nvme(tail, crc64nvme(head)) == crc64nvme(text));
  }
}

TEST_CASE("long texts, which are folded, have the checksum of their short pieces, which are not") {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += static_cast<char>((i * 7919) >> 3);
  uint32_t first = 0;
  uint32_t second = 0;
  uint64_t third = 0;
  for (size_t size = 1; size <= text.size(); ++size) {
    const auto last = std::string_view(text).substr(size - 1, 1);
    first = crc32(last, first);
    second = crc32c(last, second);
    third = crc64nvme(last, third);
    const auto whole = std::string_view(text).substr(0, size);
    CHECK(crc32(whole) == first);
    CHECK(crc32c(whole) == second);
    CHECK(crc64nvme(whole) == third);
  }
  const auto middle = std::string_view(text).substr(3, 2000);
  CHECK(crc64nvme(std::string_view(text).substr(2003),
                  crc64nvme(middle, crc64nvme(std::string_view(text).substr(0, 3)))) == third);
}

}  // namespace barrio::checksum_test
