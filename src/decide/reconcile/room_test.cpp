#include "decide/reconcile/room.h"

#include <doctest/doctest.h>

namespace barrio::decide::room_test {

namespace {

Site bilbao() {
  Site site;
  site.id = SiteId::of("bio1");
  site.power.budget = Watts(600);
  site.power.pue = 1.5;
  site.servers = {8, gib(8), gib(64)};
  site.accelerators = {{"L4", 1, Watts(72), gib(24)}, {"H100", 1, Watts(700), gib(80)}};
  site.accelerators[1].mig = true;
  return site;
}

Resources needs(int64_t watts, double cores = 1) {
  Resources needs;
  needs.power = Watts(watts);
  needs.cores = cores;
  return needs;
}

const ReplicaId a = ReplicaId::of("a");
const ReplicaId b = ReplicaId::of("b");

}  // namespace

TEST_CASE("a site admits what it has room for, to the last watt, core and byte") {
  SiteRoom room(bilbao());
  CHECK(room.admits(a, needs(400, 8)));
  CHECK(!room.admits(a, needs(401)));
  CHECK(!room.admits(a, needs(1, 8.001)));
  room.take(a, needs(300, 4));
  CHECK(room.admits(b, needs(100, 4)));
  CHECK(!room.admits(b, needs(101, 4)));
  CHECK(!room.admits(b, needs(100, 4.5)));
  room.free(a);
  CHECK(room.admits(b, needs(400)));
  Resources large = needs(1);
  large.storage = gib(65);
  CHECK(!room.admits(b, large));
  large.storage = gib(64);
  CHECK(room.admits(b, large));
  large.memory = gib(9);
  CHECK(!room.admits(b, large));
}

TEST_CASE("a replica may be replaced by one that takes no more, even where others have too much already") {
  Site site = bilbao();
  SiteRoom room(site);
  room.take(a, needs(200));
  room.take(b, needs(190));
  CHECK(room.admits(a, needs(210)));
  CHECK(!room.admits(a, needs(211)));
  site.power.cap = Watts(450);  // 300 W for machines
  SiteRoom capped(site);
  capped.take(a, needs(200));
  capped.take(b, needs(190));
  CHECK(capped.admits(a, needs(200)));
  CHECK(!capped.admits(a, needs(201)));
  CHECK(!capped.admits(ReplicaId::of("c"), needs(1)));
}

TEST_CASE(
    "a rack and a feeder admit what they have room for, and a replica of no known rack counts at the site alone") {
  Site site = bilbao();
  site.accelerators.clear();
  site.feeders = {{"a", {.nominal = Watts(300), .redundancy = Redundancy{.units = 3, .spare = 1}}}};
  site.racks = {{"r1", "a", {.nominal = Watts(150)}, {}, {4, gib(4), gib(32)}},
                {"r2", "a", {.nominal = Watts(150)}, {}, {2, gib(2), gib(16)}},
                {"r3", "", {.nominal = Watts(400)}, {}, {2, gib(2), gib(16)}}};
  REQUIRE(site.check());
  SiteRoom room(site);
  CHECK(room.admits(a, needs(150, 4), "r1"));
  CHECK(!room.admits(a, needs(151), "r1"));
  CHECK(!room.admits(a, needs(100, 3), "r2"));
  room.take(a, needs(120), "r1");
  CHECK(!room.admits(b, needs(31), "r1"));
  CHECK(room.admits(b, needs(80), "r2"));
  CHECK(!room.admits(b, needs(81), "r2"));  // the feeder has 200 W while one of its three units may fail
  CHECK(room.admits(b, needs(280), "r3"));
  CHECK(!room.admits(b, needs(281), "r3"));
  CHECK(room.admits(b, needs(280, 7)));
  CHECK(room.admits(a, needs(120), "r1"));
  room.free(a);
  CHECK(room.admits(b, needs(150), "r2"));
}

TEST_CASE("while a replica is replaced, each resource counts at its largest") {
  SiteRoom room(bilbao());
  room.take(a, needs(300, 1));
  room.take(a, needs(100, 6));
  CHECK(room.admits(b, needs(100, 2)));
  CHECK(!room.admits(b, needs(101, 2)));
  CHECK(!room.admits(b, needs(100, 3)));
}

TEST_CASE("accelerators count by model: whole ones, and the memory of those that are given out in slices") {
  SiteRoom room(bilbao());
  Resources whole = needs(1);
  whole.accelerator = "L4";
  whole.accelerators = 1;
  CHECK(room.admits(a, whole));
  room.take(a, whole);
  CHECK(!room.admits(b, whole));
  Resources half = needs(1);
  half.accelerator = "H100";
  half.accelerators = 1;
  half.slice = "3g.40gb";
  CHECK(room.admits(b, half));
  room.take(b, half);
  CHECK(room.admits(ReplicaId::of("c"), half));
  room.take(ReplicaId::of("c"), half);
  half.slice = "1g.10gb";
  CHECK(!room.admits(ReplicaId::of("d"), half));
  half.accelerator = "unknown";
  CHECK(!room.admits(ReplicaId::of("d"), half));
}

}  // namespace barrio::decide::room_test
