#pragma once
// The counters of a gateway's requests. Series are looked up once per app and then kept: nothing allocates per request.

#include <array>
#include <map>

#include "base/metrics.h"
#include "model/refusal.h"

namespace barrio::gateway {

class RequestMetrics {
 public:
  static constexpr size_t most_apps = 4096;  // later ones count as "other"

  explicit RequestMetrics(Registry& registry);
  void answered(const AppKey& app, int status, Duration took);
  void refused(RefusalReason reason);

  Counter& forwards;
  Counter& retries;
  Counter& late;
  Counter& denied;
  Counter& unmetered;
  Gauge& peers_up;

 private:
  struct App {
    std::array<Counter*, 6> by_class{};  // 1xx to 5xx at 1 to 5
    Histogram* took = nullptr;
  };
  App& app(const AppKey& key);

  Registry& registry_;
  std::map<AppKey, App> apps_;
  std::map<RefusalReason, Counter*> refusals_;
};

}  // namespace barrio::gateway
