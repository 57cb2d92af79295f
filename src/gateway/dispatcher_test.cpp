#include <doctest/doctest.h>

#include "base/rng.h"
#include "decide/routing/world_test.h"
#include "gateway/dispatcher.h"

namespace barrio::gateway::dispatcher_test {
namespace {

using decide::test::app_named;
using decide::test::site_at;
using decide::test::start;

/// The gateway of "bio1" in the Basque Country, with Madrid and Barcelona as peers. "street": all Spain; "private":
/// ES-PV only.
struct World {
  Dispatcher dispatcher{SiteId::of("bio1"), 1};
  AppKey street{TenantId::of("acme"), AppName::of("street")};
  AppKey basque{TenantId::of("acme"), AppName::of("private")};
  AppKey catalan{TenantId::of("acme"), AppName::of("catalan")};

  World() {
    dispatcher.set_snapshot(decide::test::snapshot_of(
                                {site_at("bio1", -2.9, "ES-PV"), site_at("mad1", -3.7), site_at("bcn1", 2.2, "ES-CT")},
                                {app_named("street"), app_named("private", "ES-PV"), app_named("catalan", "ES-CT")}),
                            start);
  }
  void run_here(std::vector<AppKey> apps) {
    std::vector<ports::WorkloadStatus> statuses;
    for (const AppKey& app : apps) {
      ports::WorkloadStatus status;
      status.app = app;
      status.report.id = replica_id(app, SiteId::of("bio1"), 0);
      status.report.phase = ReplicaPhase::ready;
      status.endpoint = "unix:/run/" + app.name.str();
      statuses.push_back(status);
    }
    dispatcher.set_local(statuses, start);
  }
  Decision arrive(const AppKey& app, bool forwarded = false) {
    return dispatcher.arrived({.app = &app, .device = 1, .forwarded = forwarded, .first_byte = start, .deadline = {}},
                              start);
  }
};

std::string what(const Decision& decision) {
  if (const auto* local = std::get_if<Local>(&decision.act)) return "local " + std::string(local->endpoint);
  if (const auto* forward = std::get_if<Forward>(&decision.act)) return "forward " + forward->site.str();
  const auto& no = std::get<Refuse>(decision.act);
  return "refuse " + std::to_string(no.status) + " " + to_name(no.refusal.reason);
}

TEST_CASE("a request is served here when the app is ready here, and elsewhere when it is not") {
  World w;
  CHECK(what(w.arrive(w.street)) == "forward mad1");
  w.run_here({w.street});
  CHECK(what(w.arrive(w.street)) == "local unix:/run/street");
}

TEST_CASE("what the way to a replica takes is taken off its time, less the engine's margin and a sixteenth at most") {
  World w;
  w.run_here({w.street});
  const auto answer_after = [&](std::optional<Duration> way) {
    const Decision decision = w.arrive(w.street);
    Timings timings{.queue = 0ms, .compute = 5ms, .waiting = {}};
    timings.way = way;
    w.dispatcher.answered(decision.ticket, timings, start);
    const auto& local = std::get<Local>(decision.act);
    return std::pair(local.way, decision.deadline - start);
  };
  CHECK(answer_after({}).first == 0ms);
  CHECK(answer_after(1250us).first == 0ms);
  CHECK(answer_after(1250us).first == 1ms);
  const Decision declined = w.arrive(w.street);
  Timings of_declined{.queue = {}, .compute = 0ms, .waiting = {}};
  of_declined.way = 5ms;
  w.dispatcher.heard(declined.ticket, of_declined, start);
  w.dispatcher.abandoned(declined.ticket, start);
  CHECK(answer_after(100us).first == 1ms);
  for (int i = 0; i < 1000; ++i) answer_after(60s);
  const auto [way, left] = answer_after(60s);
  CHECK(way == left / 16);
}

TEST_CASE("an unknown app is refused with the tenant's nearest one") {
  World w;
  const Decision decision = w.arrive({TenantId::of("acme"), AppName::of("stret")});
  CHECK(what(decision) == "refuse 404 unknown_app");
  CHECK(std::get<Refuse>(decision.act).refusal.nearest.find("street") != std::string::npos);
  CHECK(what(w.arrive({TenantId::of("other"), AppName::of("street")})) == "refuse 404 unknown_app");
}

TEST_CASE("an app whose policy excludes this site is refused here, with a permitted site as the nearest") {
  World w;
  const Decision decision = w.arrive(w.catalan);
  CHECK(what(decision) == "refuse 421 policy");
  CHECK(std::get<Refuse>(decision.act).refusal.nearest.find("bcn1") != std::string::npos);
}

TEST_CASE("an app that may only be processed here is never sent elsewhere, whatever fails") {
  World w;
  CHECK(what(w.arrive(w.basque)) == "refuse 503 unavailable");
  w.run_here({w.basque});
  const Decision first = w.arrive(w.basque);
  CHECK(what(first) == "local unix:/run/private");
  const Decision second = w.dispatcher.failed(first.ticket, Failure::broken, true, start + 1ms);
  CHECK(what(second) == "refuse 503 unavailable");
  CHECK(std::get<Refuse>(second.act).refusal.detail.find("ES-PV") != std::string::npos);
}

TEST_CASE("a request is retried once, on the next best site, and then refused") {
  World w;
  w.run_here({w.street});
  const Decision first = w.arrive(w.street);
  const Decision second = w.dispatcher.failed(first.ticket, Failure::broken, true, start + 1ms);
  CHECK(what(second) == "forward mad1");
  CHECK(what(w.dispatcher.failed(second.ticket, Failure::connect, false, start + 2ms)) == "refuse 503 unavailable");
  // What failed is not asked at once again.
  CHECK(what(w.dispatcher.arrived({.app = &w.street, .device = 1, .first_byte = start + 3ms, .deadline = {}},
                                  start + 3ms)) == "forward bcn1");
}

TEST_CASE("a refused connection puts a peer out until a ping succeeds") {
  World w;
  w.dispatcher.failed(w.arrive(w.street).ticket, Failure::connect, false, start);
  CHECK(!w.dispatcher.up(SiteId::of("mad1"), start + 1h));
  w.dispatcher.peer_load(SiteId::of("mad1"), {.site = SiteId::of("mad1"), .apps = {}}, 5ms, start + 1s);
  CHECK(w.dispatcher.up(SiteId::of("mad1"), start + 1s));
}

TEST_CASE("a site that the snapshot does not have is unknown: its word changes nothing") {
  World w;
  const SiteId stranger = SiteId::of("aaa1");
  LoadReport report{.site = stranger, .apps = {}};
  report.apps.push_back({.app = w.street, .ready = true});
  w.dispatcher.peer_load(stranger, report, 1ms, start);
  w.dispatcher.peer_failed(stranger, start);
  CHECK_FALSE(w.dispatcher.up(stranger, start));
  CHECK(w.dispatcher.find_site(stranger) == nullptr);
  CHECK(what(w.arrive(w.street)) == "forward mad1");
}

TEST_CASE("sites added at any place of the network, under way too, move no route and no measurement") {
  std::vector<Site> sites = {site_at("bio1", -2.9, "ES-PV"), site_at("mad1", -3.7), site_at("bcn1", 2.2, "ES-CT")};
  const std::vector<App> apps = {app_named("street"), app_named("private", "ES-PV"), app_named("catalan", "ES-CT")};
  Rng rng(7);
  World w;
  for (const char* site : {"mad1", "bcn1"}) {
    const LoadReport report{.site = SiteId::of(site), .apps = {{.app = w.street, .ready = true}}};
    w.dispatcher.peer_load(report.site, report, site == std::string("mad1") ? 5ms : 17ms, start);
  }
  while (sites.size() < max_sites) {
    const Decision open = w.arrive(w.street);
    REQUIRE(what(open) == "forward mad1");
    Site added = site_at("n" + std::to_string(sites.size()), 4);
    added.status = SiteStatus::planned;
    const auto place = sites.begin() + static_cast<std::ptrdiff_t>(rng.below(sites.size() + 1));
    sites.insert(place, added);
    w.dispatcher.set_snapshot(decide::test::snapshot_of(sites, apps), start);
    CHECK(w.dispatcher.rtt(SiteId::of("mad1")) == 5ms);
    CHECK(w.dispatcher.rtt(SiteId::of("bcn1")) == 17ms);
    w.dispatcher.answered(open.ticket, {}, start + 20ms);
    CHECK(what(w.arrive(w.catalan)) == "refuse 421 policy");
  }
}

TEST_CASE("a peer that answers that it cannot is passed over, but stays a peer") {
  World w;
  const Decision second = w.dispatcher.failed(w.arrive(w.street).ticket, Failure::refused, true, start);
  CHECK(what(second) == "forward bcn1");
  CHECK(w.dispatcher.up(SiteId::of("mad1"), start));
}

TEST_CASE("a replica that declines for want of time is passed over, neither blamed nor ejected") {
  World w;
  w.run_here({w.street, w.basque});
  for (int i = 0; i < 10; ++i) {
    const Decision first = w.arrive(w.street);
    REQUIRE(what(first) == "local unix:/run/street");
    const Decision second = w.dispatcher.failed(first.ticket, Failure::declined, false, start);
    if (std::holds_alternative<Refuse>(second.act)) {
      // The retry budget is used up.
      CHECK(what(second) == "refuse 429 overloaded");
    } else {
      CHECK(what(second) == "forward mad1");
      CHECK(what(w.dispatcher.failed(second.ticket, Failure::declined, false, start)) == "refuse 429 overloaded");
    }
  }
  CHECK(w.dispatcher.ejections() == 0);
  const Decision nowhere_else = w.dispatcher.failed(w.arrive(w.basque).ticket, Failure::declined, false, start);
  CHECK(what(nowhere_else) == "refuse 429 overloaded");
}

TEST_CASE("a client's short deadline that runs out blames nobody; silence for long does") {
  World w;
  const auto times_out = [&](Time sent, Duration after) {
    const Decision asked =
        w.dispatcher.arrived({.app = &w.street, .device = 1, .first_byte = sent, .deadline = sent + after}, sent);
    const std::string first = what(asked);
    CHECK(what(w.dispatcher.failed(asked.ticket, Failure::timed_out, true, sent + after)) == "refuse 504 objective");
    return first;
  };
  SUBCASE("of a replica here") {
    w.run_here({w.street});
    for (int i = 0; i < 10; ++i) CHECK(times_out(start + i * 10ms, 20ms) == "local unix:/run/street");
    CHECK(w.dispatcher.ejections() == 0);
    CHECK(times_out(start + 200ms, 200ms) == "local unix:/run/street");  // it has been silent since the start
    CHECK(w.dispatcher.ejections() == 1);
    CHECK(times_out(start + 401ms, 20ms) == "forward mad1");
  }
  SUBCASE("of a replica here that answers others meanwhile") {
    w.run_here({w.street});
    for (int i = 0; i < 100; ++i) {
      const Time now = start + i * 20ms;
      const Decision served =
          w.dispatcher.arrived({.app = &w.street, .device = 1, .first_byte = now, .deadline = {}}, now);
      w.dispatcher.answered(served.ticket, {}, now + 5ms);
      CHECK(times_out(now + 6ms, 10ms) == "local unix:/run/street");
    }
    CHECK(w.dispatcher.ejections() == 0);
  }
  SUBCASE("of a peer") {
    for (int i = 0; i < 10; ++i) CHECK(times_out(start + i * 30ms, 20ms) == "forward mad1");
    CHECK(w.dispatcher.up(SiteId::of("mad1"), start + 330ms));
    CHECK(times_out(start + 400ms, 590ms) == "forward mad1");
    CHECK(times_out(start + 1000ms, 20ms) == "forward bcn1");
  }
}

TEST_CASE("requests that take too long, all of their time, shut nobody off where nothing else could serve") {
  World w;
  const auto times_out = [&](const AppKey& app, Time sent) {
    const Decision asked = w.dispatcher.arrived({.app = &app, .device = 1, .first_byte = sent}, sent);
    const std::string first = what(asked);
    w.dispatcher.failed(asked.ticket, Failure::timed_out, true, asked.deadline);
    return first;
  };
  const auto ask = [&](const AppKey& app, Time now, bool forwarded = false) {
    return what(w.dispatcher.arrived({.app = &app, .device = 1, .forwarded = forwarded, .first_byte = now}, now));
  };
  const auto peers_serve = [&](bool mad1, Time now) {
    for (const auto& [site, ready] : {std::pair("mad1", mad1), std::pair("bcn1", false)}) {
      const LoadReport report{.site = SiteId::of(site), .apps = {{.app = w.street, .ready = ready}}};
      w.dispatcher.peer_load(report.site, report, 5ms, now);
    }
  };
  SUBCASE("the only replica of an app") {
    w.run_here({w.basque});
    for (int i = 0; i < 5; ++i) CHECK(times_out(w.basque, start + i * 601ms) == "local unix:/run/private");
    CHECK(ask(w.basque, start + 3006ms) == "local unix:/run/private");
  }
  SUBCASE("the only replica of an app, for what another gateway forwards") {
    w.run_here({w.street});
    CHECK(times_out(w.street, start) == "local unix:/run/street");
    peers_serve(true, start + 590ms);
    CHECK(ask(w.street, start + 601ms) == "forward mad1");
    CHECK(ask(w.street, start + 601ms, true) == "refuse 503 unavailable");  // it knows other ways
    peers_serve(false, start + 602ms);
    CHECK(ask(w.street, start + 603ms) == "local unix:/run/street");
    CHECK(ask(w.street, start + 603ms, true) == "local unix:/run/street");
  }
  SUBCASE("a peer that speaks meanwhile") {
    peers_serve(true, start);
    for (int i = 0; i < 5; ++i) CHECK(times_out(w.street, start + i * 1ms) == "forward mad1");
    CHECK(w.dispatcher.up(SiteId::of("mad1"), start + 605ms));
    CHECK(ask(w.street, start + 605ms) == "forward mad1");
  }
  SUBCASE("but a peer that says nothing at all is found out") {
    peers_serve(true, start);
    for (int i = 0; i < 3; ++i) CHECK(times_out(w.street, start + 1s + i * 1ms) == "forward mad1");
    CHECK_FALSE(w.dispatcher.up(SiteId::of("mad1"), start + 1603ms));
    CHECK(ask(w.street, start + 1603ms) == "refuse 503 unavailable");
  }
}

TEST_CASE("where a crowd got no answer, two at a time are sent; the rest goes elsewhere or is refused at once") {
  World w;
  w.run_here({w.street, w.basque});
  const auto crowd_gets_nothing = [&](const AppKey& app) {
    std::vector<Decision> crowd;
    for (int i = 0; i < 5; ++i) {
      crowd.push_back(w.dispatcher.arrived({.app = &app, .device = 1, .forwarded = true, .first_byte = start}, start));
    }
    for (const Decision& one : crowd) w.dispatcher.failed(one.ticket, Failure::timed_out, true, start + 600ms);
  };
  Time now = start + 1200ms;
  const auto ask = [&](const AppKey& app, bool forwarded) {
    return w.dispatcher.arrived({.app = &app, .device = 1, .forwarded = forwarded, .first_byte = now}, now);
  };
  SUBCASE("the only one that may") {
    crowd_gets_nothing(w.basque);
    const Decision first = ask(w.basque, false);
    CHECK(what(first) == "local unix:/run/private");
    CHECK(what(ask(w.basque, false)) == "local unix:/run/private");
    CHECK(what(ask(w.basque, false)) == "refuse 429 overloaded");
    w.dispatcher.answered(first.ticket, {}, start + 1210ms);
    CHECK(what(ask(w.basque, false)) == "local unix:/run/private");
    CHECK(what(ask(w.basque, false)) == "local unix:/run/private");
    CHECK(what(ask(w.basque, false)) == "refuse 429 overloaded");
  }
  SUBCASE("one of three") {
    crowd_gets_nothing(w.street);
    CHECK(what(ask(w.street, false)) == "forward mad1");
    now = start + 15s;  // the others are not preferred any more
    CHECK(what(ask(w.street, true)) == "local unix:/run/street");
    CHECK(what(ask(w.street, true)) == "local unix:/run/street");
    CHECK(what(ask(w.street, true)) == "refuse 429 overloaded");
    for (int i = 0; i < 9; ++i) CHECK(what(ask(w.street, false)).starts_with("forward"));
  }
}

TEST_CASE("nothing is retried after the deadline of three objectives") {
  World w;
  w.run_here({w.street});
  const Decision first = w.arrive(w.street);
  CHECK(first.deadline == start + 600ms);
  CHECK(what(w.dispatcher.failed(first.ticket, Failure::broken, true, start + 600ms)) == "refuse 504 objective");
}

TEST_CASE("a forwarded request is served here or refused, never forwarded again") {
  World w;
  CHECK(what(w.arrive(w.street, true)) == "refuse 503 unavailable");
  w.run_here({w.street});
  CHECK(what(w.arrive(w.street, true)) == "local unix:/run/street");
}

TEST_CASE("answers are measured, shown as flows and reported to peers") {
  World w;
  w.run_here({w.street});
  const DeviceLocation vigo{.place = "Vigo", .location = {42.2, -8.7}, .access = Access::nr5g, .jurisdiction = {}};
  for (int i = 0; i < 200; ++i) {
    const Decision decision = w.dispatcher.arrived(
        {.app = &w.street, .device = 1, .location = &vigo, .first_byte = start, .deadline = {}}, start);
    const Served served =
        w.dispatcher.answered(decision.ticket, {.queue = 1ms, .compute = 40ms, .waiting = 0}, start + 45ms);
    CHECK(served.by.str() == "bio1");
    CHECK(!served.late);
  }
  const auto flows = w.dispatcher.flows(start + 50ms);
  REQUIRE(flows.size() == 1);
  CHECK(flows[0].place == "Vigo");
  CHECK(flows[0].answered == 200);
  CHECK(flows[0].compute.p50_ms == doctest::Approx(40));
  CHECK(flows[0].total.p99_ms > 45 + 10);
  const LoadReport report = w.dispatcher.load_report(start + 50ms);
  REQUIRE(report.apps.size() == 1);
  CHECK(report.apps[0].samples == 200);
  CHECK(report.apps[0].service_mean_ms == doctest::Approx(40).epsilon(0.1));
}

TEST_CASE(
    "an app without a replica while nobody asks tells when to come again, and that it was asked is told to control") {
  App sleeper = app_named("sleeper");
  sleeper.spec.scale = ScaleSpec{.most = {}, .idle = 60s, .warm_up = 2500ms};
  const AppKey key = sleeper.key();
  Dispatcher dispatcher{SiteId::of("bio1"), 1};
  Snapshot snapshot = *decide::test::snapshot_of({site_at("bio1", -2.9, "ES-PV")}, {sleeper});
  snapshot.replicas.clear();
  dispatcher.set_snapshot(std::make_shared<const Snapshot>(snapshot), start);
  const Arrival arrival{.app = &key, .device = 1, .first_byte = start};
  const Decision refused = dispatcher.arrived(arrival, start);
  REQUIRE(what(refused) == "refuse 503 unavailable");
  CHECK(std::get<Refuse>(refused.act).retry_after == 2500ms);
  CHECK(std::get<Refuse>(refused.act).refusal.nearest == "the same request in 2500ms");
  std::optional<Refusal> none;
  CHECK(dispatcher.ranked(key, 1, nullptr, start, none).empty());
  REQUIRE(dispatcher.flows(start + 1s).size() == 1);
  CHECK(dispatcher.flows(start + 1s)[0].offered_2s == doctest::Approx(1));  // both, in two seconds
  // One that has failed is not asleep.
  snapshot.replicas = {{replica_id(key, SiteId::of("bio1"), 0), key, SiteId::of("bio1"), ReplicaPhase::failed}};
  dispatcher.set_snapshot(std::make_shared<const Snapshot>(snapshot), start);
  CHECK(std::get<Refuse>(dispatcher.arrived(arrival, start).act).retry_after == 0s);
}

TEST_CASE("what may not be repeated is sent twice only if it was not sent") {
  World w;
  w.run_here({w.street});
  const Arrival post{.app = &w.street, .device = 1, .repeatable = false, .first_byte = start};
  const Decision sent = w.dispatcher.arrived(post, start);
  CHECK(what(w.dispatcher.failed(sent.ticket, Failure::broken, true, start + 1ms)) == "refuse 502 unavailable");
  World fresh;
  fresh.run_here({fresh.street});
  const Decision unsent = fresh.dispatcher.arrived(post, start);
  CHECK(what(fresh.dispatcher.failed(unsent.ticket, Failure::connect, false, start + 1ms)) == "forward mad1");
}

TEST_CASE("a client shortens the deadline, and cannot lengthen it") {
  World w;
  w.run_here({w.street});
  const auto deadline = [&](Time asked) {
    return w.dispatcher.arrived({.app = &w.street, .device = 1, .first_byte = start, .deadline = asked}, start)
        .deadline;
  };
  CHECK(deadline(start + 50ms) == start + 50ms);
  CHECK(deadline(start + 1h) == start + 600ms);
  const Decision late =
      w.dispatcher.arrived({.app = &w.street, .device = 1, .first_byte = start, .deadline = start}, start);
  CHECK(what(late) == "refuse 504 objective");
  CHECK(std::get<Refuse>(late.act).refusal.detail == "no time is left of the request's");
}

TEST_CASE("an outage is not doubled by retries: over the app's budget a failure is told at once") {
  World w;
  int retried = 0;
  int told = 0;
  for (int i = 0; i < 1000; ++i) {
    w.run_here({w.street});
    const Decision first = w.arrive(w.street);
    if (what(first).starts_with("refuse")) continue;
    const Decision second = w.dispatcher.failed(first.ticket, Failure::refused, false, start);
    if (second.ticket == 0) {
      CHECK(what(second) == "refuse 503 overloaded");
      told += std::get<Refuse>(second.act).refusal.detail.find("retry budget") != std::string::npos ? 1 : 0;
      continue;
    }
    ++retried;
    w.dispatcher.failed(second.ticket, Failure::refused, false, start);
  }
  CHECK(retried >= 200);
  CHECK(retried <= 230);
  CHECK(told == 1000 - retried);
}

TEST_CASE(
    "a site whose app answers with errors loses its requests to a healthy one, and is still used where it is the only "
    "one") {
  World w;
  w.run_here({w.street, w.basque});
  for (const AppKey* app : {&w.street, &w.basque}) {
    for (int i = 0; i < 3; ++i) {
      const Decision decision = w.arrive(*app);
      if (!std::holds_alternative<Local>(decision.act)) continue;
      Timings timings;
      timings.compute = 1ms;
      timings.failed = true;
      w.dispatcher.answered(decision.ticket, timings, start + 1ms);
    }
  }
  CHECK(what(w.arrive(w.street)) == "forward mad1");
  CHECK(what(w.arrive(w.basque)) == "local unix:/run/private");
  // The quick errors are no samples of its speed.
  for (const AppLoadReport& load : w.dispatcher.load_report(start + 2ms).apps) CHECK(load.samples == 0);
}

TEST_CASE("of two replicas here, the one that fails is retried on the other") {
  World w;
  std::vector<ports::WorkloadStatus> statuses;
  for (int i = 0; i < 2; ++i) {
    ports::WorkloadStatus status;
    status.app = w.street;
    status.report.id = replica_id(w.street, SiteId::of("bio1"), i);
    status.report.phase = ReplicaPhase::ready;
    status.endpoint = "unix:/run/" + std::to_string(i);
    statuses.push_back(status);
  }
  w.dispatcher.set_local(statuses, start);
  const Decision first = w.arrive(w.street);
  const std::string before = what(first);
  const Decision second = w.dispatcher.failed(first.ticket, Failure::broken, true, start + 1ms);
  CHECK(what(second).starts_with("local"));
  CHECK(what(second) != before);
}

}  // namespace
}  // namespace barrio::gateway::dispatcher_test
