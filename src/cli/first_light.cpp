#include "cli/first_light.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "cli/best_sites.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

using emulation::Outcome;
using emulation::Shot;

constexpr Duration tolerance = 1ms;  // of the round trip: sites this close are equally good
constexpr double most_share = 0.8;   // of a camera's pictures that must go to the best site in a quiet window

bool was_served(const Shot& shot) {
  return !shot.served_by.empty();
}
bool was_lost(const Shot& shot) {
  return shot.outcome == Outcome::lost || shot.outcome == Outcome::refused;
}

class FirstLight {
 public:
  explicit FirstLight(World& world)
      : world_(world),
        network_(world.plan().network),
        verdicts_(world.screen(), [&world] { return world.stopping(); }) {}

  Verdicts play() {
    everyone_is_served_by_the_best();
    a_site_dies_and_returns();
    another_site_dies();
    control_dies();
    the_network_grows();
    return std::move(verdicts_);
  }

 private:
  // ---- what the cameras saw

  const Policy& policy_of(const DemoCamera& camera) const {
    const auto& plan = world_.plan();
    size_t index = 0;
    while (plan.demo.apps[index].tenant != camera.tenant) ++index;
    return plan.specs[index].policy;
  }
  std::vector<Candidate> candidates_of(const DemoCamera& camera) const {
    return candidates(network_, policy_of(camera), camera, world_.down());
  }
  std::vector<Shot> shots(const DemoCamera& camera, int64_t since) const {
    return world_.book().since(camera.name, since);
  }
  const std::vector<DemoCamera>& cameras() const { return world_.plan().demo.cameras; }

  /// Whether nearly all of the camera's last pictures were served by one of these.
  bool served_by(const DemoCamera& camera, const std::set<SiteId>& sites, int64_t since,
                 std::string* found = nullptr) const {
    int good = 0;
    int all = 0;
    std::set<std::string> seen;
    for (const Shot& shot : shots(camera, since)) {
      ++all;
      good += was_served(shot) && sites.contains(SiteId::of(shot.served_by));
      seen.insert(was_served(shot) ? shot.served_by : to_name(shot.outcome));
    }
    if (found != nullptr)
      *found = std::to_string(good) + " of " + std::to_string(all) + " as expected; seen " + join_seen(seen);
    return all > 0 && good >= most_share * all;
  }
  static std::string join_seen(const std::set<std::string>& seen) {
    const std::vector<std::string> items(seen.begin(), seen.end());
    return join_text(items, ", ");
  }

  /// Pictures since then that nobody answered, of cameras that had a permitted site all the time: one beside `absent`.
  std::string losses(int64_t since, const SiteId& absent) const {
    std::string text;
    for (const DemoCamera& camera : cameras()) {
      const auto possible = candidates_of(camera);
      if (std::none_of(possible.begin(), possible.end(), [&](const Candidate& c) { return c.site != absent; }))
        continue;
      for (const Shot& shot : shots(camera, since)) {
        if (was_lost(shot))
          text += camera.name + " (" + to_name(shot.outcome) + " at " + shot.entry + ": " + shot.detail + ") ";
      }
    }
    return text;
  }
  size_t count(int64_t since) const {
    size_t sum = 0;
    for (const DemoCamera& camera : cameras()) sum += shots(camera, since).size();
    return sum;
  }
  void expect_no_losses(int64_t since, const SiteId& absent = {}) {
    const std::string lost = losses(since, absent);
    verdicts_.expect("no picture that had a permitted site stayed without an answer", lost.empty(),
                     lost.empty() ? std::to_string(count(since)) + " pictures" : lost);
  }

