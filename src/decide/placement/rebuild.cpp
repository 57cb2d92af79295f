#include "decide/placement/rebuild.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/rng.h"
#include "decide/placement/offers.h"

namespace barrio::decide {

namespace {

constexpr double least_saving = 1e-7;  // so that rounding is no gain
constexpr size_t longest_chain = 7;
constexpr int looks_for_wanted = 4;
// Of what a copy costs on average: how much more a change may cost, about, at the beginning and at the end.
constexpr double hottest = 1;
constexpr double coldest = 0.001;

class Rebuild {
 public:
  Rebuild(const Assignment& start, const SearchOptions& options)
      : now_(start),
        best_(start),
        no_excess_(start.problem().resources.size(), forbidden),
        offers_(now_, no_excess_),
        rng_(options.seed),
        work_(options.work),
        given_up_(options.given_up),
        cost_(start.cost()),
        best_cost_(cost_) {
    const AssignmentProblem& problem = now_.problem();
    for (uint32_t i = 0; i < problem.items.size(); ++i) {
      least_.push_back(now_.copies(i).size());
      missing_ += problem.items[i].copies - least_[i];
      if (problem.items[i].copies > 0) items_.push_back(i);
    }
  }

  Assignment run() {
    const double unit = mean_cost();
    while (spent() < work_ && !items_.empty() && !(given_up_ && given_up_())) {
      const double done = static_cast<double>(spent()) / static_cast<double>(work_);
      const double heat = unit * hottest * std::pow(coldest / hottest, done);
      const double before = cost_;
      ++rounds_;
      take_out_some();
      put_back();
      if (cost_ > before - heat * std::log(1 - rng_.unit()) || lacks_copies()) {
        undo();
        cost_ = before;
      } else if (cost_ < best_cost_ - least_saving) {
        cost_ = now_.cost();
        if (cost_ >= best_cost_ - least_saving) continue;
        best_ = now_;
        best_cost_ = cost_;
      }
    }
    return std::move(best_);
  }

 private:
  uint64_t spent() const { return offers_.work() + rounds_; }

  double mean_cost() const {
    double sum = 0;
    size_t copies = 0;
    for (const uint32_t i : items_) {
      const AssignmentItem& item = now_.problem().items[i];
      sum += now_.item_cost(i) - item.missing_cost * static_cast<double>(item.copies - now_.copies(i).size());
      copies += now_.copies(i).size();
    }
    return copies == 0 ? 0 : sum / static_cast<double>(copies);
  }

  bool misses_copies(uint32_t item) const { return now_.copies(item).size() < now_.problem().items[item].copies; }

  /// Any; now and then one of those that miss copies.
  uint32_t any_item() {
    const size_t at = rng_.below(items_.size());
    if (missing_ == 0 || rng_.below(4) != 0) return items_[at];
    for (size_t n = 0; n < items_.size(); ++n) {
      const uint32_t item = items_[(at + n) % items_.size()];
      if (misses_copies(item)) return item;
    }
    return items_[at];
  }

  uint32_t any_copy(uint32_t item) {
    const auto& copies = now_.copies(item);
    return copies.empty() || misses_copies(item) ? none : copies[rng_.below(copies.size())].bin;
  }

  void take_out_some() {
    taken_.clear();
    waiting_.clear();
    uint32_t item = any_item();
    uint32_t from = any_copy(item);
    for (size_t left = 1 + rng_.below(longest_chain); left > 0; --left) {
      if (from == none) {
        waiting_.push_back(item);
      } else if (now_.problem().items[item].slice >= 0 && rng_.below(2) == 0) {
        clear_device(item, from);
      } else {
        take_out(item, from);
      }
      const uint32_t to = wanted(item);
      if (to != none && !now_.items_in(to).empty()) {
        item = now_.items_in(to)[rng_.below(now_.items_in(to).size())];
        from = to;
      } else {
        item = any_item();
        from = any_copy(item);
      }
    }
  }

  void take_out(uint32_t item, uint32_t from) {
    offers_.look_for_removals(item);
    cost_ += offers_.removal_of(from).cost;
    taken_.emplace_back(item, now_.remove(item, from));
    ++missing_;
    waiting_.push_back(item);
  }

  /// All copies with seats on the device of this one: a device that is begun is either filled or cleared.
  void clear_device(uint32_t item, uint32_t bin) {
    const auto copy_of = [&](uint32_t one) { return std::ranges::find(now_.copies(one), bin, &Copy::bin); };
    const uint32_t device = copy_of(item)->seats.front().device;
    std::vector<uint32_t> sharing;
    for (const uint32_t one : now_.items_in(bin)) {
      const auto& seats = copy_of(one)->seats;
      if (std::ranges::find(seats, device, &SliceSeat::device) != seats.end()) sharing.push_back(one);
    }
    for (const uint32_t one : sharing) take_out(one, bin);
  }

  /// Where the item would have one more copy, were there room: the best of a few.
  uint32_t wanted(uint32_t item) {
    offers_.look_for_additions(item);
    const auto& bins = offers_.allowed();
    uint32_t best = none;
    double least = 0;
    for (int n = 0; n < looks_for_wanted && !bins.empty(); ++n) {
      const uint32_t bin = bins[rng_.below(bins.size())];
      if (!now_.may_hold(item, bin)) continue;
      const double cost = offers_.cost_with_room(bin);
      if (best == none || cost < least) best = bin, least = cost;
    }
    return best;
  }

  void put_back() {
    put_.clear();
    for (const uint32_t item : waiting_) {
      if (!misses_copies(item)) continue;
      offers_.look_for_additions(item);
      const Offer offer = offers_.best_addition();
      if (offer.to == none || offer.total() >= 0) continue;
      now_.add(item, offer.to);
      cost_ += offer.cost;
      --missing_;
      put_.emplace_back(item, offer.to);
    }
  }

  bool lacks_copies() const {
    return std::ranges::any_of(taken_,
                               [&](const auto& one) { return now_.copies(one.first).size() < least_[one.first]; });
  }

  void undo() {
    for (const auto& [item, bin] : put_) now_.remove(item, bin);
    for (auto at = taken_.rbegin(); at != taken_.rend(); ++at) now_.add(at->first, std::move(at->second));
    missing_ += put_.size();
    missing_ -= taken_.size();
  }

  Assignment now_, best_;
  const std::vector<double> no_excess_;
  Offers offers_;
  Rng rng_;
  const uint64_t work_;
  const std::function<bool()> given_up_;
  double cost_, best_cost_;
  std::vector<uint32_t> items_;  // that ask for copies
  std::vector<size_t> least_;    // copies, by item
  size_t missing_ = 0;           // copies, of all items
  uint64_t rounds_ = 0;
  // Of one round:
  std::vector<std::pair<uint32_t, Copy>> taken_;
  std::vector<uint32_t> waiting_;
  std::vector<std::pair<uint32_t, uint32_t>> put_;
};

}  // namespace

Assignment rebuild(const Assignment& start, const SearchOptions& options) {
  return Rebuild(start, options).run();
}

}  // namespace barrio::decide
