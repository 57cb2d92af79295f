#include "cli/log_tail.h"

#include <doctest/doctest.h>

namespace barrio::cli {

using Lines = std::vector<std::string>;

TEST_CASE("a log is told whole, whatever its lines are") {
  LogTail tail;
  // A program's first line, and what Python's server writes: no times in front, in no order, some of them alike.
  const Lines first = {"serving on port 8080", "127.0.0.1 GET /ready", "127.0.0.1 GET /ready", "127.0.0.1 GET /"};
  CHECK(tail.news(first) == first);
  CHECK(tail.news(first).empty());
}

TEST_CASE("a log that is followed tells what came since, once") {
  LogTail tail;
  tail.news({"a", "b"});
  CHECK(tail.news({"a", "b", "a", "b"}) == Lines{"a", "b"});
  // Only the last four can be had: two have left at the front.
  CHECK(tail.news({"a", "b", "d", "a"}) == Lines{"d", "a"});
  CHECK(tail.news({"b", "d", "a", "a"}) == Lines{"a"});
  CHECK(tail.news({"v", "w", "x", "y"}) == Lines{"v", "w", "x", "y"});
}

TEST_CASE("a log that begins anew is told from its beginning") {
  LogTail tail;
  tail.news({"serving", "GET /", "GET /word"});
  CHECK(tail.news({"serving"}) == Lines{"serving"});
  CHECK(tail.news({}).empty());
  CHECK(tail.news({"serving", "GET /"}) == Lines{"serving", "GET /"});
}

}  // namespace barrio::cli
