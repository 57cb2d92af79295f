#include "base/settings_line.h"

#include <doctest/doctest.h>

namespace barrio::settings_line_test {

TEST_CASE("settings are read by key, and what is not set stays as it is") {
  auto settings = SettingsLine::parse("a=5ms, url=http://h:1/x?y=z,n=3,share=0.25");
  REQUIRE(settings);
  Duration a{};
  Duration c = 7ms;
  std::string url;
  uint64_t n = 0;
  double share = 0;
  CHECK(settings->take("a", a));
  CHECK(settings->take("c", c));
  CHECK(settings->take("url", url));
  CHECK(settings->take("n", n));
  CHECK(settings->take("share", share));
  CHECK(settings->finish());
  CHECK(a == 5ms);
  CHECK(c == 7ms);
  CHECK(url == "http://h:1/x?y=z");
  CHECK(n == 3);
  CHECK(share == 0.25);
}

TEST_CASE("what is wrong with settings is said by key") {
  CHECK(SettingsLine::parse("")->finish());
  CHECK(SettingsLine::parse("a").error().text() == "'a' must be key=value");
  CHECK(SettingsLine::parse("=1").error().text() == "'=1' must be key=value");
  CHECK(SettingsLine::parse("a=1,a=2").error().text() == "a: is set twice");
  auto settings = SettingsLine::parse("a=soon,n=-1,x=many,jiter=1");
  REQUIRE(settings);
  Duration a{};
  uint64_t n = 0;
  double x = 0;
  double jitter = 0;
  CHECK(settings->take("a", a).error().where == "a");
  CHECK(settings->take("n", n).error().text() == "n: '-1' must be a whole number");
  CHECK(settings->take("x", x).error().text() == "x: 'many' must be a number");
  CHECK(settings->take("jitter", jitter));
  CHECK(settings->finish().error().text() == "jiter: is not a setting; did you mean 'jitter'?");
}

}  // namespace barrio::settings_line_test
