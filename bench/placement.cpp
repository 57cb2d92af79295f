// How good, how fast and how tight placement is. `bench_placement [optimality|literature|speed|packing|failover]
// [instances] [seconds of cbc] [first seed]`; literature reads ../shared/data/orlib, or BARRIO_ORLIB.

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "decide/placement/book.h"
#include "decide/placement/moves.h"
#include "decide/placement/relaxation.h"
#include "decide/placement/search.h"
#include "placement_literature.h"
#include "placement_lp.h"
#include "placement_packing.h"
#include "report.h"
#include "sim/made_network.h"

namespace {

using namespace barrio;
using namespace barrio::bench;
using namespace barrio::decide;
using sim::MadeNetwork;
using sim::make_network;
using sim::NetworkShape;

constexpr uint64_t search_work = 10'000'000;  // of generated instances
constexpr uint64_t replan_work = 5'000'000;
constexpr uint64_t literature_work = 20'000'000;
constexpr int default_cbc_seconds = 60;

/// The processor's time, not the wall's: nothing here waits, and what else runs on the machine is not its own.
struct Clock {
  static double now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  }
};

double ms_since(double start) {
  return Clock::now() - start;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? -1 : sum / static_cast<double>(values.size());
}

void add_gaps(JsonArray& results, const std::string& name, const std::vector<double>& gaps, std::string_view against) {
  results.push_back(figure(name + "_instances", static_cast<double>(gaps.size()), "instances", "higher"));
  results.push_back(figure(name + "_gap_median", percentile(gaps, 0.5), "%", "lower", against));
  results.push_back(figure(name + "_gap_mean", mean(gaps), "%", "lower", against));
  results.push_back(figure(name + "_gap_worst", percentile(gaps, 1), "%", "lower", against));
}

std::unique_ptr<PlacementBook> plan(const MadeNetwork& made, uint64_t work) {
  auto book = std::make_unique<PlacementBook>(made.network);
  for (const App& app : made.apps) book->decide(app);
  if (work > 0) book->improve({.work = work});
  return book;
}

size_t missing(const PlacementBook& book) {
  size_t count = 0;
  const AssignmentProblem& problem = book.assignment().problem();
  for (size_t i = 0; i < problem.items.size(); ++i)
    count += problem.items[i].copies - book.assignment().copies(i).size();
  return count;
}

/// Small ones mostly; no more sites than have four replicas each, so that a site is larger than one of them.
NetworkShape shape_of(Rng& rng) {
  NetworkShape shape;
  shape.sites = 10 + rng.below(31);
  shape.apps = 20 + rng.below(rng.below(6) == 0 ? 181 : 41);
  shape.most_replicas = 1 + static_cast<int>(rng.below(4));
  shape.places = 2 + rng.below(3);
  shape.fill = 0.6 + 0.3 * rng.unit();
  shape.has_racks = rng.below(3) == 0;
  shape.has_slices = rng.below(4) == 0;
  const size_t of_two_apps = 1 + static_cast<size_t>(shape.most_replicas);
  shape.apps = std::max(shape.apps, 80 / of_two_apps);
  shape.sites = std::min(shape.sites, shape.apps * of_two_apps / 8);
  return shape;
}

/// What came of generated instances; gaps in %.
struct Optimality {
  std::vector<double> gaps;         // to the optimum
  std::vector<double> bounded;      // to the lower bound, where no optimum was proven
  std::vector<double> found;        // to what CBC found there
  std::vector<double> incremental;  // to the optimum, before the search
  std::vector<double> ours_ms, cbc_ms;
  double binding = 0, left_out = 0, impossible = 0, undecided = 0, unread = 0;
};

double gap(double cost, double reference) {
  return std::max(0.0, (cost / reference - 1) * 100);
}

void note(const MadeNetwork& made, const PlacementBook& book, const CbcAnswer& answer, Optimality& all) {
  if (missing(book) > 0) {
    (answer.is_infeasible ? all.impossible : answer.has_solution ? all.left_out : all.undecided) += 1;
    return;
  }
  if (!answer.is_optimal) {
    all.bounded.push_back(answer.bound > 0 ? gap(book.cost(), answer.bound) : 100);
    all.found.push_back(answer.has_solution ? gap(book.cost(), answer.cost) : 0);
    return;
  }
  all.gaps.push_back(gap(book.cost(), answer.cost));
  all.cbc_ms.push_back(answer.seconds * 1000);
  const auto first = plan(made, 0);
  if (missing(*first) == 0) all.incremental.push_back(gap(first->cost(), answer.cost));
}

