#pragma once
// The seeds of a simulation's runs.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/text.h"

namespace barrio::sim {

/// BARRIO_SIM_SEED, if it is set (a number, or a commit's hash), then 1 to `fixed`.
inline std::vector<uint64_t> seeds(uint64_t fixed) {
  std::vector<uint64_t> all;
  if (const char* wanted = std::getenv("BARRIO_SIM_SEED"); wanted != nullptr) {
    all.push_back(std::strtoull(std::string(wanted).substr(0, 15).c_str(), nullptr, parse_uint(wanted) ? 10 : 16));
  }
  for (uint64_t seed = 1; seed <= fixed; ++seed) all.push_back(seed);
  return all;
}

}  // namespace barrio::sim
