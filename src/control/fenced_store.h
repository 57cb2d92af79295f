#pragma once
// What control's parts write through: only while this member leads, each commit fenced by that; and a section of a
// store that several of them share.

#include <functional>

#include "control/leadership.h"

namespace barrio::control {

struct StoreFigures {
  uint64_t commits = 0;    // acknowledged
  uint64_t conflicts = 0;  // refused by a guard
  uint64_t failures = 0;   // unavailable or exhausted
  Duration commit_time{};  // of all together
};

struct FenceOptions {
  std::string prefix = {};  // of the leader's key as the inner store knows it
  std::string noted = {};   // a key that every commit writes, too; empty: none
};

class FencedStore final : public ports::StateStore {
 public:
  FencedStore(ports::Runtime& runtime, ports::StateStore& inner, FenceOptions options)
      : runtime_(runtime), inner_(inner), options_(std::move(options)) {}
  /// Before this nobody leads.
  void fence_by(Leadership& leadership) { leadership_ = &leadership; }
  Result<std::optional<ports::Entry>> get(const std::string& key) override { return inner_.get(key); }
  Result<ports::Listing> list(const ports::KeyRange& range) override { return inner_.list(range); }
  /// Errors: also unavailable where this member does not lead; then nothing is written.
  Result<ports::Revision> commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) override;
  Result<ports::Revision> wait_for_change(ports::Revision seen, Time until) override {
    return inner_.wait_for_change(seen, until);
  }
  Result<ports::Lease> hold(const std::string& key, const std::string& value, Duration ttl,
                            ports::Revision seen) override {
    return inner_.hold(key, value, ttl, seen);
  }
  Result<void> keep(const ports::Lease& lease) override { return inner_.keep(lease); }
  Result<void> release(const ports::Lease& lease) override { return inner_.release(lease); }
  const StoreFigures& figures() const { return figures_; }

 private:
  ports::Runtime& runtime_;
  ports::StateStore& inner_;
  const FenceOptions options_;
  Leadership* leadership_ = nullptr;
  StoreFigures figures_;
};

/// The keys under `prefix` as a store of their own; its revision is that of the whole.
class Section final : public ports::StateStore {
 public:
  Section(ports::StateStore& whole, std::string prefix) : whole_(whole), prefix_(std::move(prefix)) {}
  Result<std::optional<ports::Entry>> get(const std::string& key) override;
  Result<ports::Listing> list(const ports::KeyRange& range) override;
  Result<ports::Revision> commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) override;
  Result<ports::Revision> wait_for_change(ports::Revision seen, Time until) override {
    return whole_.wait_for_change(seen, until);
  }
  Result<ports::Lease> hold(const std::string& key, const std::string& value, Duration ttl,
                            ports::Revision seen) override;
  Result<void> keep(const ports::Lease& lease) override { return whole_.keep(outside(lease)); }
  Result<void> release(const ports::Lease& lease) override { return whole_.release(outside(lease)); }

 private:
  ports::Lease outside(ports::Lease lease) const {
    lease.key = prefix_ + lease.key;
    return lease;
  }
  tl::unexpected<Error> inside(Error error) const;
  ports::StateStore& whole_;
  const std::string prefix_;
};

}  // namespace barrio::control
