#pragma once
// All objects of one kind that carry our label, kept as the cluster has them: listed once, then watched. A watch that
// ends goes on where it was; where the server does not know that place any more (410), all is listed again. While the
// server is away, the last that was seen stands.

#include <functional>
#include <string>
#include <vector>

#include "adapters/kubernetes/kubernetes_api.h"
#include "decide/health/health.h"

namespace barrio::adapters::kubernetes {

struct WatchedKindEvents {
  std::function<void(const std::vector<Json>& all)> listed;  // and nothing else is there
  std::function<void(const Json& object)> changed;           // or is new
  std::function<void(const Json& object)> removed;
};

class WatchedKind {
 public:
  struct Limits {
    decide::RestartDelay::Limits retry = {.first = 200ms, .longest = 10s, .healthy_after = 5s};
    Duration watch = 60s;     // then the next one begins, where it ended: a silent connection is found out
    size_t page = 500;        // objects of one answer
    size_t most_pages = 100;  // over it: exhausted
    size_t longest_event = 4 * 1024 * 1024;
  };
  /// `path` like "/api/v1/pods", `selector` like "barrio.site=mad1".
  WatchedKind(KubernetesApi& api, std::string path, std::string selector, WatchedKindEvents events, Limits limits);

  /// In a fiber of its own, until the runtime stops.
  void run();
  /// It has been listed.
  bool known() const { return known_; }
  /// Why it is not heard from; empty: it is.
  const std::string& fault() const { return fault_; }

 private:
  Result<void> list();
  Result<std::vector<Json>> list_pages();
  Result<void> watch();
  bool take(std::string_view piece);
  bool take_line(std::string_view line);

  KubernetesApi& api_;
  const std::string path_;
  const std::string selector_;
  const WatchedKindEvents events_;
  const Limits limits_;
  std::string place_;     // resourceVersion to go on from; empty: list first
  std::string line_;      // an event of which a part has come
  bool watched_ = false;  // the last call was a watch
  bool known_ = false;
  std::string fault_ = "not asked yet";
};

}  // namespace barrio::adapters::kubernetes
