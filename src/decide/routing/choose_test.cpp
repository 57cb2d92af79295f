#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "decide/residency/residency.h"
#include "decide/routing/world_test.h"

namespace barrio::decide::choose_test {
namespace {

using namespace test;

/// Three sites 0, 170 and 600 km away; this worker runs at "near".
struct World {
  RoutingTable table{snapshot_of({site_at("near", -3.7), site_at("middle", -1.7), site_at("far", 3.3, "ES-CT")},
                                 {app_named("street"), app_named("local", "ES-MD")})};
  LoadView view{table, 0};
  Rng rng{7};

  Ask ask(Time now, uint64_t device = 1) const { return {.app = 0, .device = device, .now = now, .left = 1s}; }
  std::string choice(const Ask& ask) {
    const Routed routed = choose(table, view, ask, rng);
    const auto* chosen = std::get_if<Choice>(&routed);
    return chosen != nullptr ? table.site(chosen->site).id.str() : to_name(std::get<Refusal>(routed).reason);
  }
};

TEST_CASE("before anything is measured, the nearest ready site is chosen") {
  World w;
  CHECK(w.choice(w.ask(start)) == "near");
}

TEST_CASE("a draining site is chosen only where no other can be") {
  World w;
  auto snapshot = std::make_shared<Snapshot>(w.table.snapshot());
  snapshot->network.sites[0].status = SiteStatus::draining;
  const RoutingTable table(snapshot);
  LoadView view(table, 0);
  const auto chosen = [&](size_t app, Time now) {
    const Ask ask{.app = app, .device = 1, .now = now, .left = 1s};
    const Routed routed = choose(table, view, ask, w.rng);
    return table.site(std::get<Choice>(routed).site).id.str();
  };
  CHECK(chosen(0, start) == "middle");
  CHECK(served_elsewhere(table, view, 0, start));
  view.set_ready(1, 1, false, start);
  CHECK(chosen(1, start) == "near");  // nobody else runs it
  CHECK_FALSE(served_elsewhere(table, view, 1, start));
  CHECK(table.site(rank(table, view, 0, 1, nullptr, start).front().site).id.str() == "middle");
  view.site_out(1);
  view.set_ready(0, 2, false, start);
  CHECK(chosen(0, start) == "near");
  CHECK_FALSE(served_elsewhere(table, view, 0, start));
}

TEST_CASE("a near busy site loses to a far idle one") {
  World w;
  w.view.reported(w.table, 0, 0, load_of(20ms, 3), start);
  w.view.reported(w.table, 0, 1, load_of(20ms, 2), start);
  w.view.reported(w.table, 0, 2, load_of(20ms, 0), start);
  CHECK(w.choice(w.ask(start)) == "far");
  // The report of waiting requests fades.
  CHECK(w.choice(w.ask(start + waiting_lifetime)) == "near");
}

TEST_CASE("what this worker has in flight counts as waiting until the next report") {
  World w;
  for (size_t i = 0; i < 3; ++i) w.view.reported(w.table, 0, i, load_of(20ms), start);
  w.view.sent(0, 0);
  CHECK(w.choice(w.ask(start)) == "middle");
  w.view.finished(0, 0);
  CHECK(w.choice(w.ask(start)) == "near");
}

TEST_CASE("a site that is out is not chosen, and its devices come back one by one") {
  World w;
  w.view.site_up(1, start);
  Ask ask = w.ask(start);
  ask.tried = SiteSet::of(0);
  CHECK(w.choice(ask) == "middle");
  w.view.site_out(1);
  CHECK(w.choice(ask) == "far");
  w.view.site_up(1, start);
  int back_at_once = 0;
  int back_half_way = 0;
  for (uint64_t device = 0; device < 1000; ++device) {
    ask.device = device;
    ask.now = start;
    back_at_once += w.choice(ask) == "middle" ? 1 : 0;
    ask.now = start + return_window / 2;
    back_half_way += w.choice(ask) == "middle" ? 1 : 0;
    ask.now = start + return_window;
    CHECK(w.choice(ask) == "middle");
  }
  CHECK(back_at_once < 10);
  CHECK(back_half_way > 400);
  CHECK(back_half_way < 600);
}

TEST_CASE("a site that is back and is the only permitted one serves at once") {
  World w;
  w.view.site_up(1, start);
  w.view.site_out(1);
  w.view.site_up(1, start);
  Ask ask = w.ask(start);
  ask.tried = SiteSet::of(0) | SiteSet::of(2);
  CHECK(w.choice(ask) == "middle");
}

TEST_CASE("an app that was unready and is ready again comes back through the return window too") {
  World w;
  w.view.set_ready(0, 0, true, start);
  CHECK(w.choice(w.ask(start)) == "near");
  w.view.set_ready(0, 0, false, start);
  CHECK(w.choice(w.ask(start)) == "middle");
  w.view.set_ready(0, 0, true, start + 1s);
  CHECK(w.choice(w.ask(start + 1s)) == "middle");
  CHECK(w.choice(w.ask(start + 1s + return_window)) == "near");
}

TEST_CASE("a site seen for the first time needs no return window") {
  World w;
  w.view.site_out(1);
  w.view.site_up(1, start);
  Ask ask = w.ask(start);
  ask.tried = SiteSet::of(0);
  CHECK(w.choice(ask) == "middle");
}

TEST_CASE("failures weigh on a site, three in a row put it out, and the weight fades") {
  World w;
  Ask ask = w.ask(start);
  ask.tried = SiteSet::of(0);
  w.view.site_failed(1, start);
  CHECK(w.choice(ask) == "far");
  ask.now = start + penalty_lifetime;
  CHECK(w.choice(ask) == "middle");
  w.view.site_failed(1, start);
  w.view.site_failed(1, start);
  CHECK(w.choice(ask) == "far");
}

TEST_CASE("an app that failed on a site is left alone there for a while that doubles") {
  World w;
  w.view.app_failed(0, 0, start);
  CHECK(w.choice(w.ask(start)) == "middle");
  CHECK(w.view.load(0, 0).back_at == start + 500ms);
  w.view.app_failed(0, 0, start);
  CHECK(w.view.load(0, 0).back_at == start + 1s);
}

TEST_CASE("an app that failed everywhere is asked all the same; what was forwarded only where nobody else is left") {
  World w;
  Ask here = w.ask(start);
  here.here_only = true;
  w.view.app_failed(0, 0, start);
  CHECK(w.choice(here) == "unavailable");
  for (const size_t site : {1, 2}) w.view.app_failed(0, site, start);
  CHECK(w.choice(w.ask(start)) == "near");
  CHECK(w.choice(here) == "near");
  w.view.site_out(1);
  Ask elsewhere = w.ask(start);
  elsewhere.tried = SiteSet::of(0) | SiteSet::of(2);
  CHECK(w.choice(elsewhere) == "unavailable");
}

TEST_CASE("a probable miss is sent all the same; only a round trip that is too long is refused") {
  World w;
  Ask ask = w.ask(start);
  ask.left = 3ms;
  CHECK(w.choice(ask) == "near");
  ask.tried = SiteSet::of(0) | SiteSet::of(1);
  CHECK(w.choice(ask) == "objective");
}

TEST_CASE("a refusal names the policy, what it permits and what would work") {
  World w;
  for (size_t i = 1; i < 2; ++i) w.view.site_out(i);
  w.view.set_ready(1, 0, false, start);
  Ask ask = w.ask(start);
  ask.app = 1;
  const Routed routed = choose(w.table, w.view, ask, w.rng);
  const Refusal& refusal = std::get<Refusal>(routed);
  CHECK(refusal.reason == RefusalReason::unavailable);
  CHECK(refusal.detail.find("ES-MD") != std::string::npos);
  CHECK(refusal.detail.find("near") != std::string::npos);
  CHECK(refusal.nearest.find("ES-CT") != std::string::npos);
  const Refusal entry = explain_entry(w.table, w.view, 1, 2, start);
  CHECK(entry.reason == RefusalReason::policy);
  CHECK(entry.nearest.find("middle") != std::string::npos);
}

TEST_CASE("discovery ranks by the time from the device, not from here") {
  World w;
  const DeviceLocation device{.place = "Palma", .location = {40, 3.3}, .access = Access::nr5g, .jurisdiction = {}};
  const auto ranked = rank(w.table, w.view, 0, 1, &device, start);
  REQUIRE(ranked.size() == 3);
  CHECK(w.table.site(ranked[0].site).id.str() == "far");
  CHECK(to_ms(ranked[0].predicted) == doctest::Approx(10 + 50).epsilon(0.01));  // 5G access + a quarter of 200 ms
}

TEST_CASE("a new snapshot keeps what was measured, by name and not by index") {
  World w;
  w.view.site_rtt(2, 1ms);
  w.view.reported(w.table, 0, 2, load_of(5ms), start);
  const RoutingTable fresh(snapshot_of({site_at("far", 3.3, "ES-CT"), site_at("near", -3.7)}, {app_named("street")}));
  const LoadView view = w.view.next(w.table, fresh, 1);
  CHECK(view.site(0).rtt_ms == doctest::Approx(1));
  CHECK(view.load(0, 0).mean_ms == doctest::Approx(5));
  CHECK(view.app(0).reported.has(0));
}

TEST_CASE(
    "for all networks, policies and loads: never a forbidden, unready, tried or absent site, and the best of the "
    "rest") {
  const bool holds = rc::check([] {
    const std::vector<std::string> areas = {"ES-MD", "ES-PV", "ES-CT", "PT", "FR"};
    const size_t count = *rc::gen::inRange<size_t>(1, 128);
    std::vector<Site> sites;
    for (size_t i = 0; i < count; ++i) {
      sites.push_back(site_at("s" + std::to_string(i), *rc::gen::inRange(-9, 4), *rc::gen::elementOf(areas)));
      sites.back().status = *rc::gen::element(SiteStatus::active, SiteStatus::draining, SiteStatus::planned);
    }
    auto snapshot = snapshot_of(sites, {app_named("a", *rc::gen::element<std::string>("ES", "ES-PV", "PT"))});
    std::erase_if(snapshot->replicas, [](const Replica&) { return *rc::gen::inRange(0, 4) == 0; });
    const RoutingTable table(snapshot);
    LoadView view(table, *rc::gen::inRange<size_t>(0, count));
    Ask ask{.app = 0, .device = 5, .now = start, .left = 1s};
    SiteSet out;
    for (size_t i = 0; i < count; ++i) {
      const int fate = *rc::gen::inRange(0, 6);
      if (fate == 0) ask.tried.add(i);
      if (fate == 1 && i != view.self()) {
        view.site_out(i);
        out.add(i);
      }
      if (fate == 2) view.waiting(0, i, *rc::gen::inRange(0, 9), start);
    }
    Rng rng(*rc::gen::arbitrary<uint64_t>());
    const Routed routed = choose(table, view, ask, rng);
    const auto fits = [&](size_t i) {
      const bool ready =
          std::ranges::any_of(snapshot->replicas, [&](const Replica& r) { return r.site == table.site(i).id; });
      const bool serves = table.site(i).status != SiteStatus::planned;
      return serves && ready && !ask.tried.has(i) && !out.has(i) &&
             permits(snapshot->apps[0].spec.policy, table.site(i)).permitted;
    };
    const auto predicted = [&](size_t i) {
      return static_cast<double>(view.site(i).rtt_ms) + static_cast<double>(view.load(0, i).waiting) * 25 + 50;
    };
    const auto drains = [&](size_t i) { return table.site(i).status == SiteStatus::draining; };
    if (const auto* chosen = std::get_if<Choice>(&routed)) {
      RC_ASSERT(fits(chosen->site));
      for (size_t i = 0; i < count; ++i) {
        if (!fits(i)) continue;
        RC_ASSERT(drains(i) || !drains(chosen->site));
        if (drains(i) == drains(chosen->site)) RC_ASSERT(predicted(chosen->site) <= predicted(i) + 0.501);
      }
    } else {
      for (size_t i = 0; i < count; ++i) RC_ASSERT(!fits(i));
    }
  });
  CHECK(holds);
}

}  // namespace
}  // namespace barrio::decide::choose_test
