#include <doctest/doctest.h>

#include "cli/best_sites.h"
#include "cli/files.h"

namespace barrio::cli::best_sites_test {

namespace {

Network spain() {
  auto network = read_yaml<Network>(std::string(BARRIO_SOURCE_DIR) + "/data/networks/spain.yaml");
  REQUIRE_MESSAGE(network.has_value(), (network ? "" : network.error().text()));
  return std::move(*network);
}

Policy within(const char* code) {
  Policy policy;
  policy.jurisdictions = {*Jurisdiction::parse(code)};
  return policy;
}

DemoCamera camera_at(double lat, double lon) {
  DemoCamera camera;
  camera.location = {lat, lon};
  return camera;
}

}  // namespace

TEST_CASE("Madrid's camera may be served by either of Madrid's sites") {
  const auto found = candidates(spain(), within("ES"), camera_at(40.40841, -3.68760), {});
  CHECK(found.size() == 10);
  CHECK(best_of(found, 500us) == std::set<SiteId>{SiteId::of("mad1"), SiteId::of("mad2")});
}

TEST_CASE("a site that is down serves nobody, and outside the Basque Country nothing is permitted under ES-PV") {
  const DemoCamera bilbao = camera_at(43.25722, -2.92391);
  CHECK(best_of(candidates(spain(), within("ES-PV"), bilbao, {}), 1ms) == std::set<SiteId>{SiteId::of("bio1")});
  CHECK(candidates(spain(), within("ES-PV"), bilbao, {SiteId::of("bio1")}).empty());
  CHECK(!best_of(candidates(spain(), within("ES"), bilbao, {SiteId::of("bio1")}), 1ms).contains(SiteId::of("bio1")));
}

}  // namespace barrio::cli::best_sites_test
