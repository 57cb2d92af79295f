#pragma once
// The book of what is placed: the network, the apps and where their replicas stand, changed one app at a time. What is
// in it never takes more than there is. The order of use is that of place(): apps come in, what they have is kept, what
// they miss is added, all is improved.

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "decide/placement/capacity.h"
#include "decide/placement/placement.h"
#include "decide/placement/search.h"

namespace barrio::decide {

class PlacementBook {
 public:
  /// Of a network, which must outlive it. `lost`: its sites that take nothing for now; `unheard`: that take what no
  /// other has room for; `runs`: of sites that do not run every kind of app.
  explicit PlacementBook(const Network& network, const Weights& weights = {}, const std::vector<SiteId>& lost = {},
                         const std::set<SiteId>& unheard = {}, const std::map<SiteId, SiteRuns>& runs = {});
  PlacementBook(const PlacementBook&) = delete;
  PlacementBook& operator=(const PlacementBook&) = delete;
  /// An app comes, or changes: its replicas leave the book, those of `present` that still fit are kept.
  void put(const App& app, std::span<const PlacedReplica> present = {});
  void remove(const AppKey& app);
  /// Keeps what is there and will go (its site drains, or fewer or other replicas are wanted), as long as it is
  /// permitted and fits: after all others are kept.
  void keep_leaving(const AppKey& app, AtUnheard at_unheard);
  /// Gives the app what it misses; nothing else moves.
  void fill(const AppKey& app);
  /// Gives it one of them. False: it misses none, or there is no place.
  bool fill_one(const AppKey& app);
  /// What it has at sites that were never heard from goes to others, as far as they have room.
  void leave_unheard(const AppKey& app);
  /// How many replicas it has, of how many.
  size_t standing(const AppKey& app) const { return now_.copies(entries_.at(app).item).size(); }
  size_t wanted(const AppKey& app) const { return problem_.items[entries_.at(app).item].copies; }
  /// The incremental decision: put and fill.
  std::vector<PlacedReplica> decide(const App& app, std::span<const PlacedReplica> present = {});
  /// Moves what pays for its move and brings in what had no room; no app has fewer replicas afterwards. How many
  /// replicas stand elsewhere.
  size_t improve(const SearchOptions& options);

  std::vector<PlacedReplica> replicas(const AppKey& app) const;
  /// With a reason for every site.
  AppPlacement answer(const AppKey& app) const;
  double cost() const { return now_.cost(); }
  const Assignment& assignment() const { return now_; }

 private:
  struct Entry {
    App app;
    uint32_t item = none;
    uint32_t leaving = none;             // the item of replicas on draining sites
    std::vector<PlacedReplica> present;  // by id
    std::vector<Duration> network;       // by site, from the nearest place
    Duration in_site{};                  // wait and service
    std::optional<size_t> asked;         // replicas; none: wherever it fits
    size_t for_load = 0;                 // of them at least, so that the demand is served; 0: not known
  };
  uint32_t new_item();
  uint32_t service_of(const AppSpec& spec, uint32_t item);
  void set_times(Entry& entry) const;
  Duration least_network(const Entry& entry) const;
  size_t replicas_for_load(const Entry& entry, size_t candidates) const;
  void set_item(Entry& entry);
  double cost_in(const Entry& entry, size_t site, double requests_per_second) const;
  double cost_of_share(const Entry& entry, size_t site) const;
  void keep(Entry& entry);
  void clear(Entry& entry);
  /// It may have replicas of the app, when it is not lost.
  bool serves(const Entry& entry, size_t site) const;
  /// It may take replicas of the app.
  bool is_candidate(const Entry& entry, size_t site) const;
  bool may_stand(const Entry& entry, size_t site) const;
  const PlacedReplica* present_at(const Entry& entry, size_t site) const;
  PlacedReplica replica_of(const Entry& entry, const Copy& copy) const;
  std::vector<PlacedReplica> replicas_of(const Entry& entry, uint32_t item) const;
  // Reasons (book_answer.cpp).
  SiteDecision decide_site(const Entry& entry, size_t site, const Refusal& none_missing) const;
  std::optional<Refusal> refuse_status(const Entry& entry, size_t site) const;
  std::optional<Refusal> refuse_objective(const Entry& entry, size_t site) const;
  std::optional<Refusal> refuse_spread(const Entry& entry, size_t site) const;
  Refusal refuse(const Entry& entry, size_t site, const Refusal& none_missing) const;
  Refusal refuse_app(const Entry& entry, const std::vector<SiteDecision>& decisions) const;
  std::optional<Refusal> refuse_rest(const Entry& entry, const std::vector<SiteDecision>& decisions) const;
  size_t least_refused(const Entry& entry, const std::vector<SiteDecision>& decisions,
                       const std::vector<size_t>& among) const;
  std::string permit_one_of(const Entry& entry, const std::vector<size_t>& sites) const;
  Refusal enough(const Entry& entry) const;
  std::string placed_text(const Entry& entry, size_t site) const;

  const Network& network_;
  const Weights weights_;
  const Capacity capacity_;
  AssignmentProblem problem_;
  Assignment now_;
  std::map<AppKey, Entry> entries_;
  std::map<SiteId, size_t> sites_;
  std::vector<bool> lost_;              // by site
  std::vector<bool> unheard_;           // by site
  std::vector<SiteRuns> runs_;          // by site
  std::vector<uint32_t> free_items_;    // of apps that were removed
  std::vector<uint32_t> own_services_;  // by item: service costs that no other item has
};

}  // namespace barrio::decide