  /// Waits until every camera that can be is served by its best site, then says for whom that is not so.
  void expect_best(const std::string& text, Duration within) {
    int64_t since = 0;
    auto settled = [&] {
      since = World::now_ms() - 5000;
      return std::all_of(cameras().begin(), cameras().end(), [&](const DemoCamera& camera) {
        const auto possible = candidates_of(camera);
        return possible.empty() || served_by(camera, best_of(possible, tolerance), since);
      });
    };
    world_.pause(5s);
    const bool held = world_.wait(within, settled);
    std::string wrong;
    for (const DemoCamera& camera : cameras()) {
      const auto possible = candidates_of(camera);
      std::string found;
      if (possible.empty() || served_by(camera, best_of(possible, tolerance), since, &found)) continue;
      wrong += camera.name + " wants " + possible.front().site.str() + ": " + found + "; ";
    }
    verdicts_.expect(text, held, wrong);
  }

  void expect_processed_where_permitted(int64_t since) {
    std::string wrong;
    for (const DemoCamera& camera : cameras()) {
      for (const Shot& shot : shots(camera, since)) {
        if (!was_served(shot)) continue;
        const auto& allowed = policy_of(camera).jurisdictions;
        auto where = Jurisdiction::parse(shot.processed_in);
        const bool fine =
            where && (allowed.empty() || std::any_of(allowed.begin(), allowed.end(),
                                                     [&](const Jurisdiction& area) { return area.contains(*where); }));
        if (!fine) wrong += camera.name + " in '" + shot.processed_in + "' by " + shot.served_by + "; ";
      }
    }
    verdicts_.expect("every picture was processed where its policy permits", wrong.empty(), wrong);
  }

  // ---- the scenes

  void everyone_is_served_by_the_best() {
    verdicts_.begin("1. Every camera is served by the best permitted site");
    world_.wait(30s, [&] {
      return std::all_of(cameras().begin(), cameras().end(), [&](const DemoCamera& camera) {
        const auto all = shots(camera, 0);
        return std::count_if(all.begin(), all.end(), was_served) >= 5;
      });
    });
    expect_best("each camera's pictures go to the site with the shortest way among those permitted", 60s);
    const int64_t since = World::now_ms();
    world_.pause(5s);
    expect_no_losses(since);
    expect_processed_where_permitted(0);
    int64_t people = 0;
    for (const DemoCamera& camera : cameras()) {
      for (const Shot& shot : shots(camera, 0)) people += shot.found;
    }
    verdicts_.expect("people are found in the pictures", people > 0, std::to_string(people) + " boxes so far");
  }

  void a_site_dies_and_returns() {
    const SiteId bilbao = SiteId::of("bio1");
    verdicts_.begin("2. Bilbao's site is killed (kill -9), and returns");
    const int64_t killed = World::now_ms();
    world_.kill_site(bilbao);
    world_.pause(12s);
    expect_no_losses(killed);
    expect_refusals(killed);
    expect_best("Bilbao's other cameras go on at the next best permitted site", 20s);
    const int64_t restarted = World::now_ms();
    if (auto started = world_.start_site(bilbao); !started)
      return verdicts_.expect("the site starts again", false, started.error().text());
    expect_best("its cameras return", 90s);
    expect_spread(bilbao, restarted);
    expect_no_losses(restarted, bilbao);
    expect_processed_where_permitted(killed);
  }

  /// Cameras whose policy permits no other site: told no, with the policy's name, and never served elsewhere.
  void expect_refusals(int64_t since) {
    for (const DemoCamera& camera : cameras()) {
      if (!candidates_of(camera).empty()) continue;
      const auto all = shots(camera, since + 1000);
      const auto& area = policy_of(camera).jurisdictions.front().str();
      const auto named = std::count_if(all.begin(), all.end(), [&](const Shot& shot) {
        return shot.outcome == Outcome::refused && shot.detail.find(area) != std::string::npos;
      });
      const auto served = std::count_if(all.begin(), all.end(), was_served);
      const std::string said = all.empty() ? "no picture" : all.back().detail;
      verdicts_.expect(camera.name + " is refused by name of its policy (" + area + "), and served nowhere else",
                       named >= 3 && served == 0,
                       std::to_string(named) + " refused, " + std::to_string(served) + " served; last: " + said);
    }
  }

