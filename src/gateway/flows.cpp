#include "gateway/flows.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace barrio::gateway {

namespace {
int64_t number_of(Time now) {
  return now.time_since_epoch() / FlowTable::window;
}
int64_t second_of(Time now) {
  return now.time_since_epoch() / 1s;
}
/// More or other replicas would have answered it.
bool wants_replicas(RefusalReason why) {
  return why == RefusalReason::unavailable || why == RefusalReason::overloaded || why == RefusalReason::objective;
}
}  // namespace

void FlowTable::Samples::add(Duration sample) {
  const auto value = static_cast<float>(to_ms(sample));
  ++seen;
  if (kept_ms.size() < most) {
    kept_ms.push_back(value);
    return;
  }
  // Reservoir sampling: every sample of the window is kept with the same probability.
  const uint64_t slot = Rng(seen).below(seen);
  if (slot < most) kept_ms[slot] = value;
}

LatencyPair FlowTable::Samples::percentiles() const {
  if (kept_ms.empty()) return {};
  std::vector<float> sorted = kept_ms;
  std::ranges::sort(sorted);
  const auto at = [&](double share) {
    const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return static_cast<double>(sorted[std::max<size_t>(rank, 1) - 1]);
  };
  return {at(0.5), at(0.99)};
}

FlowId FlowTable::find(const AppKey& app, const DeviceLocation* location, const LatLon& here) {
  const KeyView key{app, location != nullptr ? std::string_view(location->place) : "unknown"};
  if (last_ == nullptr || last_->first.place != key.place || last_->first.app != app) {
    const auto found = by_key_.find(key);
    last_ = found == by_key_.end() ? nullptr : &*found;
  }
  if (last_ != nullptr) {
    if (location != nullptr) entries_[last_->second].location.access = location->access;
    return last_->second;
  }
  if (entries_.size() >= most_flows) {
    ++dropped_;
    return no_flow;
  }
  const auto id = static_cast<FlowId>(entries_.size());
  Entry& entry = entries_.emplace_back();
  entry.app = app;
  if (location != nullptr)
    entry.location = *location;
  else
    entry.location = {.place = "unknown", .location = here, .access = Access::fibre, .jurisdiction = {}};
  by_key_.emplace(Key{app, std::string(key.place)}, id);
  return id;
}

FlowTable::Window& FlowTable::window_at(FlowId flow, Time now) {
  const int64_t number = number_of(now);
  Window& window_now = entries_[flow].windows[number & 1];
  if (window_now.number != number)
    window_now = Window{
        .number = number, .refusal = {}, .served_by = {}, .network = {}, .queue = {}, .compute = {}, .total = {}};
  return window_now;
}

void FlowTable::Offered::pass(int64_t to) {
  if (to <= second) return;
  if (to - second >= seconds) counts = {};
  for (int64_t next = std::max(second, to - seconds) + 1; next <= to; ++next)
    counts[static_cast<size_t>(next % seconds)] = 0;
  second = to;
}

double FlowTable::Offered::rate(int64_t of_seconds) const {
  uint64_t sum = 0;
  for (int64_t back = 1; back <= of_seconds; ++back)
    sum += counts[static_cast<size_t>((second - back + seconds) % seconds)];
  return static_cast<double>(sum) / static_cast<double>(of_seconds);
}

void FlowTable::offered(FlowId flow, Time now) {
  Offered& of = entries_[flow].offered;
  of.pass(second_of(now));
  ++of.counts[static_cast<size_t>(of.second % Offered::seconds)];
}

void FlowTable::answered(FlowId flow, const Answered& answer, Time now) {
  if (flow == no_flow) return;
  offered(flow, now);
  Window& into = window_at(flow, now);
  ++into.answered;
  into.late += answer.late ? 1 : 0;
  into.served_by = answer.served_by;
  into.network.add(answer.network);
  into.queue.add(answer.queue);
  into.compute.add(answer.compute);
  into.total.add(answer.total);
}

void FlowTable::refused(FlowId flow, RefusalReason why, Time now) {
  if (flow == no_flow) return;
  if (wants_replicas(why)) offered(flow, now);
  Window& into = window_at(flow, now);
  ++into.refused;
  into.refusal = to_name(why);
}

std::vector<Flow> FlowTable::recent(Time now) const {
  std::vector<Flow> flows;
  const int64_t number = number_of(now);
  const auto into_window = now.time_since_epoch() % window;
  for (const Entry& entry : entries_) {
    const Window& present = entry.windows[number & 1];
    const Window& last = entry.windows[(number + 1) & 1];
    const bool present_counts = present.number == number && present.answered + present.refused > 0;
    const bool last_counts = last.number == number - 1;
    // The present window alone once it has enough to say; who serves must not look ten seconds old.
    const bool use_present = present_counts && (!last_counts || into_window > window / 4);
    if (!use_present && !last_counts) continue;
    const Window& shown = use_present ? present : last;
    Offered offered = entry.offered;
    offered.pass(second_of(now));
    flows.push_back({.app = entry.app,
                     .place = entry.location.place,
                     .location = entry.location.location,
                     .access = entry.location.access,
                     .served_by = present_counts ? present.served_by : shown.served_by,
                     .answered = shown.answered,
                     .late = shown.late,
                     .refused = shown.refused,
                     .refusal = shown.refusal,
                     .network = shown.network.percentiles(),
                     .queue = shown.queue.percentiles(),
                     .compute = shown.compute.percentiles(),
                     .total = shown.total.percentiles(),
                     .seconds = use_present ? std::max(1.0, to_ms(into_window) / 1000) : to_ms(window) / 1000,
                     .offered_2s = offered.rate(2),
                     .offered_10s = offered.rate(10)});
  }
  return flows;
}

}  // namespace barrio::gateway
