#include "cli/home_lock.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/files.h"

namespace barrio::cli::home_lock_test {

namespace {

TEST_CASE("one network runs in a home folder at a time, and the second is told which process has it") {
  char pattern[] = "/tmp/barrio-home-XXXXXX";
  const std::string made = mkdtemp(pattern);
  const std::string home = made + "/new";
  CHECK_FALSE(network_runs_in(home));
  {
    const auto lock = lock_home(home);
    REQUIRE_MESSAGE(lock, lock.error().text());
    CHECK(network_runs_in(home));
    const auto second = lock_home(home);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Code::conflict);
    CHECK(second.error().text() == home + ": a network runs here (process " + std::to_string(::getpid()) + ")");
  }
  CHECK_FALSE(network_runs_in(home));
  CHECK(lock_home(home));
  REQUIRE(remove_folder(made));
}

}  // namespace
}  // namespace barrio::cli::home_lock_test
