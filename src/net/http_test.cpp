#include "net/http.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cctype>
#include <cstring>

namespace barrio::net::http_test {
namespace {

TEST_CASE("for all texts: what is encoded has only characters that a path and a query may hold, and is read back") {
  CHECK(rc::check([](const std::string& text) {
    const std::string encoded = percent_encode(text);
    for (const char c : encoded) RC_ASSERT(std::isalnum(static_cast<unsigned char>(c)) || std::strchr("-._~%", c));
    RC_ASSERT(percent_decode(encoded) == text);
    RC_ASSERT(query_value("a=1&name=" + encoded + "&name=2", "name") == text);
  }));
}

TEST_CASE("a city's name and a bad escape") {
  CHECK(percent_encode("A Coruña") == "A%20Coru%C3%B1a");
  CHECK(percent_decode("%4") == std::nullopt);
  CHECK(percent_decode("%zz") == std::nullopt);
  CHECK(percent_decode("%41") == "A");
}

TEST_CASE("the value of a query's parameter") {
  CHECK(query_value("", "a") == std::nullopt);
  CHECK(query_value("a", "a") == "");
  CHECK(query_value("b=1&a=x%26y", "a") == "x&y");
}

}  // namespace
}  // namespace barrio::net::http_test
