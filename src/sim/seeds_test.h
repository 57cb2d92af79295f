#pragma once
// The seeds of a simulation's runs, and how one that failed is repeated.

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/text.h"

namespace barrio::sim {

/// Of the commit that is checked out here; none: this is no checkout, or there is no git.
inline std::optional<uint64_t> seed_of_commit() {
  FILE* git = popen("git -C '" BARRIO_SOURCE_DIR "' rev-parse HEAD 2>/dev/null", "r");
  if (git == nullptr) return std::nullopt;
  char hash[64] = {};
  const bool got = std::fgets(hash, sizeof(hash), git) != nullptr;
  pclose(git);
  constexpr size_t digits = 15;
  if (!got || std::string(hash).size() < digits) return std::nullopt;
  return std::strtoull(std::string(hash).substr(0, digits).c_str(), nullptr, 16);
}

/// The commit's, then 1 to `fixed`. BARRIO_SIM_SEEDS ("1-1000"): those instead. BARRIO_SIM_SEED: that one alone.
inline std::vector<uint64_t> seeds(uint64_t fixed) {
  if (const char* only = std::getenv("BARRIO_SIM_SEED"); only != nullptr) {
    const auto seed = parse_uint(only);
    REQUIRE_MESSAGE(seed.has_value(), "BARRIO_SIM_SEED must be a number, not '" << only << "'");
    return {*seed};
  }
  std::vector<uint64_t> all;
  uint64_t first = 1;
  if (const char* range = std::getenv("BARRIO_SIM_SEEDS"); range != nullptr) {
    const auto ends = split(range, '-');
    const auto from = parse_uint(ends[0]);
    const auto to = ends.size() == 2 ? parse_uint(ends[1]) : std::nullopt;
    REQUIRE_MESSAGE((from && to), "BARRIO_SIM_SEEDS must be as in 1-1000, not '" << range << "'");
    first = *from;
    fixed = *to;
  } else if (const auto commit = seed_of_commit()) {
    all.push_back(*commit);
  }
  for (uint64_t seed = first; seed <= fixed; ++seed) all.push_back(seed);
  if (all.empty()) all.push_back(1);  // no checkout, and none is fixed
  return all;
}

/// Where many seeds run, only errors are logged; of one that is repeated, all.
inline void log_little() {
  if (std::getenv("BARRIO_SIM_SEED") == nullptr) configure_log("sim", LogLevel::error, "");
}

/// The one command that repeats a run; `filter`: doctest's, without commas.
inline std::string again(uint64_t seed, const std::string& filter) {
  return "; repeat with: BARRIO_SIM_SEED=" + std::to_string(seed) + " build/release/test_sim -tc='" + filter + "'";
}

}  // namespace barrio::sim
