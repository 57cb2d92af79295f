#include "agent/snapshot_text.h"

#include <doctest/doctest.h>

#include "agent/disk_format.h"

namespace barrio::agent::snapshot_text_test {

TEST_CASE("a snapshot's text is the same whether parts of it were printed before or not") {
  SnapshotText text;
  Snapshot snapshot;
  const auto check = [&] { CHECK(text.of(std::make_shared<const Snapshot>(snapshot)) == to_disk_text(snapshot)); };
  check();
  snapshot.version = 7;
  check();
  snapshot.network.name = "spain";
  snapshot.network.sites.emplace_back().id = SiteId::of("bio1");
  snapshot.network.sites.emplace_back().id = SiteId::of("mad1");
  check();
  snapshot.network.sites[1].power.cap = Watts(5);
  check();
  snapshot.network.sites[1].power.cap = Watts(6);
  check();
  snapshot.network.sites[1].power.cap.reset();
  check();
  snapshot.network.sites[0].racks.emplace().emplace_back().accelerators.push_back({"L4", 1, Watts(72), gib(24)});
  check();
  (*snapshot.network.sites[0].racks)[0].accelerators[0].count = 2;
  check();
  snapshot.apps.emplace_back().tenant = TenantId::of("t");
  check();
  snapshot.apps[0].spec.policy.jurisdictions = {*Jurisdiction::parse("ES")};
  check();
  snapshot.gateways["bio1"] = "a:1";
  check();
  snapshot.gateways["bio1"] = "a:2";
  check();
  snapshot.gateways.clear();
  snapshot.replicas.push_back({.id = ReplicaId::of("r"), .app = {}, .site = SiteId::of("bio1")});
  check();
  snapshot.replicas[0].phase = ReplicaPhase::ready;
  check();
  check();
}

}  // namespace barrio::agent::snapshot_text_test
