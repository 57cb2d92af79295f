#include "cli/release_watch.h"

#include <doctest/doctest.h>

namespace barrio::release_watch_test {

namespace {

/// `phases`: of the replicas of that many sites, a word each, with the generation that each runs.
Json explanation(const std::string& state, const std::string& detail, const std::vector<std::string>& phases,
                 int64_t generation = 2, int64_t runs = 2) {
  JsonArray decisions;
  for (size_t i = 0; i < phases.size(); ++i) {
    decisions.push_back(JsonObject{{"site", "s" + std::to_string(i)},
                                   {"placed", true},
                                   {"phase", phases[i]},
                                   {"detail", "2.0 ms of network"},
                                   {"generation", runs}});
  }
  return JsonObject{{"release", JsonObject{{"generation", generation}, {"state", state}, {"detail", detail}}},
                    {"decisions", decisions}};
}

}  // namespace

TEST_CASE("a first release that fails at every site ends, though each is started again and never all fail at once") {
  cli::ReleaseWatch watch("x");
  CHECK(watch.read(explanation("rolling", "", {"starting", "starting"})) == "x, release 2: 0 of 2 replicas ready");
  CHECK(watch.read(explanation("rolling", "", {"failed", "starting"})) ==
        "x, release 2: 0 of 2 replicas ready, failed at 1: s0: 2.0 ms of network");
  // Started again, and failing again: nothing new.
  CHECK_FALSE(watch.read(explanation("rolling", "", {"starting", "starting"})));
  const std::string why = "s0: no model (3 restarts); it goes on trying";
  CHECK_FALSE(watch.read(explanation("rolling", why, {"failed", "starting"})));
  CHECK_FALSE(watch.failure());  // s1 may be able to
  CHECK(watch.read(explanation("rolling", why, {"starting", "failed"})) ==
        "x, release 2: 0 of 2 replicas ready, failed at 2");
  REQUIRE(watch.failure());
  CHECK(watch.failure()->code == Code::unavailable);
  CHECK(watch.failure()->what == "all its replicas failed, at " + why);
}

TEST_CASE("a release goes on while a site has it ready, or while control does not say that it fails") {
  cli::ReleaseWatch watch("x");
  watch.read(explanation("rolling", "s0: no room (3 restarts)", {"failed", "ready"}));
  watch.read(explanation("rolling", "s0: no room (3 restarts)", {"failed", "failed"}));
  CHECK(watch.failure());
  watch.read(explanation("rolling", "s0: no room (3 restarts)", {"failed", "ready"}));
  CHECK_FALSE(watch.failure());
  watch.read(explanation("rolling", "", {"failed", "failed"}));
  CHECK_FALSE(watch.failure());
  CHECK(watch.given_up().what == "its replica failed at s1: 2.0 ms of network");
  watch.read(explanation("done", "", {"ready", "ready"}));
  CHECK(watch.is_done());
}

TEST_CASE("what the release before left behind is not held against the next one") {
  cli::ReleaseWatch watch("x");
  CHECK(watch.read(explanation("rolling", "s0: the old one's reason", {"failed", "failed"}, 3, 2)) ==
        "x, release 3: 0 of 2 replicas ready");
  CHECK_FALSE(watch.failure());
  CHECK(watch.given_up().code == Code::timed_out);
}

TEST_CASE("a release that control stopped or replaced has ended") {
  cli::ReleaseWatch watch("x");
  watch.read(explanation("stopped", "s0: no model", {"ready"}));
  CHECK(watch.failure()->what == "the release was stopped: s0: no model");
  watch.read(explanation("replaced", "", {"ready"}));
  CHECK(watch.failure()->code == Code::conflict);
}

}  // namespace barrio::release_watch_test
