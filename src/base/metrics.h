#pragma once
// Counters, gauges and histograms in Prometheus text format (exposition format 0.0.4).
// A Registry is owned by main() and outlives everything that holds references into it. Values are relaxed atomics, so
// any thread may add; series are created at start or on first use, never per request.

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace barrio {

class Counter {
 public:
  void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_ = 0;
};

/// Seconds in fixed buckets from 50 us to 10 s.
class Histogram {
 public:
  static std::span<const double> bounds();
  void observe(Duration duration);
  uint64_t bucket(size_t index) const { return buckets_[index].load(std::memory_order_relaxed); }
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  double sum_seconds() const { return static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9; }

 private:
  static constexpr size_t bucket_count = 17;
  std::atomic<uint64_t> buckets_[bucket_count] = {};  // not cumulative; the last one has no bound
  std::atomic<uint64_t> count_ = 0;
  std::atomic<int64_t> sum_ns_ = 0;
};

using Labels = std::vector<std::pair<std::string, std::string>>;

class Registry {
 public:
  Registry();
  ~Registry();
  /// The series with this name and these labels; made on first call. Names follow Prometheus conventions
  /// (barrio_*_total for counters, barrio_*_seconds for histograms). `help` of the first call is kept.
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {});
  /// The whole exposition.
  std::string text() const;

 private:
  struct Family;
  Family& family(const std::string& name, const std::string& help, std::string_view type);
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Family>> families_;
};

}  // namespace barrio
