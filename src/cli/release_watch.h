#pragma once
// Watches a release in control's explanations of its app, one after the other: what to tell of it, and how it ends.

#include <optional>
#include <set>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace barrio::cli {

class ReleaseWatch {
 public:
  explicit ReleaseWatch(std::string app) : app_(std::move(app)) {}
  /// The line to tell, where more or fewer of its replicas are ready or have failed than before.
  std::optional<std::string> read(const Json& explanation);
  /// It runs wherever it is placed, or is needed nowhere now.
  bool is_done() const;
  /// Why it will not run as it is. A site's first failure may be the site's: what fails at every site it is placed at,
  /// and that often, is taken for the release's own. Errors: unavailable, conflict (another release took its place).
  std::optional<Error> failure() const;
  /// What is to be said once nobody waits any longer.
  Error given_up() const;

  bool is_first() const { return generation_ == "1"; }
  size_t ready() const { return ready_; }
  size_t placed() const { return placed_; }
  /// Of a site, where none is placed.
  const std::string& refusal() const { return refusal_; }

 private:
  void read_decision(const Json& decision);

  std::string app_;
  std::string generation_;
  std::string state_;
  std::string detail_;  // why control stopped it, or why it does not get on
  size_t placed_ = 0;
  size_t ready_ = 0;
  std::set<std::string> failed_at_;  // sites, also once: what is started again says nothing until it fails again
  std::string last_failure_;
  std::string refusal_;
  bool asleep_ = false;  // none is needed anywhere
};

}  // namespace barrio::cli
