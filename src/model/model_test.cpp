#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "model/snapshot.h"

namespace barrio::model_test {

TEST_CASE("the distance from Madrid to Barcelona is about 505 km and from antipodes half the Earth") {
  const LatLon madrid{40.40841, -3.68760};
  const LatLon barcelona{41.38425, 2.17635};
  CHECK(distance_km(madrid, barcelona) == doctest::Approx(505).epsilon(0.01));
  CHECK(distance_km(madrid, madrid) == 0);
  CHECK(distance_km({0, 0}, {0, 180}) == doctest::Approx(20015.1).epsilon(0.0001));
}

TEST_CASE("a place outside the Earth's degrees is refused, NaN too") {
  CHECK(LatLon::make(90, -180));
  CHECK(LatLon::make(90.1, 0).error().where == "lat");
  CHECK(LatLon::make(0, -180.5).error().where == "lon");
  CHECK_FALSE(LatLon::make(std::nan(""), 0));
}

TEST_CASE("a country contains its subdivisions and itself, a subdivision only itself") {
  const auto spain = *Jurisdiction::parse("ES");
  const auto basque = *Jurisdiction::parse("ES-PV");
  const auto bavaria = *Jurisdiction::parse("DE-BY");
  CHECK(spain.contains(basque));
  CHECK(spain.contains(spain));
  CHECK(basque.contains(basque));
  CHECK_FALSE(basque.contains(spain));
  CHECK_FALSE(spain.contains(bavaria));
  CHECK_FALSE(Jurisdiction().contains(Jurisdiction()));
  CHECK_FALSE(spain.contains(Jurisdiction()));
}

TEST_CASE("every partner country's subdivisions are known") {
  for (const char* code : {"ES-MD", "ES-CE", "DE-BE", "IT-62", "IT-88", "FR-IDF", "FR-20R", "HU-BU", "PT-11"}) {
    CHECK_MESSAGE(Jurisdiction::parse(code), code);
  }
}

TEST_CASE("an unknown jurisdiction names the nearest known one") {
  const auto told = [](const char* code) { return Jurisdiction::parse(code).error().what; };
  CHECK(told("es-pv").find("did you mean 'ES-PV'?") != std::string::npos);
  CHECK(told("ES-PW").find("did you mean 'ES-PV'?") != std::string::npos);
  CHECK(told("ES-99").find("known are ES-AN, ES-AR") != std::string::npos);
  CHECK(told("US-CA").find("did you mean 'US'?") != std::string::npos);
  for (const char* code : {"", "E", "ES-", "ES ", "ES-PV ", "XX", "AD AE", "ES-P", "-"}) {
    CHECK_MESSAGE(!Jurisdiction::parse(code), code);
  }
}

TEST_CASE("a site goes from planned to retired, and back only from draining to active") {
  using enum SiteStatus;
  const std::set<std::pair<SiteStatus, SiteStatus>> allowed = {{planned, testing}, {planned, active},
                                                               {testing, active},  {active, draining},
                                                               {draining, active}, {draining, retired}};
  for (const SiteStatus from : {planned, testing, active, draining, retired}) {
    for (const SiteStatus to : {planned, testing, active, draining, retired}) {
      CHECK(may_become(from, to) == allowed.contains({from, to}));
    }
  }
}

TEST_CASE("IT equipment may draw the budget divided by the PUE") {
  CHECK(SitePower{Watts(250'000), 1.5}.it_budget() == Watts(166'666));
  CHECK(SitePower{Watts(250'000), 0.9}.check().error().where == "pue");
}

TEST_CASE("an app's full name is tenant and app") {
  const auto key = AppKey::parse("ayto/street-video");
  REQUIRE(key);
  CHECK(key->str() == "ayto/street-video");
  for (const char* text : {"", "app", "/app", "tenant/", "a/b/c", "Tenant/app"}) CHECK_FALSE(AppKey::parse(text));
}

TEST_CASE("replica ids are stable, readable, different and valid labels however long the names are") {
  const AppKey key{TenantId::of("ayto"), AppName::of("street-video")};
  const auto id = replica_id(key, SiteId::of("bio1"), 0);
  CHECK(id.str() == "street-video-bio1-" + id.str().substr(18));
  CHECK(id.str().size() == 26);
  // Kept on disk and in running processes: must never change.
  CHECK(id.str() == "street-video-bio1-4760a1c7");
  CHECK(id != replica_id(key, SiteId::of("bio1"), 1));
  CHECK(id != replica_id({TenantId::of("euskadi"), key.name}, SiteId::of("bio1"), 0));
  const std::string dashed = std::string(31, 'a') + "-" + std::string(31, 'b');
  const auto long_id = replica_id({TenantId::of(dashed), AppName::of(dashed)}, SiteId::of(dashed), 0);
  CHECK(ReplicaId::parse(long_id.str()));
}

namespace {

Network two_sites() {
  Network network;
  network.name = "test";
  network.operators.push_back({OperatorId::of("telefonica"), "Telefónica", *Jurisdiction::parse("ES")});
  for (const char* id : {"mad1", "bio1"}) {
    Site site;
    site.id = SiteId::of(id);
    site.city = id;
    site.owner = OperatorId::of("telefonica");
    network.sites.push_back(site);
  }
  return network;
}

}  // namespace

TEST_CASE("a network has unique ids, known owners and 1 to 128 sites") {
  CHECK(two_sites().check());
  auto network = two_sites();
  network.sites[1].id = network.sites[0].id;
  CHECK(network.check().error().text() == "sites[1].id: site 'mad1' stands twice");
  network = two_sites();
  network.sites[1].owner = OperatorId::of("orange");
  CHECK(network.check().error().where == "sites[1].owner");
  network.sites.clear();
  CHECK(network.check().error().where == "sites");
  network = two_sites();
  while (network.sites.size() <= max_sites) {
    network.sites.push_back(network.sites[0]);
    network.sites.back().id = SiteId::of("s" + std::to_string(network.sites.size()));
  }
  CHECK(network.check().error().what.find("at most 128") != std::string::npos);
  network.sites.pop_back();
  CHECK(network.check());
}

TEST_CASE("a model comes from exactly one source") {
  const std::string digest(64, 'a');
  CHECK(ModelSource{Backend::opencv, "people", "", ""}.check());
  CHECK(ModelSource{Backend::onnx, "", "m.onnx", ""}.check());
  CHECK(ModelSource{Backend::onnx, "", "m.onnx", digest}.check());
  CHECK(ModelSource{Backend::onnx, "", "", digest}.check());
  CHECK_FALSE(ModelSource{Backend::onnx, "", "", ""}.check());
  CHECK(ModelSource{Backend::onnx, "people", "m.onnx", ""}.check().error().where == "builtin");
  CHECK(ModelSource{Backend::onnx, "", "", "../../etc/passwd"}.check().error().where == "sha256");
}

TEST_CASE("limits of objective and resources are named") {
  CHECK(Objective{1ms, 50}.check());
  CHECK(Objective{60s, 99.99}.check());
  CHECK(Objective{500us, 99}.check().error().where == "latency");
  CHECK(Objective{61s, 99}.check().error().where == "latency");
  CHECK(Objective{100ms, 100}.check().error().where == "percentile");
  CHECK(Resources{Watts(10), mib(1), 0.5, "", 0}.check());
  CHECK(Resources{Watts(0), mib(1), 1, "", 0}.check().error().where == "power");
  CHECK(Resources{Watts(10), mib(1), 0, "", 0}.check().error().where == "cores");
  CHECK(Resources{Watts(10), mib(1), 1, "", 1}.check().error().where == "accelerator");
  CHECK(Resources{Watts(10), mib(1), 1, "L4", 0}.check().error().where == "accelerators");
}

TEST_CASE("a flow that was only refused goes to control and back without a serving site") {
  SiteReport report;
  report.site = SiteId::of("bio1");
  Flow flow;
  flow.app = *AppKey::parse("a/b");
  flow.refused = 3;
  report.flows.push_back(flow);
  const auto back = from_json<SiteReport>(*parse_json(print_json(to_json(report))));
  REQUIRE_MESSAGE(back, back.error().text());
  CHECK(back->flows[0].served_by.empty());
  CHECK(back->flows[0].refused == 3);
}

}  // namespace barrio::model_test
