#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "base/yaml.h"
#include "model/app.h"

namespace barrio::files_test {

namespace {

std::string read(const std::string& path) {
  std::ifstream file(std::string(BARRIO_SOURCE_DIR) + "/" + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The text with the first `from` replaced.
std::string with(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

const std::string network_text = R"(name: test
operators:
  - {id: telefonica, name: Telefónica, country: ES}
paths: {fibre_per_km: 4.9us, stretch: 1.6, access_fibre: 2ms, access_5g: 20ms}
sites:
  - id: bio1
    city: Bilbao
    owner: telefonica
    jurisdiction: ES-PV
    location: {lat: 43.25722, lon: -2.92391}
    status: active
    power:
      budget: 250kW
      pue: 1.5
    servers: {cores: 64, memory: 512GiB, storage: 8TiB}
)";

const std::string app_text = R"(name: street-video
model:
  backend: opencv
  builtin: people
objective: {latency: 250ms, percentile: 99}
policy:
  jurisdictions: [ES-PV]
resources:
  power: 45W
  memory: 512MiB
replicas: 3
demand:
  - name: Bilbao
    location: {lat: 43.25722, lon: -2.92391}
)";

std::string network_error(const std::string& text) {
  return from_yaml<Network>(text, "n.yaml").error().text();
}
std::string app_error(const std::string& text) {
  return from_yaml<AppSpec>(text, "app.yaml").error().text();
}

}  // namespace

TEST_CASE("the shipped Spanish network has the 17 real sites, 10 of them active, each in its region") {
  const auto network = from_yaml<Network>(read("data/networks/spain.yaml"), "spain.yaml");
  REQUIRE_MESSAGE(network, network.error().text());
  const std::map<std::string, std::string> regions = {{"Madrid", "ES-MD"},
                                                      {"Barcelona", "ES-CT"},
                                                      {"Valencia", "ES-VC"},
                                                      {"Sevilla", "ES-AN"},
                                                      {"Málaga", "ES-AN"},
                                                      {"Palma de Mallorca", "ES-IB"},
                                                      {"Bilbao", "ES-PV"},
                                                      {"A Coruña", "ES-GA"},
                                                      {"Terrassa", "ES-CT"},
                                                      {"Zaragoza", "ES-AR"},
                                                      {"Valladolid", "ES-CL"},
                                                      {"Las Palmas de Gran Canaria", "ES-CN"},
                                                      {"Gijón", "ES-AS"},
                                                      {"Mérida", "ES-EX"},
                                                      {"Santa Cruz de Tenerife", "ES-CN"},
                                                      {"Santiago de Compostela", "ES-GA"}};
  CHECK(network->sites.size() == 17);
  int active = 0;
  Watts active_power;
  for (const Site& site : network->sites) {
    REQUIRE_MESSAGE(regions.contains(site.city), site.city);
    CHECK_MESSAGE(site.jurisdiction.str() == regions.at(site.city), site.id.str());
    CHECK_MESSAGE(site.assumptions.size() >= 4, site.id.str());
    CHECK((site.status == SiteStatus::active || site.status == SiteStatus::planned));
    if (site.status != SiteStatus::active) continue;
    ++active;
    active_power += site.power.budget;
  }
  CHECK(active == 10);
  CHECK(active_power == Watts(3'000'000));
  CHECK(network->find(SiteId::of("zaz1"))->status == SiteStatus::planned);
}

TEST_CASE("a network survives the way to JSON and back") {
  const auto network = from_yaml<Network>(network_text, "n.yaml");
  REQUIRE_MESSAGE(network, network.error().text());
  const auto back = from_json<Network>(to_json(*network));
  REQUIRE_MESSAGE(back, back.error().text());
  CHECK(print_json(to_json(*back)) == print_json(to_json(*network)));
}

TEST_CASE("a malformed network file gets file, line and field") {
  CHECK(
      network_error(with(network_text, "pue: 1.5", "pue: 0.5")).starts_with("n.yaml:14: sites[0].power.pue: must be"));
  CHECK(network_error(with(network_text, "250kW", "250"))
            .starts_with("n.yaml:13: sites[0].power.budget: must be a power"));
  CHECK(network_error(with(network_text, "ES-PV", "ES-XX"))
            .starts_with("n.yaml:9: sites[0].jurisdiction: 'ES-XX' is no"));
  CHECK(network_error(with(network_text, "status: active", "status: on"))
            .starts_with("n.yaml:11: sites[0].status: 'on' must be one of"));
  CHECK(network_error(with(network_text, "lat: 43", "lat: 143")).starts_with("n.yaml:10: sites[0].location.lat: "));
  CHECK(network_error(with(network_text, "owner: telefonica", "owner: orange"))
            .starts_with("n.yaml:8: sites[0].owner: "));
  CHECK(
      network_error(with(network_text, "    city: Bilbao\n", "")).starts_with("n.yaml:6: sites[0]: 'city' is missing"));
  CHECK(network_error(with(network_text, "city:", "citty:")).find("did you mean 'city'?") != std::string::npos);
  CHECK(network_error("name: [").starts_with("n.yaml:"));
}

TEST_CASE("a whole app file is read") {
  const auto app = from_yaml<AppSpec>(app_text, "app.yaml");
  REQUIRE_MESSAGE(app, app.error().text());
  CHECK(app->objective.latency == 250ms);
  CHECK(app->resources.cores == 1);
  CHECK(app->replicas == 3);
  CHECK(app->demand[0].weight == 1);
}

TEST_CASE("a malformed app file gets file, line and field") {
  CHECK(app_error(with(app_text, "latency: 250ms", "latency: 2h")).starts_with("app.yaml:5: objective.latency: "));
  CHECK(app_error(with(app_text, "  jurisdictions: [ES-PV]\n", "  jurisdictions: []\n"))
            .starts_with("app.yaml:6: policy: permits nothing"));
  CHECK(app_error(with(app_text, "  builtin: people\n", "")).starts_with("app.yaml:2: model: must name one of"));
  CHECK(app_error(with(app_text, "replicas: 3", "replicas: 0")).starts_with("app.yaml:11: replicas: must be from 1"));
  CHECK(app_error(with(app_text, "replicas: 3", "replicas: lots"))
            .starts_with("app.yaml:11: replicas: must be a whole number"));
  CHECK(app_error(with(app_text, "- name: Bilbao", "- name: Bilbao\n    weight: 0"))
            .starts_with("app.yaml:14: demand[0].weight: "));
  CHECK(app_error(with(app_text, "street-video", "Street_Video")).starts_with("app.yaml:1: name: "));
  CHECK(app_error(app_text + "name: again\n").find("stands twice") != std::string::npos);
}

TEST_CASE("an app file says who may ask and how much; slips are told by field") {
  const auto plain = from_yaml<AppSpec>(app_text, "app.yaml");
  REQUIRE(plain);
  CHECK(!plain->is_public());
  CHECK(!plain->limits);
  const std::string more = app_text + "access: public\nlimits: {requests_per_second: 20, body_bytes: 1MiB}\n";
  const auto limited = from_yaml<AppSpec>(more, "app.yaml");
  REQUIRE_MESSAGE(limited, limited.error().text());
  CHECK(limited->is_public());
  CHECK(limited->limits->burst_or_default() == 20);
  CHECK(limited->limits->body_bytes == mib(1));
  CHECK(print_json(to_json(*from_json<AppSpec>(to_json(*limited)))) == print_json(to_json(*limited)));
  CHECK(app_error(app_text + "access: open\n").find("access: 'open' must be token or public") != std::string::npos);
  CHECK(app_error(app_text + "limits: {requests_per_second: 0}\n").find("limits.requests_per_second: must be from") !=
        std::string::npos);
  CHECK(app_error(app_text + "limits: {burst: 5}\n").find("limits.burst: needs requests_per_second") !=
        std::string::npos);
  CHECK(app_error(app_text + "limits: {rate: 5}\n").find("unknown key 'rate'") != std::string::npos);
}

}  // namespace barrio::files_test
