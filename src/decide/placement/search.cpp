#include "decide/placement/search.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/rng.h"
#include "decide/placement/offers.h"
#include "decide/placement/rebuild.h"
#include "decide/placement/relaxation.h"

namespace barrio::decide {

namespace {

constexpr double least_gain = 1e-7;  // of what a change must lower the cost by, so that rounding moves nothing

class Search {
 public:
  Search(const Assignment& start, const SearchOptions& options)
      : now_(start),
        best_(start),
        relaxed_(relax(start.problem(), options.work / 4)),
        prices_(relaxed_.prices),
        offers_(now_, prices_, relaxed_.rents),
        rng_(options.seed),
        options_(options),
        cost_(start.cost()),
        best_cost_(cost_),
        has_open_costs_(std::ranges::any_of(start.problem().bins, [](const auto& bin) { return bin.open_cost > 0; })) {}

  Assignment run() {
    const size_t items = now_.problem().items.size();
    queued_.assign(items, false);
    for (size_t i = 0; i < items; ++i) enqueue(i);
    if (relaxed_.exceeds) start_from_relaxed();
    descend();
    const uint64_t most = has_open_costs_ ? options_.work : options_.work / 2;
    while (items > 0 && spent() < most && !given_up()) {
      if (has_open_costs_) change_bins();
      reprice();
      if (++rounds_ % rounds_before_kick == 0) kick();
      descend();
    }
    return best_;
  }

  uint64_t spent() const { return offers_.work() + passes_ * (1 + now_.problem().items.size()); }

 private:
  static constexpr int rounds_before_kick = 6;
  static constexpr size_t most_blocked = 8;
  static constexpr double dearer = 1.25;
  static constexpr double cheaper = 0.85;

  void start_from_relaxed() {
    descend();
    now_ = Assignment(now_.problem());
    for (size_t i = 0; i < relaxed_.bins.size(); ++i) {
      for (const uint32_t bin : relaxed_.bins[i]) {
        if (now_.has_seats(i, bin)) now_.add(i, bin);
      }
      enqueue(i);
    }
    cost_ = now_.cost();
  }

  bool given_up() const { return options_.given_up && options_.given_up(); }

  void enqueue(size_t item) {
    if (queued_[item]) return;
    queued_[item] = true;
    queue_.push_back(item);
  }

  void apply(size_t item, const Offer& offer) {
    if (offer.from != none) now_.remove(item, offer.from);
    if (offer.to != none) now_.add(item, offer.to);
    cost_ += offer.cost;
    enqueue(item);
  }

  void note() {
    if (cost_ >= best_cost_ - least_gain || !now_.is_feasible()) return;
    cost_ = now_.cost();
    if (cost_ >= best_cost_ - least_gain) return;
    best_ = now_;
    best_cost_ = cost_;
  }

  /// Until no single change pays, at the present prices.
  void descend() {
    ++passes_;
    size_t at = 0;
    while (at < queue_.size() && spent() < options_.work && !given_up()) {
      const size_t item = queue_[at++];
      queued_[item] = false;
      improve_item(item);
    }
    queue_.clear();
    queued_.assign(queued_.size(), false);
    note();
  }

  bool improve_item(size_t item) {
    offers_.look_at(item);
    if (now_.copies(item).size() < now_.problem().items[item].copies) {
      const Offer offer = offers_.best_addition();
      if (offer.to != none && offer.total() < -least_gain) return apply(item, offer), true;
    }
    Offer best;
    for (const Copy& copy : now_.copies(item)) {
      const Offer offer = offers_.best_move(copy.bin);
      if (offer.total() < best.total() - least_gain) best = offer;
    }
    if (best.from != none) return apply(item, best), true;
    return make_way(item);
  }

  /// A move that only lacks room, and one other copy that gives way: to where this one came from (swap) or elsewhere.
  bool make_way(size_t item) {
    std::vector<Offer> wanted;
    for (const Copy& copy : now_.copies(item)) {
      const auto& blocked = offers_.blocked_moves(copy.bin, most_blocked);
      wanted.insert(wanted.end(), blocked.begin(), blocked.end());
    }
    std::ranges::sort(wanted, {}, [](const Offer& offer) { return offer.cost + offer.rent; });
    wanted.resize(std::min(wanted.size(), most_blocked));
    for (const Offer& offer : wanted) {
      if (spent() >= options_.work) return false;
      if (push_out(item, offer)) return true;
    }
    return false;
  }

  bool push_out(size_t item, const Offer& offer) {
    if (!now_.has_seats(item, offer.to)) return false;
    const double before = cost_;
    Copy old = now_.remove(item, offer.from);
    now_.add(item, offer.to);
    const std::vector<uint32_t> others = now_.items_in(offer.to);
    for (const uint32_t other : others) {
      if (other == item) continue;
      offers_.look_at(other);
      const Offer way = offers_.best_move(offer.to);
      if (offer.total() + way.total() >= -least_gain) continue;
      cost_ = before + offer.cost;
      apply(other, way);
      enqueue(item);
      return true;
    }
    now_.remove(item, offer.to);
    now_.add(item, std::move(old));
    return false;
  }

