#pragma once
// The store that all members of control share, and the way of each one to it: slow, and cut off or stuck as a test has
// it.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ports/runtime.h"
#include "ports/state_store.h"

namespace barrio::sim {

/// Outlives the members, as a cluster of its own would. Notes what no history of it may hold.
class SharedStore final : public ports::StateStore {
 public:
  /// The desired state stands in this section, with the key of who leads.
  static constexpr const char* state = "state/";
  static constexpr const char* usage = "usage/";

  /// `committed` is told of all that is written, in order.
  SharedStore(std::unique_ptr<ports::StateStore> inner, std::function<void(const std::vector<ports::Write>&)> committed)
      : inner_(std::move(inner)), committed_(std::move(committed)) {}
  Result<std::optional<ports::Entry>> get(const std::string& key) override { return inner_->get(key); }
  Result<ports::Listing> list(const ports::KeyRange& range) override { return inner_->list(range); }
  Result<ports::Revision> commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) override;
  Result<ports::Revision> wait_for_change(ports::Revision seen, Time until) override {
    return inner_->wait_for_change(seen, until);
  }
  Result<ports::Lease> hold(const std::string& key, const std::string& value, Duration ttl,
                            ports::Revision seen) override;
  Result<void> keep(const ports::Lease& lease) override { return inner_->keep(lease); }
  Result<void> release(const ports::Lease& lease) override { return inner_->release(lease); }

  /// Past the members and their fence: an operator's own hand, which leaves no other trace.
  ports::StateStore& inner() { return *inner_; }
  void set_full(bool full) { full_ = full; }
  bool is_full() const { return full_; }
  const std::vector<std::string>& violations() const { return violations_; }
  /// Commits that came from a leader that was one no more.
  int64_t refused_stale() const { return refused_stale_; }
  int64_t terms() const { return terms_; }

 private:
  std::unique_ptr<ports::StateStore> inner_;
  std::function<void(const std::vector<ports::Write>&)> committed_;
  std::vector<std::string> violations_;
  ports::Revision last_fence_ = 0;
  bool full_ = false;
  int64_t refused_stale_ = 0;
  int64_t terms_ = 0;
};

/// How one member reaches the store, and what is wrong with that.
struct Reach {
  Time paused_until{};    // the whole member stands still
  Time stuck_until{};     // commits are held up on their way there
  bool cut_to = false;    // nothing arrives there
  bool cut_from = false;  // what is done there is never heard of
};

/// A member's own way to the store: each call takes time, and stops where the member is paused or cut off. So a crash
/// finds a commit before it, in it, or done and not answered.
class ReachedStore final : public ports::StateStore {
 public:
  ReachedStore(ports::Runtime& runtime, ports::StateStore& inner, const Reach& reach)
      : runtime_(runtime), inner_(inner), reach_(reach) {}
  Result<std::optional<ports::Entry>> get(const std::string& key) override;
  Result<ports::Listing> list(const ports::KeyRange& range) override;
  Result<ports::Revision> commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) override;
  Result<ports::Revision> wait_for_change(ports::Revision seen, Time until) override;
  Result<ports::Lease> hold(const std::string& key, const std::string& value, Duration ttl,
                            ports::Revision seen) override;
  Result<void> keep(const ports::Lease& lease) override;
  Result<void> release(const ports::Lease& lease) override;

 private:
  template <class Call>
  auto over(Call&& call) -> decltype(call());
  void travel();

  ports::Runtime& runtime_;
  ports::StateStore& inner_;
  const Reach& reach_;
};

}  // namespace barrio::sim
