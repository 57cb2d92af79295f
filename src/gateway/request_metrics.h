#pragma once
// The figures of a gateway's requests, for Prometheus. All series carry the site; those of an app are looked up once a
// request, by hash, and are then a few relaxed adds: nothing allocates per request.

#include <array>
#include <map>
#include <unordered_map>

#include "base/metrics.h"
#include "base/rng.h"
#include "model/refusal.h"
#include "model/usage.h"

namespace barrio::gateway {

struct RequestFigures {
  int status = 0;
  Duration took{};
  bool late = false;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};

class RequestMetrics {
 public:
  static constexpr size_t most_apps = 4096;  // later ones count as tenant "other", app "other"

  RequestMetrics(Registry& registry, SiteId site);
  void answered(const AppKey& app, const RequestFigures& figures);
  /// Apps that do not exist count as "other": their names are the caller's.
  void refused(const AppKey& app, RefusalReason reason);
  /// Who ended a request before its whole answer was there: who asked, or what served.
  enum class Left { device, server };
  void broken(const AppKey& app, Left who);
  void forwarded_to(const SiteId& site);
  /// What an engine of this site counted in one period: its tokens. Told again, it changes nothing.
  void counted(const UsageRecord& record);

  Counter& retries;
  Counter& denied;
  Counter& ejections;
  Counter& unmetered;
  Gauge& peers_up;
  Gauge& connections;
  Gauge& open_requests;
  Histogram& loop_turn;

 private:
  struct App {
    Labels labels;
    std::array<Counter*, 6> by_class{};  // 1xx to 5xx at 1 to 5
    Histogram* took = nullptr;
    Counter* late = nullptr;
    Counter* broken = nullptr;
    Counter* device_left = nullptr;
    Counter* bytes_in = nullptr;
    Counter* bytes_out = nullptr;
    Counter* tokens_in = nullptr;  // these two are made with the first token
    Counter* tokens_out = nullptr;
    std::map<RefusalReason, Counter*> refusals;  // made with the first of each
  };
  struct Hash {
    size_t operator()(const AppKey& key) const {
      return mix(std::hash<std::string>()(key.tenant.str()), std::hash<std::string>()(key.name.str()));
    }
  };
  App& app(const AppKey& key);
  void fill(App& app) const;
  void add_tokens(const AppKey& key, const ServedUsage& served);

  Registry& registry_;
  const SiteId site_;
  std::unordered_map<AppKey, App, Hash> apps_;    // the empty key: "other"
  std::pair<const AppKey, App>* last_ = nullptr;  // found: the next request is often of the same app
  std::map<SiteId, Counter*> forwards_;           // at most max_sites
  /// Of an engine's meter, up to which period its tokens were added. The one that was heard last is the last.
  struct Told {
    int64_t meter = 0;
    int64_t period = 0;
  };
  std::vector<Told> told_;
  static constexpr size_t most_meters = 16;
};

}  // namespace barrio::gateway
