#pragma once
// How a change of configuration (model/settings.h) reaches the sites: first one, whose requests are watched for a
// while, then the others in portions; and back from all as soon as one of them is worse off. Pure and level-triggered:
// from what each site last said to who gets it next. Of control's memory only times are asked, and they may begin anew.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/settings.h"

namespace barrio::decide {

/// What a change leaves to be staged: the settings that sites hold on to until it reaches them. None: nothing of it
/// waits. What only takes away (a lower limit or quota) never waits.
std::optional<Settings> held_back(const Settings& before, const Settings& after);

/// What one gateway saw, or several together, of the requests that a change is about.
struct Health {
  double requests = 0;
  double bad = 0;  // refused or late
  double p99_ms = 0;
};
BARRIO_DESCRIBE(Health, (), (requests, bad, p99_ms))

/// By `what` as in put_settings: of each app that has flows, of each tenant, and of all ("network").
std::map<std::string, Health> health_of(std::span<const Flow> flows);

/// failed: no site has it, until it is tried again, forced, or replaced by another change.
enum class Stage { first, portions, failed };
BARRIO_DESCRIBE_ENUM(Stage, first, portions, failed)

struct StagedChange {
  std::string what;  // the key of the document in control's store
  Settings held;     // what the sites that it has not reached go on with
  Stage stage = Stage::first;
  std::vector<SiteId> reached;            // in this order; empty: the first one is yet to be chosen
  std::map<std::string, Health> healthy;  // by site, before any of them had it
  std::vector<SiteId> aside;              // of `reached`: those that stood aside when they got it
  std::string reason;                     // why it failed
  std::string by;                         // who made the change
  WallTime at;
};
BARRIO_DESCRIBE(StagedChange, (), (what, held, stage, reached, healthy, aside, reason, by, at))

struct StageSite {
  SiteId site;
  bool active = false;     // may be the first
  bool connected = false;  // speaks to control
  /// Refuses its snapshots since before it was given the change: like one that is away, and nothing of it is the
  /// change's fault.
  bool stands_aside = false;
  bool heard = false;  // by the member of control that leads, as the times below are
  Duration silent_for{};
  Duration given_for{};  // since it was given the change; zero: it was not
  Duration waits_for{};  // that it has spoken to control since then without having it
  bool holds = false;    // has what it was given
  std::optional<std::string> refused = {};
  Health now = {};

  bool takes_part() const { return connected && !stands_aside; }
};

struct StagePace {
  Duration soak = 20s;         // at the first site
  Duration portion_soak = 5s;  // after each portion
  Duration taken_within = 15s;
  Duration silence = 10s;  // of a site that has it: its fault
};

struct StageStep {
  std::vector<SiteId> add;
  std::optional<std::string> failed;
  bool done = false;  // all have it, and none is worse off
};

/// Fewer requests than this, or fewer bad ones, say nothing.
inline constexpr double telling_requests = 10;
inline constexpr double telling_bad = 5;
/// So much larger a share of bad requests is worse.
inline constexpr double worse_share = 0.05;
/// So much longer a p99 is worse, where there are requests enough for one.
inline constexpr double worse_p99 = 1.5;
inline constexpr double worse_p99_ms = 20;
inline constexpr double p99_requests = 100;

/// The first site is the one with the fewest requests among those with enough of them to tell by: what goes wrong there
/// hurts the fewest, and is seen. Where none has enough, the one with the most. Where the sites that had it are no
/// more, it begins again with a first one. `soaked_for`: since all that it has reached and that take part have it.
StageStep next_stage(const StagedChange& change, std::span<const StageSite> sites, Duration soaked_for,
                     const StagePace& pace);

/// In words; none: not worse off. Each against what it was, less what the others, which do not have the change, became
/// worse by in the same time.
std::optional<std::string> worse_off(const Health& was, const Health& is, const Health& others_were,
                                     const Health& others_are);

}  // namespace barrio::decide
