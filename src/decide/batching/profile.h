#pragma once
// How long a model runs on a device: l(b), the 99th percentile of the run time of a batch of b requests, for b = 1 to
// the largest batch. Everything that the scheduler promises is computed from it.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace barrio::decide {

/// l(b); never shrinks as b grows (a larger batch that ran faster is taken to be noise of the smaller one).
class Profile {
 public:
  static constexpr size_t largest_batch = 256;

  /// fixed + b x each, for b = 1 to `max_batch` (at most largest_batch).
  static Profile affine(Duration fixed, Duration each, size_t max_batch);
  /// l(1), l(2), ... Errors: invalid (empty, too long, not positive).
  static Result<Profile> table(std::vector<Duration> times);

  size_t max_batch() const { return times_.size(); }
  /// 1 <= batch <= max_batch().
  Duration of(size_t batch) const { return times_[batch - 1]; }
  /// The largest batch that runs within `time`; 0: not even one request.
  size_t largest_within(Duration time) const;
  /// Requests per second at batches of `batch`, on one slot.
  double per_second(size_t batch) const {
    return static_cast<double>(batch) * 1e9 / static_cast<double>(of(batch).count());
  }
  /// The batch, of those that run within `time`, that answers most requests per second; 0: none does.
  size_t best_within(Duration time) const;
  /// The same profile cut at `max_batch`.
  Profile up_to(size_t max_batch) const;

 private:
  explicit Profile(std::vector<Duration> times);
  std::vector<Duration> times_;
  std::vector<size_t> best_;  // of the batches up to each, the one that answers most per second
};

/// Learns a Profile from measured runs. Before the first run it is the guess; each batch size that was measured often
/// enough speaks for itself, the others follow the line a + c x b through those that were. One slow run moves a
/// quantile estimate by one step only. Bounded memory: a few numbers for each batch size.
class ProfileEstimate {
 public:
  /// Runs of one size after which its own quantile is believed.
  static constexpr uint32_t believed_after = 20;

  /// `guess`: measured once while warming up, or from the repository.
  explicit ProfileEstimate(Profile guess);

  void ran(size_t batch, Duration took);
  /// l(b) as it is known now.
  const Profile& profile() const { return current_; }
  /// Grows by one when profile() would say something new: a reason to give the scheduler a new one.
  uint64_t version() const { return version_; }

  uint64_t runs() const { return runs_; }
  /// Mean of |took - predicted| / predicted over the last runs (exponential, about 64 runs).
  double error() const { return error_; }
  /// Share of runs that took longer than predicted (the same window): about 0.01 where l(b) is a true p99.
  double exceeded() const { return exceeded_; }

 private:
  struct Size {
    double quantile = 0;  // ns
    double mean = 0;      // ns
    double spread = 0;    // mean absolute deviation, ns
    uint32_t runs = 0;
  };
  static void learn(Size& size, double took);
  std::pair<double, double> line() const;  // fixed and each, ns
  void fit();

  std::vector<Size> sizes_;
  Profile current_;
  Profile guess_;
  uint64_t runs_ = 0;
  uint64_t version_ = 0;
  double error_ = 0;
  double exceeded_ = 0;
};

}  // namespace barrio::decide
