#pragma once
// What one change of one item would cost: its copy in `from` goes to `to`; either may be missing.

#include <span>
#include <vector>

#include "decide/placement/assignment.h"

namespace barrio::decide {

struct Offer {
  uint32_t from = none;
  uint32_t to = none;
  double cost = 0;    // change of the assignment's cost
  double excess = 0;  // change of what is paid for use beyond capacity
  double rent = 0;    // change of what its use is worth to others, full or not
  double spoils = 0;  // what it takes away of what may come on its accelerators: decides between equal totals
  double total() const { return cost + excess; }
  bool is_better_than(const Offer& other) const;
};

class Offers {
 public:
  /// `excess_prices`: by resource, for each unit beyond its capacity; forbidden: none may be used. `rents`: by
  /// resource, for each unit; empty: none.
  Offers(const Assignment& assignment, std::span<const double> excess_prices, std::span<const double> rents = {});
  /// Prepares what is asked about `item`; anything that changes makes it stale.
  void look_at(size_t item);
  /// The same for additions alone, which is much less.
  void look_for_additions(size_t item);
  /// Where additions were looked for, and the item has got one more copy since, in `bin`.
  void look_on(uint32_t bin);
  /// The same for removals alone.
  void look_for_removals(size_t item);
  /// The best place for one more copy; of `to == none` there is none.
  Offer best_addition();
  /// The same of these bins only.
  Offer best_addition(std::span<const uint32_t> bins);
  /// The best of all that moves the copy in `from` elsewhere, or takes it away.
  Offer best_move(uint32_t from);
  /// The copy in `from` goes.
  Offer removal_of(uint32_t from);
  /// That of the copy in `from` to `to`, where it may be held.
  Offer move_to(uint32_t from, uint32_t to);
  /// The moves of the copy in `from` that lower the cost but for the price of excess, the best with rents first, at
  /// most `most`.
  const std::vector<Offer>& blocked_moves(uint32_t from, size_t most);
  /// Bins that are not forbidden to the item.
  const std::vector<uint32_t>& allowed();
  /// What the item pays for one more copy in an allowed bin, but for what it uses there.
  double cost_with_room(uint32_t bin) const;
  uint64_t work() const { return work_; }

 private:
  struct Without {  // the item's copy in one bin
    uint32_t bin = none;
    double loss = 0;            // of service when it goes
    std::vector<double> extra;  // by group, what of the loss a copy there makes good beyond its gain
  };
  struct Change {
    double cost = 0;
    double excess = 0;
    double rent = 0;
  };
  void serve();
  void find_gains();
  void find_nearest();
  void find_losses();
  Change removal(uint32_t from) const;
  Change addition(uint32_t to, uint32_t from);
  void set_aside(uint32_t from, int64_t sign);
  Change use_change(size_t bin, int64_t sign) const;
  double spoils(uint32_t to) const;
  double device_change(uint32_t to, uint32_t from) const;
  const Without& without(uint32_t from) const;
  template <class Use>
  void each_target(std::span<const uint32_t> bins, uint32_t from, Use use);

  const Assignment* assignment_;
  const AssignmentProblem* problem_;
  std::span<const double> prices_, rents_;
  std::vector<int64_t> aside_;                  // by resource: what the copy under look has there
  std::vector<std::vector<uint32_t>> allowed_;  // by item that was looked at: bins
  size_t item_ = 0;
  std::vector<double> gain_;  // of service, by group, from one more copy there
  std::vector<Without> without_;
  struct Nearer {  // a point and what it costs, before and now
    uint32_t point = 0;
    float before = 0;
    float now = 0;
  };
  std::vector<Nearer> nearer_;
  std::vector<float> first_, second_;
  std::vector<uint32_t> nearest_;  // by point: of the item's copies
  std::vector<Offer> found_;
  uint64_t work_ = 0;
};

}  // namespace barrio::decide
