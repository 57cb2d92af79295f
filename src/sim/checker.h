#pragma once
// Watches what a simulated network does and notes what it must never do. It has its own reading of policies, written
// apart from decide/residency, so that a mistake there is not repeated here.

#include <map>
#include <string>
#include <vector>

#include "model/snapshot.h"

namespace barrio::sim {

class Checker {
 public:
  explicit Checker(const Network& network) : network_(network) {}
  /// The policy under which this app was deployed.
  void deployed(const AppKey& app, const Policy& policy) { policies_[app] = policy; }
  /// A request's body reaches, or would reach, `site`.
  void sent(const AppKey& app, const Site& site, const char* how);
  void started(const AppKey& app, const Site& site);
  static bool allows(const Policy& policy, const Site& site);

  const std::vector<std::string>& violations() const { return violations_; }
  int64_t checked() const { return checked_; }

 private:
  void check(const AppKey& app, const Site& site, const std::string& what);

  const Network& network_;
  std::map<AppKey, Policy> policies_;
  std::vector<std::string> violations_;
  int64_t checked_ = 0;
};

}  // namespace barrio::sim
