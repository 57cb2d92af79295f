#include "model/prices.h"

#include <doctest/doctest.h>

namespace barrio::prices_test {

TEST_CASE("an amount of money is read and shown exactly, to the nano-euro") {
  const auto nanos = [](std::string_view text) { return Euros::parse(text)->nanos(); };
  CHECK(nanos("0.40EUR") == 400'000'000);
  CHECK(nanos("12 EUR") == 12'000'000'000);
  CHECK(nanos(" 0.000000001 EUR") == 1);
  CHECK(nanos("1000000EUR") == 1'000'000 * Euros::nanos_each);
  CHECK(nanos("0EUR") == 0);
  for (const char* text : {"0.40EUR", "12.00EUR", "0.000000001EUR", "999999.999999999EUR", "0.125EUR", "0.00EUR"})
    CHECK(Euros::parse(text)->str() == text);
  for (const char* text : {"", "EUR", "1", "1USD", "-1EUR", "1.EUR", ".5EUR", "0.0000000001EUR", "1,5EUR", "1e3EUR",
                           "1000000.000000001EUR", "1.-5EUR", "0x1EUR", "1. 5EUR"}) {
    CHECK_MESSAGE(!Euros::parse(text), text);
  }
}

}  // namespace barrio::prices_test