  /// When each camera of the site was first served there again.
  void expect_spread(const SiteId& site, int64_t since) {
    std::vector<int64_t> firsts;
    for (const DemoCamera& camera : cameras()) {
      if (!best_of(candidates_of(camera), tolerance).contains(site)) continue;
      for (const Shot& shot : shots(camera, since)) {
        if (shot.served_by != site.str()) continue;
        firsts.push_back(shot.sent_ms);
        break;
      }
    }
    const auto [low, high] = std::minmax_element(firsts.begin(), firsts.end());
    const int64_t spread = firsts.empty() ? 0 : *high - *low;
    verdicts_.expect("not all in the same instant", firsts.size() > 1 && spread >= 100,
                     std::to_string(firsts.size()) + " cameras within " + std::to_string(spread) + " ms");
  }

  void another_site_dies() {
    const SiteId valencia = SiteId::of("vlc1");
    verdicts_.begin("3. Valencia's site is killed: no policy forbids its cameras to go elsewhere");
    const int64_t killed = World::now_ms();
    world_.kill_site(valencia);
    expect_best("its cameras go on at the next best site", 30s);
    expect_no_losses(killed);
    if (auto started = world_.start_site(valencia); !started)
      return verdicts_.expect("the site starts again", false, started.error().text());
    expect_best("its cameras return", 90s);
  }

  void control_dies() {
    const SiteId sevilla = SiteId::of("svq1");
    verdicts_.begin("4. Control is killed (kill -9); meanwhile Sevilla's site is killed and restarted");
    const int64_t killed = World::now_ms();
    world_.kill_control();
    world_.pause(5s);
    verdicts_.expect("control is gone", !world_.control_is_up(), "");
    expect_no_losses(killed);
    world_.kill_site(sevilla);
    world_.pause(3s);
    if (auto started = world_.start_site(sevilla); !started)
      return verdicts_.expect("the site starts again", false, started.error().text());
    expect_best("all are served by the best site again, Sevilla's from what it kept on disk", 90s);
    verdicts_.expect("control was away all the time", !world_.control_is_up(), "");
    expect_no_losses(killed);
    if (auto started = world_.start_control(); !started)
      return verdicts_.expect("control starts again", false, started.error().text());
    const bool back = world_.wait(30s, [&] { return world_.control_is_up() && all_connected(); });
    verdicts_.expect("control returns with its state, and every site reports to it", back, "");
  }

  bool all_connected() const {
    auto answer = world_.sites();
    if (!answer) return false;
    const auto& sites = items(*answer, "sites");
    return std::all_of(sites.begin(), sites.end(), [](const Json& site) { return true_at(site, "connected"); });
  }

  void the_network_grows() {
    verdicts_.begin("5. barrio site activate zaragoza: the eleventh site");
    const int64_t since = World::now_ms();
    Session session = world_.operator_session();
    auto activated = act_on_site(session, {.verb = SiteCommand::Verb::activate, .site = "zaragoza"});
    verdicts_.expect("the site becomes active", activated.has_value(), activated ? "" : activated.error().text());
    if (!activated) return;
    for (Site& site : network_.sites) {
      if (site.id == SiteId::of("zaz1")) site.status = SiteStatus::active;
    }
    expect_best("Zaragoza's camera moves to it, and the others stay", 90s);
    expect_no_losses(since);
    expect_processed_where_permitted(0);
    std::string dead;
    for (const std::string& name : world_.dead()) dead += name + " ";
    verdicts_.expect("no process ended that was not killed", dead.empty(), dead);
  }

  World& world_;
  Network network_;  // with the statuses as the story changed them
  Verdicts verdicts_;
};

}  // namespace

Verdicts play_first_light(World& world) {
  return FirstLight(world).play();
}

}  // namespace barrio::cli
