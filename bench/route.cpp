// What a routing decision costs at 100 sites x 1000 apps, warm (the same app again) and cold (apps at random, so that
// their loads are not in the cache), and how often it allocates. Compared with asking the nearest permitted site by
// distance alone.

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <new>

#include "base/check.h"
#include "decide/latency/path.h"
#include "decide/routing/choose.h"
#include "report.h"

namespace {
std::atomic<uint64_t> allocations = 0;
}

[[gnu::noinline]] void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace {

using namespace barrio;
using namespace barrio::decide;

constexpr size_t site_count = 100;
constexpr size_t app_count = 1000;
constexpr int decisions = 20'000;
constexpr int rounds = 20;
const Time start{1000s};

std::shared_ptr<Snapshot> spain(Rng& rng) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->network.paths = {
      .fibre_per_km = 4900ns, .stretch = 1.5, .access_fibre = 2ms, .access_5g = 10ms, .assumptions = {}};
  const char* areas[] = {"ES-MD", "ES-PV", "ES-CT", "ES-AN"};
  for (size_t i = 0; i < site_count; ++i) {
    Site site;
    site.id = SiteId::of("site" + std::to_string(i));
    site.owner = OperatorId::of("operator");
    site.jurisdiction = *Jurisdiction::parse(areas[rng.below(4)]);
    site.location = {36 + rng.unit() * 7, -9 + rng.unit() * 12};
    site.status = SiteStatus::active;
    snapshot->network.sites.push_back(std::move(site));
  }
  for (size_t i = 0; i < app_count; ++i) {
    App app;
    app.tenant = TenantId::of("tenant" + std::to_string(i % 50));
    app.spec.name = AppName::of("app" + std::to_string(i));
    app.spec.objective = {.latency = 200ms, .percentile = 99};
    app.spec.policy.jurisdictions = {*Jurisdiction::parse("ES")};
    // Everywhere: the most candidates that there can be.
    for (const Site& site : snapshot->network.sites) {
      snapshot->replicas.push_back({ReplicaId::of("r"), app.key(), site.id, ReplicaPhase::ready});
    }
    snapshot->apps.push_back(std::move(app));
  }
  return snapshot;
}

/// Of this thread: other programs on the machine do not count, though they do share its caches.
double cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// CPU nanoseconds per call of `decide(round's i)`, the best of the rounds.
template <class Decide>
double cost(Decide decide) {
  double best = 1e18;
  for (int round = 0; round < rounds; ++round) {
    const double from = cpu_ns();
    for (int i = 0; i < decisions; ++i) decide(i);
    best = std::min(best, (cpu_ns() - from) / decisions);
  }
  return best;
}

}  // namespace

int main() {
  Rng rng(1);
  const RoutingTable table(spain(rng));
  LoadView view(table, 0);
  for (size_t app = 0; app < app_count; ++app) {
    for (size_t site = 0; site < site_count; ++site) {
      view.reported(table, app, site,
                    {.ready = true, .waiting = rng.unit() * 3, .mean = 20ms, .p99 = 60ms, .samples = 100}, start);
    }
  }
  uint64_t sum = 0;  // so that nothing is optimised away
  const auto decide_for = [&](size_t app, int i) {
    const Ask ask{.app = app, .device = static_cast<uint64_t>(i), .now = start + Duration(i), .left = 600ms};
    sum += std::get<Choice>(choose(table, view, ask, rng)).site;
  };
  const auto nearest_for = [&](int) {
    size_t best = 0;
    table.app(0).permitted.each(
        [&](size_t site) { best = table.prior_rtt(3, site) < table.prior_rtt(3, best) ? site : best; });
    sum += best;
  };
  const double warm = cost([&](int i) { decide_for(7, i); });
  const double cold = cost([&](int i) { decide_for(rng.below(app_count), i); });
  const uint64_t before = allocations.load();
  for (int i = 0; i < decisions; ++i) decide_for(rng.below(app_count), i);
  const double allocated = static_cast<double>(allocations.load() - before) / decisions;
  const double nearest = cost([&](int i) {
                           if (i % 20 == 0) nearest_for(i);
                         }) *
                         20;

  bench::print_report("route", {},
                      {bench::figure("route_warm", warm, "ns", "lower", "nearest_by_distance"),
                       bench::figure("route_cold", cold, "ns", "lower", "nearest_by_distance"),
                       bench::figure("route_allocations", allocated, "allocations per decision", "lower"),
                       bench::figure("nearest_by_distance", nearest, "ns", "lower")});
  return sum == 0 ? 1 : 0;
}
