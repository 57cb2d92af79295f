#pragma once
// What happened lately, for those who watch: told by comparing what control knew with what it knows now, so that
// nothing that was committed is missed, whoever committed it. In memory: the last ones, complete again from the present
// on after a restart. Lives on the runtime's loop.

#include <deque>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "control/desired.h"
#include "ports/runtime.h"

namespace barrio::control {

struct Event {
  int64_t id = 0;  // grows, also over restarts: milliseconds since 1970, or one more than the last
  WallTime at;
  std::string kind;    // "site.lost", "replica.ready", "config.failed" ...
  std::string what;    // the site, replica or app
  std::string tenant;  // whose it is; empty: everybody may see it
  std::string detail;
  bool is_total = false;  // the detail adds up what several tenants have: for operators only
};
BARRIO_DESCRIBE(Event, (), (id, at, kind, what, tenant, detail))

class EventLog {
 public:
  static constexpr size_t most_events = 4096;

  explicit EventLog(ports::Runtime& runtime) : runtime_(runtime), noted_(runtime.make_signal()) {}
  /// The state changed from one to the other.
  void compare(const Desired& before, const Desired& after);
  /// The sites that report.
  void connected(const std::set<SiteId>& sites);
  /// What the sites that are lost had is served elsewhere, and what that means for each.
  void lost(const std::set<SiteId>& sites, const std::function<std::string(const SiteId&)>& detail_of);
  /// Most sites are silent, and nothing is made elsewhere for it.
  void withheld(bool now);
  /// Who reports is not known any more: others were told until now.
  void hear_anew() {
    connected_.reset();
    lost_.clear();
    withheld_ = false;
  }

  struct Some {
    std::vector<Event> events;
    int64_t last = 0;     // what to ask for after them
    bool missed = false;  // some between `after` and the first of them are not here any more
  };
  /// Behind `after`, as far as this viewer (empty: the operator) may see them.
  Some after(int64_t after, const TenantId& viewer) const;
  int64_t last() const { return last_; }
  /// Parks until there is an event behind `after`, or until then.
  void wait(int64_t after, Time until);

 private:
  void note(std::string kind, std::string what, const TenantId& tenant, std::string detail = {}, bool is_total = false);
  void compare_sites(const Network& before, const Network& after);
  void compare_apps(const Desired& before, const Desired& after);
  void compare_replicas(const Desired& before, const Desired& after);
  void compare_releases(const Desired& before, const Desired& after);
  void compare_config(const Desired& before, const Desired& after);
  void compare_spending(const Desired& before, const Desired& after);

  ports::Runtime& runtime_;
  std::unique_ptr<ports::Signal> noted_;
  std::deque<Event> events_;
  int64_t last_ = 0;
  int64_t forgotten_ = 0;  // the last id that is not here any more
  std::optional<std::set<SiteId>> connected_;
  std::set<SiteId> lost_;
  bool withheld_ = false;
};

}  // namespace barrio::control
