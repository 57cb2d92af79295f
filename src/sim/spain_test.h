#pragma once
// The shipped network file, for the tests of this room.

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "base/yaml.h"
#include "model/network.h"

namespace barrio::sim {

inline Network spain() {
  const std::string path = std::string(BARRIO_SOURCE_DIR) + "/data/networks/spain.yaml";
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  auto network = from_yaml<Network>(text.str(), path);
  REQUIRE_MESSAGE(network.has_value(), network.error().text());
  return *network;
}

/// The last ones, for WorldConfig::late_sites: active once they have joined.
inline Network with_late_sites(Network network, size_t count) {
  for (size_t i = 0; i < count; ++i) network.sites[network.sites.size() - 1 - i].status = SiteStatus::active;
  return network;
}

}  // namespace barrio::sim
