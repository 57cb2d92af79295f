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

}  // namespace barrio::checksum_test
