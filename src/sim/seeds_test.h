#pragma once
// The seeds of a simulation's runs, and how one that failed is repeated.

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
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

/// "1-1000". None: it is no such text.
inline std::optional<std::pair<uint64_t, uint64_t>> two_numbers(const std::string& text, char between) {
  const auto parts = split(text, between);
  if (parts.size() != 2) return std::nullopt;
  const auto first = parse_uint(parts[0]);
  const auto second = parse_uint(parts[1]);
  if (!first || !second) return std::nullopt;
  return std::pair(*first, *second);
}

/// BARRIO_SIM_SEED: that seed. BARRIO_SIM_SEEDS ("1-1000"): those. None: neither is set.
inline std::optional<std::vector<uint64_t>> wanted_seeds() {
  if (const char* only = std::getenv("BARRIO_SIM_SEED"); only != nullptr) {
    const auto seed = parse_uint(only);
    REQUIRE_MESSAGE(seed.has_value(), "BARRIO_SIM_SEED must be a number, not '" << only << "'");
    return std::vector<uint64_t>{*seed};
  }
  const char* range = std::getenv("BARRIO_SIM_SEEDS");
  if (range == nullptr) return std::nullopt;
  const auto ends = two_numbers(range, '-');
  REQUIRE_MESSAGE((ends && ends->first <= ends->second),
                  "BARRIO_SIM_SEEDS must be as in 1-1000, not '" << range << "'");
  std::vector<uint64_t> all;
  for (uint64_t seed = ends->first; seed <= ends->second; ++seed) all.push_back(seed);
  return all;
}

/// Of the `more` seeds from 1001 on, every so many-th: `part` as BARRIO_SIM_PART has it, "1/8". The same for every
/// commit, so that one that fails is known before it is tested elsewhere; a change of the code makes other runs of
/// them.
inline std::vector<uint64_t> part_of_more(const char* part, uint64_t more) {
  const auto numbers = two_numbers(part, '/');
  REQUIRE_MESSAGE((numbers && numbers->first >= 1 && numbers->first <= numbers->second),
                  "BARRIO_SIM_PART must be as in 1/8, not '" << part << "'");
  std::vector<uint64_t> all;
  for (uint64_t i = numbers->first; i <= more; i += numbers->second) all.push_back(1000 + i);
  return all;
}

/// The commit's, then 1 to `fixed`; or those that the environment wants. `more`: what there is to divide into parts.
inline std::vector<uint64_t> seeds(uint64_t fixed, uint64_t more = 0) {
  if (auto wanted = wanted_seeds()) return std::move(*wanted);
  if (const char* part = std::getenv("BARRIO_SIM_PART"); part != nullptr) return part_of_more(part, more);
  std::vector<uint64_t> all;
  if (const auto commit = seed_of_commit()) all.push_back(*commit);
  for (uint64_t seed = 1; seed <= fixed; ++seed) all.push_back(seed);
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
