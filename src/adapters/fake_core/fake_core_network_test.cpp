#include <doctest/doctest.h>

#include "adapters/fake_core/fake_core_network.h"

namespace barrio::adapters::fake_core_network_test {

TEST_CASE("a device's place is what the core's file says, and an unknown address has none") {
  const auto core = FakeCoreNetwork::parse(R"(devices:
  - address: 10.77.0.3
    location: {place: Vigo, location: {lat: 42.24, lon: -8.72}, access: nr5g, jurisdiction: ES-GA}
)",
                                           "core.yaml");
  REQUIRE_MESSAGE(core.has_value(), core.error().text());
  const auto vigo = core->locate("10.77.0.3");
  REQUIRE(vigo.has_value());
  CHECK(vigo->place == "Vigo");
  CHECK(vigo->access == Access::nr5g);
  CHECK(core->locate("10.77.0.4").error().code == Code::not_found);
}

TEST_CASE("a wrong or doubled address in the core's file is refused with its line") {
  const auto wrong = FakeCoreNetwork::parse(R"(devices:
  - address: vigo-camera
    location: {place: Vigo, location: {lat: 42.24, lon: -8.72}, access: nr5g, jurisdiction: ES-GA}
)",
                                            "core.yaml");
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().code == Code::invalid);
  CHECK(wrong.error().where.find("core.yaml:2") != std::string::npos);
}

}  // namespace barrio::adapters::fake_core_network_test
