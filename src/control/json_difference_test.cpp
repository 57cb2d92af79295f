#include "control/json_difference.h"

#include <doctest/doctest.h>

namespace barrio::control::json_difference_test {

namespace {

std::string of(const char* from, const char* to) {
  return difference(*parse_json(from), *parse_json(to));
}

}  // namespace

TEST_CASE("what became another is named by its path, and an entry of a list by its name") {
  CHECK(of(R"({"a":1,"b":{"c":"x","d":2}})", R"({"a":1,"b":{"c":"y","d":2}})") == "b.c x -> y");
  CHECK(of(R"({"racks":[{"name":"r1","w":1},{"name":"r2","w":1}]})",
           R"({"racks":[{"name":"r1","w":1},{"name":"r2","w":5}]})") == "racks r2.w 1 -> 5");
  CHECK(of(R"({"l":[1,2]})", R"({"l":[1,3]})") == "l[1] 2 -> 3");
}

TEST_CASE("what comes and what goes is said, a list that became longer as a whole") {
  CHECK(of(R"({"a":1})", R"({"a":1,"cap":"3W"})") == "cap none -> 3W");
  CHECK(of(R"({"a":1,"cap":"3W"})", R"({"a":2})") == "a 1 -> 2, cap 3W -> none");
  CHECK(of(R"({"l":[1]})", R"({"l":[1,2]})") == "l [1] -> [1,2]");
  CHECK(of(R"({"l":[1]})", R"({"l":[1]})").empty());
}

TEST_CASE("a difference that is long is cut") {
  const std::string text(5000, 'x');
  CHECK(difference(JsonObject{{"a", 1}}, JsonObject{{"a", text}}).size() < 2100);
}

}  // namespace barrio::control::json_difference_test