/// Of the programme's own solution, or it does not say what the model says.
void check_start(const LinearProgram& program, double cost) {
  if (std::abs(start_cost(program) - cost) < 1e-6 * cost && start_fits(program)) return;
  std::fprintf(stderr, "the programme's start costs %.9f, the assignment %.9f\n", start_cost(program), cost);
  std::abort();
}

void run_instance(uint64_t seed, int cbc_seconds, Optimality& all) {
  Rng rng(seed);
  const MadeNetwork made = make_network(shape_of(rng), seed);
  const auto start = Clock::now();
  const auto book = plan(made, search_work);
  all.ours_ms.push_back(ms_since(start));
  all.binding += relax(book->assignment().problem(), 1).exceeds ? 1 : 0;
  const bool is_whole = missing(*book) == 0;
  const LinearProgram program = program_of(book->assignment());
  if (is_whole) check_start(program, book->cost());
  const auto answer = solve_with_cbc(program, is_whole, cbc_seconds);
  if (!answer) {
    all.unread += 1;
    return;
  }
  note(made, *book, *answer, all);
  std::fprintf(stderr, "%llu: sites %zu apps %zu missing %zu cost %.6f, cbc %s %.6f bound %.6f in %.1f s\n",
               static_cast<unsigned long long>(seed), made.network.sites.size(), made.apps.size(), missing(*book),
               book->cost(),
               answer->is_optimal      ? "optimal"
               : answer->is_infeasible ? "impossible"
               : answer->has_solution  ? "found"
                                       : "nothing",
               answer->cost, answer->bound, answer->seconds);
}

