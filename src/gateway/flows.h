#pragma once
// Who was served how fast over the last ten seconds: one Flow per app and place, for the console and `barrio explain`.
// Bounded: at most `most_flows`; what does not fit is counted, not kept. Pass `now`: nothing here reads a clock.

#include <array>
#include <map>
#include <string>
#include <vector>

#include "decide/routing/site_set.h"
#include "model/refusal.h"
#include "model/snapshot.h"

namespace barrio::gateway {

struct Answered {
  SiteId served_by;
  bool late = false;
  Duration network{};
  Duration queue{};
  Duration compute{};
  Duration total{};
};

using FlowId = uint32_t;
inline constexpr FlowId no_flow = UINT32_MAX;

class FlowTable {
 public:
  static constexpr size_t most_flows = 4096;
  static constexpr Duration window = 10s;

  /// The flow of this app's devices in this place; allocates only the first time. `location` none: unknown place at
  /// `here`.
  FlowId find(const AppKey& app, const DeviceLocation* location, const LatLon& here);
  void answered(FlowId flow, const Answered& answer, Time now);
  void refused(FlowId flow, RefusalReason why, Time now);
  /// Flows with a request in the last whole window, or in the present one.
  std::vector<Flow> recent(Time now) const;
  uint64_t dropped() const { return dropped_; }

 private:
  /// Samples of one part of the time: enough for a p99, thinned when more come.
  struct Samples {
    static constexpr size_t most = 512;
    std::vector<float> kept_ms;
    uint64_t seen = 0;
    void add(Duration sample);
    LatencyPair percentiles() const;
  };
  struct Window {
    int64_t number = -1;  // now / window
    int64_t answered = 0;
    int64_t late = 0;
    int64_t refused = 0;
    std::string refusal;
    SiteId served_by;
    Samples network, queue, compute, total;
  };
  /// Requests by second.
  struct Offered {
    static constexpr int64_t seconds = 11;  // ten that are over, and the present one
    std::array<uint32_t, seconds> counts{};
    int64_t second = 0;  // the present one
    void pass(int64_t to);
    /// A second, over the last ones that are over.
    double rate(int64_t of_seconds) const;
  };
  struct Entry {
    AppKey app;
    DeviceLocation location;
    Window windows[2];  // by parity of their number
    Offered offered;
  };
  struct Key {
    AppKey app;
    std::string place;
    auto operator<=>(const Key&) const = default;
  };
  struct KeyView {
    const AppKey& app;
    std::string_view place;
  };
  struct Less {
    using is_transparent = void;
    static std::pair<const AppKey&, std::string_view> tie(const Key& key) { return {key.app, key.place}; }
    static std::pair<const AppKey&, std::string_view> tie(const KeyView& key) { return {key.app, key.place}; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return tie(a) < tie(b);
    }
  };
  Window& window_at(FlowId flow, Time now);
  void offered(FlowId flow, Time now);

  std::map<Key, FlowId, Less> by_key_;
  const std::pair<const Key, FlowId>* last_ = nullptr;  // found: the next request is often of the same flow
  std::vector<Entry> entries_;
  uint64_t dropped_ = 0;
};

}  // namespace barrio::gateway
