#pragma once
// What waits for one model on one device: works with a deadline in the order of their deadlines, and the others.

#include <cstdint>
#include <span>
#include <vector>

#include "decide/batching/arrival_rate.h"
#include "decide/batching/profile.h"
#include "decide/batching/work.h"

namespace barrio::decide {

struct Waiting {
  WorkId id = 0;
  Time deadline = Time::max();  // of the run's end; the device's margin is taken off
  uint64_t number = 0;          // grows with every work admitted on the device
  uint32_t flow = 0;
  bool kept = false;  // what was promised to it holds, whatever comes later
  double weight = 1;  // of its flow
  Time since{};       // when it was admitted
};

/// Consecutive works, in the order of their deadlines, that one run could take: `skip` stay behind.
struct Window {
  size_t skip = 0;
  size_t take = 0;  // 0: none
};

/// For the run of a batch.
struct WindowAsk {
  Time start{};
  size_t most = 1;
  /// What a work that is left behind counts, where one more in the batch counts 1. More: small batches of old works,
  /// which make the next ones old; less: works are given up that need not be.
  double cost_of_skipping = 0;
};
/// Of `waiting`, in the order of their deadlines, the window that is worth most per time. Kept works are never skipped.
Window best_window(const Profile& profile, std::span<const Waiting> waiting, const WindowAsk& ask);

class Lane {
 public:
  explicit Lane(Profile profile) : profile_(std::move(profile)) {}

  const Profile& profile() const { return profile_; }
  void set_profile(Profile profile);
  /// Runs of this model at the same time, at most.
  size_t at_once() const { return at_once_; }
  void set_at_once(size_t most) { at_once_ = most; }
  /// The device time that one work costs at best, within the time that works of this model usually have: what an answer
  /// is worth.
  double worth() const { return worth_; }
  /// Smallest usual time from arrival to deadline.
  Duration usual() const { return usual_; }
  ArrivalRate& arrivals() { return arrivals_; }
  const ArrivalRate& arrivals() const { return arrivals_; }
  /// Notes what came, taken or not. worth() follows when weigh() is called.
  void offered(Time deadline, Time now);
  void weigh();
  void restore_worth(double worth) { worth_ = worth; }

  std::span<const Waiting> waiting() const { return {entries_.data() + first_, entries_.size() - first_}; }
  std::span<const Waiting> spare() const { return {spare_.data() + spare_first_, spare_.size() - spare_first_}; }

  /// Its index in waiting().
  size_t insert(const Waiting& entry);
  void insert_spare(const Waiting& entry);
  void erase(size_t from, size_t count);
  void erase_spare(size_t from, size_t count);
  Waiting& at(size_t index) { return entries_[first_ + index]; }

 private:
  Profile profile_;
  size_t at_once_ = SIZE_MAX;
  double worth_ = 1;
  Duration usual_ = Duration::max();
  ArrivalRate arrivals_;
  std::vector<Waiting> entries_;
  size_t first_ = 0;
  std::vector<Waiting> spare_;
  size_t spare_first_ = 0;
};

}  // namespace barrio::decide
