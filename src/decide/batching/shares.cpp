#include "decide/batching/shares.h"

#include <algorithm>
#include <cmath>

namespace barrio::decide {

double Shares::left(const Flow& flow, Time now) {
  const double memories =
      static_cast<double>(std::max(Duration::zero(), now - flow.at).count()) / static_cast<double>(memory.count());
  return flow.used * std::exp(-memories);
}

void Shares::charge(uint32_t flow, double weight, double cost, Time now) {
  if (flow >= flows_.size()) flows_.resize(flow + 1);
  Flow& of = flows_[flow];
  of.used = std::max(0.0, left(of, now) + cost / weight);
  of.at = std::max(of.at, now);
}

double Shares::used(uint32_t flow, Time now) const {
  return flow < flows_.size() ? left(flows_[flow], now) : 0;
}

bool Shares::behind(uint32_t flow, Time now) const {
  const double own = used(flow, now) * same_use;
  return std::ranges::any_of(flows_, [&](const Flow& other) { return left(other, now) > own; });
}

}  // namespace barrio::decide