  double total() const {
    double total = cost_;
    for (size_t r = 0; r < prices_.size(); ++r) {
      const int64_t over = now_.used(r) - now_.problem().resources[r].capacity;
      if (over > 0) total += prices_[r] * static_cast<double>(over);
    }
    return total;
  }

  /// Bins that cost something to open: emptied, or filled from others, as long as that pays.
  void change_bins() {
    for (bool better = true; better && spent() < options_.work && !given_up();) {
      better = false;
      for (uint32_t bin = 0; bin < now_.problem().bins.size() && spent() < options_.work && !given_up(); ++bin) {
        const Assignment before = now_;
        const double cost = cost_;
        const double paid = total();
        now_.items_in(bin).empty() ? open(bin) : close(bin);
        descend();
        if (total() < paid - least_gain) {
          better = true;
        } else {
          now_ = before;
          cost_ = cost;
        }
      }
    }
  }

  void close(uint32_t bin) {
    const std::vector<uint32_t> items = now_.items_in(bin);
    for (const uint32_t item : items) {
      offers_.look_at(item);
      apply(item, offers_.best_move(bin));
    }
  }

  void open(uint32_t bin) {
    std::vector<std::pair<uint32_t, Offer>> gains;
    for (uint32_t item = 0; item < now_.problem().items.size(); ++item) {
      if (now_.copies(item).size() != 1 || !now_.may_hold(item, bin, now_.copies(item)[0].bin)) continue;
      offers_.look_at(item);
      const Offer offer = offers_.move_to(now_.copies(item)[0].bin, bin);
      if (offer.total() < now_.problem().bins[bin].open_cost) gains.emplace_back(item, offer);
    }
    std::ranges::sort(gains, {}, [](const auto& gain) { return gain.second.total(); });
    for (const auto& [item, offer] : gains) {
      if (!now_.has_room(item, bin) || !now_.has_seats(item, bin)) continue;
      offers_.look_at(item);
      apply(item, offers_.move_to(offer.from, bin));
    }
  }

  void reprice() {
    const AssignmentProblem& problem = now_.problem();
    const bool feasible = now_.is_feasible();
    for (size_t r = 0; r < prices_.size(); ++r) {
      if (now_.used(r) > problem.resources[r].capacity) {
        prices_[r] *= dearer;
      } else if (feasible) {
        prices_[r] *= cheaper;
      }
    }
    for (size_t i = 0; i < problem.items.size(); ++i) enqueue(i);
  }

  /// Some copies go anywhere, so that the search does not stay in one valley.
  void kick() {
    const AssignmentProblem& problem = now_.problem();
    if (problem.items.empty()) return;
    const size_t moved = 1 + problem.items.size() / 50;
    for (size_t i = 0; i < moved; ++i) {
      const size_t item = rng_.below(problem.items.size());
      const auto bin = static_cast<uint32_t>(rng_.below(problem.bins.size()));
      if (now_.copies(item).empty()) continue;
      const uint32_t from = now_.copies(item)[rng_.below(now_.copies(item).size())].bin;
      if (!now_.may_hold(item, bin, from) || bin == from) continue;
      Copy old = now_.remove(item, from);
      if (now_.has_seats(item, bin))
        now_.add(item, bin);
      else
        now_.add(item, std::move(old));
    }
    cost_ = now_.cost();
  }

  Assignment now_, best_;
  const Relaxed relaxed_;
  std::vector<double> prices_;
  Offers offers_;
  Rng rng_;
  const SearchOptions options_;
  double cost_, best_cost_;
  std::vector<size_t> queue_;
  std::vector<bool> queued_;
  uint64_t passes_ = 0;
  int rounds_ = 0;
  const bool has_open_costs_;
};

}  // namespace

size_t fill(Assignment& assignment, size_t item) {
  std::vector<uint32_t> bins;
  for (uint32_t b = 0; b < assignment.problem().bins.size(); ++b) {
    if (assignment.problem().items[item].cost[b] != forbidden) bins.push_back(b);
  }
  return fill(assignment, item, bins);
}

size_t fill(Assignment& assignment, size_t item, std::span<const uint32_t> bins) {
  const std::vector<double> no_excess(assignment.problem().resources.size(), forbidden);
  Offers offers(assignment, no_excess);
  size_t added = 0;
  offers.look_for_additions(item);
  while (assignment.copies(item).size() < assignment.problem().items[item].copies) {
    const Offer offer = offers.best_addition(bins);
    if (offer.to == none || offer.total() >= 0) break;
    assignment.add(item, offer.to);
    offers.look_on(offer.to);
    ++added;
  }
  return added;
}

void fill_all(Assignment& assignment) {
  for (size_t i = 0; i < assignment.problem().items.size(); ++i) fill(assignment, i);
}

Assignment improve(const Assignment& start, const SearchOptions& options) {
  CHECK(start.is_feasible());
  Search search(start, options);
  Assignment found = search.run();
  if (search.spent() >= options.work) return found;
  return rebuild(found, {.work = options.work - search.spent(), .seed = options.seed, .given_up = options.given_up});
}

}  // namespace barrio::decide