void run_optimality(size_t instances, int cbc_seconds, uint64_t first, JsonArray& results) {
  Optimality all;
  for (uint64_t seed = first; seed < first + instances; ++seed) run_instance(seed, cbc_seconds, all);
  std::vector<double> both = all.gaps;
  both.insert(both.end(), all.bounded.begin(), all.bounded.end());
  add_gaps(results, "optimality", all.gaps, "the optimum that CBC proves for the same model");
  add_gaps(results, "optimality_not_proven", all.bounded, "CBC's lower bound, which no optimum is below");
  add_gaps(results, "optimality_not_proven_found", all.found, "the best that CBC found");
  add_gaps(results, "optimality_all", both, "the optimum, or the lower bound where none is proven");
  add_gaps(results, "optimality_without_improvement", all.incremental, "the optimum that CBC proves");
  const auto count = [&](const char* name, double value, std::string_view better, std::string_view against) {
    results.push_back(figure(name, value, "instances", better, against));
  };
  count("optimality_binding", all.binding, "higher", "capacities decide: each app alone would choose otherwise");
  count("optimality_left_out", all.left_out, "lower", "CBC places all replicas");
  count("optimality_impossible", all.impossible, "lower", "CBC proves that not all fit");
  count("optimality_undecided", all.undecided, "lower", "not all are placed, by CBC neither in its time");
  count("optimality_unread", all.unread, "lower", "CBC said nothing that can be read");
  results.push_back(figure("optimality_time_p50", percentile(all.ours_ms, 0.5), "ms", "lower"));
  results.push_back(figure("optimality_cbc_time_p50", percentile(all.cbc_ms, 0.5), "ms", "lower", "where it proves"));
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void run_literature(JsonArray& results) {
  const char* told = std::getenv("BARRIO_ORLIB");
  const std::filesystem::path folder = told != nullptr ? told : BARRIO_SOURCE_DIR "/../shared/data/orlib";
  std::ifstream list(folder / "optima.csv");
  const std::pair<const char*, const char*> kinds[] = {
      {"gap/", "gap"}, {"sscflp-orlib/", "single_source_location"}, {"cflp-holmberg/", "holmberg_location"}};
  std::map<std::string, std::vector<double>> gaps;
  for (std::string line; std::getline(list, line);) {
    std::stringstream fields(line);
    std::string file, problem, size, optimum;
    std::getline(std::getline(std::getline(std::getline(fields, file, ','), problem, ','), size, ','), optimum, ',');
    for (const auto& [prefix, name] : kinds) {
      if (!file.starts_with(prefix)) continue;
      const std::string text = text_of(folder / file);
      const AssignmentProblem read = file.starts_with("gap/") ? read_gap(text) : read_location(text);
      Assignment start(read);
      fill_all(start);
      gaps[name].push_back((improve(start, {.work = literature_work}).cost() / std::stod(optimum) - 1) * 100);
    }
  }
  for (const auto& [name, values] : gaps) add_gaps(results, name, values, "the known optimum");
}

/// 100 sites and 1000 apps of so many replicas each, with room for them.
MadeNetwork large_network(int replicas) {
  const NetworkShape shape{.sites = 100, .apps = 1000, .most_replicas = 1, .places = 0, .fill = 0.6, .has_racks = true};
  MadeNetwork made = make_network(shape, 7);
  for (App& app : made.apps) {
    app.spec.replicas = replicas;
    app.spec.policy.jurisdictions = {*Jurisdiction::parse("ES")};
  }
  for (Site& site : made.network.sites) {
    site.power.budget = site.power.budget * replicas;
    site.servers.cores *= replicas;
    site.servers.memory = site.servers.memory * replicas;
    if (!site.racks) continue;
    for (Feeder& feeder : *site.feeders) feeder.power.nominal = feeder.power.nominal * replicas;
    for (Rack& rack : *site.racks) {
      rack.power.nominal = rack.power.nominal * replicas;
      rack.servers.cores *= replicas;
      rack.servers.memory = rack.servers.memory * replicas;
    }
  }
  return made;
}

void run_speed(JsonArray& results) {
  const MadeNetwork made = large_network(20);
  auto start = Clock::now();
  const auto book = plan(made, 0);
  const double first_ms = ms_since(start);
  size_t placed = 0;
  std::vector<PlacedReplica> all;
  for (const App& app : made.apps) {
    const auto some = book->replicas(app.key());
    placed += some.size();
    all.insert(all.end(), some.begin(), some.end());
  }
  results.push_back(figure("speed_replicas", static_cast<double>(placed), "replicas", "higher"));
  results.push_back(figure("speed_placements", static_cast<double>(placed) / first_ms * 1000, "1/s", "higher",
                           "Karmada publishes 22 bindings/s, its API server included, which this is not"));
  std::vector<double> changes, arrivals;
  for (int round = 0; round < 3; ++round) {
    for (const App& app : made.apps) {
      App changed = app;
      changed.spec.resources.power += Watts(round == 0 ? 20 : -10);
      const auto present = book->replicas(app.key());
      start = Clock::now();
      book->decide(changed, present);
      changes.push_back(ms_since(start));
      book->remove(app.key());
      start = Clock::now();
      book->decide(app);
      arrivals.push_back(ms_since(start));
    }
  }
  results.push_back(figure("speed_change_p99", percentile(changes, 0.99), "ms", "lower", "10 ms"));
  results.push_back(figure("speed_arrival_p50", percentile(arrivals, 0.5), "ms", "lower"));
  results.push_back(figure("speed_arrival_p99", percentile(arrivals, 0.99), "ms", "lower", "10 ms"));
  start = Clock::now();
  const auto replanned = plan(made, replan_work);
  results.push_back(figure("speed_replan_with_improvement", ms_since(start), "ms", "lower", "1000 ms"));
  results.push_back(figure("speed_replan_cost_saved", (1 - replanned->cost() / plan(made, 0)->cost()) * 100, "%",
                           "higher", "placed one after the other"));
  start = Clock::now();
  place(made.network, made.apps, all);
  results.push_back(
      figure("speed_all_reasons", ms_since(start), "ms", "lower", "every app and site with its sentence"));
  const MadeNetwork larger = large_network(30);
  std::vector<PlacedReplica> present;
  for (const auto& placement : place(larger.network, larger.apps, {})) {
    present.insert(present.end(), placement.replicas.begin(), placement.replicas.end());
  }
  start = Clock::now();
  const size_t kept = place(larger.network, larger.apps, present).size();
  results.push_back(figure("speed_restart", ms_since(start), "ms", "lower", "2000 ms"));
  results.push_back(figure("speed_restart_replicas", static_cast<double>(present.size()), "replicas", "higher"));
  if (kept != larger.apps.size()) std::abort();
}

/// The site that most replicas are lost with; every third app of each class.
struct LostSite {
  explicit LostSite(MadeNetwork with) : made(std::move(with)) {
    constexpr double percentiles[] = {99, 95, 50};
    for (size_t i = 0; i < made.apps.size(); ++i) {
      made.apps[i].spec.objective.percentile = percentiles[i % 3];
      options.asked.emplace(made.apps[i].key(), 1 + static_cast<double>(i % 100));
    }
    std::map<SiteId, size_t> at;
    for (const AppPlacement& placement : place(made.network, made.apps, {})) {
      for (const PlacedReplica& replica : placement.replicas) ++at[replica.site];
      present.insert(present.end(), placement.replicas.begin(), placement.replicas.end());
    }
    const auto largest = std::ranges::max_element(at, {}, [](const auto& entry) { return entry.second; });
    lost = largest->second;
    options.lost = {{largest->first, 10s}};
  }
  /// All of it: where everything goes, in which order, and what begins.
  void decide_all() {
    const auto start = Clock::now();
    placements.clear();
    for (AppPlacement& one : place(made.network, made.apps, present, options)) {
      const AppKey app = one.app;
      placements.emplace(app, std::move(one));
    }
    order = moves(made.network, made.apps, present, placements, options, pace);
    begun = next_moves(order, {}, pace);
    ms.push_back(ms_since(start));
  }
  const AppSpec& spec_of(const AppKey& key) const { return std::ranges::find(made.apps, key, &App::key)->spec; }
  /// That come after a move of an app whose objective asks for less.
  size_t out_of_order() const {
    size_t count = 0;
    Urgency least = Urgency::hard;
    for (const Move& move : order) {
      const Urgency urgency = urgency_of(spec_of(move.replica.app).objective);
      count += urgency < least ? 1 : 0;
      least = std::max(least, urgency);
    }
    return count;
  }
  /// In %, of what apps of this class lost.
  double made_elsewhere(Urgency urgency) const {
    double had = 0;
    for (const PlacedReplica& replica : present)
      had += options.lost.contains(replica.site) && urgency_of(spec_of(replica.app).objective) == urgency ? 1 : 0;
    const auto moved = std::ranges::count_if(order, [&](const Move& move) { return move.rank.urgency == urgency; });
    return 100 * static_cast<double>(moved) / had;
  }

  MadeNetwork made;
  std::vector<PlacedReplica> present;
  PlacementOptions options;
  MovePace pace;
  size_t lost = 0;
  std::map<AppKey, AppPlacement> placements;
  std::vector<Move> order;
  std::vector<PlacedReplica> begun;
  std::vector<double> ms;
};

/// No site has more IT power than it gives out, and half of what a hundredth of the lost site's would be each.
void make_power_short(LostSite& loss) {
  std::map<SiteId, int64_t> used;
  for (const PlacedReplica& replica : loss.present)
    used[replica.site] += loss.spec_of(replica.app).resources.power.count();
  const int64_t spare =
      used[loss.options.lost.begin()->first] / 2 / static_cast<int64_t>(loss.made.network.sites.size());
  for (Site& site : loss.made.network.sites) {
    site.power.budget = Watts(used[site.id] + spare);
    site.power.pue = 1;
  }
}

void run_failover(JsonArray& results) {
  LostSite loss(large_network(20));
  for (int round = 0; round < 5; ++round) loss.decide_all();
  const auto count = [&](const char* name, size_t value, std::string_view better, std::string_view against) {
    results.push_back(figure(name, static_cast<double>(value), "replicas", better, against));
  };
  count("failover_replicas", loss.present.size(), "higher", "20 000");
  count("failover_lost", loss.lost, "higher", "the site with the most");
  count("failover_moves", loss.order.size(), "higher", "all that were lost");
  count("failover_begun_at_once", loss.begun.size(), "higher", "two at each target");
  count("failover_out_of_order", loss.out_of_order(), "lower", "0");
  results.push_back(figure("failover_decision_p50", percentile(loss.ms, 0.5), "ms", "lower", "1000 ms"));
  results.push_back(figure("failover_decision_worst", percentile(loss.ms, 1), "ms", "lower", "1000 ms"));
  LostSite scarce(large_network(20));
  make_power_short(scarce);
  scarce.decide_all();
  const auto share = [&](const char* name, Urgency urgency) {
    results.push_back(figure(name, scarce.made_elsewhere(urgency), "%", "higher", "there is power for half of all"));
  };
  share("failover_scarce_hard", Urgency::hard);
  share("failover_scarce_soft", Urgency::soft);
  share("failover_scarce_best_effort", Urgency::best_effort);
  results.push_back(figure("failover_scarce_decision", scarce.ms.front(), "ms", "lower", "1000 ms"));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "";
  const size_t instances = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 300;
  const int cbc_seconds = argc > 3 ? std::atoi(argv[3]) : default_cbc_seconds;
  JsonArray results;
  const uint64_t first = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1;
  if (only.empty() || only == "optimality") run_optimality(instances, cbc_seconds, first, results);
  if (only.empty() || only == "literature") run_literature(results);
  if (only.empty() || only == "speed") run_speed(results);
  if (only.empty() || only == "packing") run_packing(results);
  if (only.empty() || only == "failover") run_failover(results);
  print_report("placement", {{"cbc_seconds", cbc_seconds}}, std::move(results));
}
