#include "decide/limits/fair_share.h"

#include <algorithm>

#include "base/check.h"

namespace barrio::decide {

FairShare::FairShare(uint32_t capacity) : capacity_(capacity) {
  CHECK(capacity > 0);
}

bool FairShare::enter(uint32_t index, double weight, Time now) {
  if (index >= members_.size()) members_.resize(index + 1);
  Member& member = members_[index];
  member.seen = now;
  member.weight = weight;
  if (!member.active) {
    member.active = true;
    active_.push_back(index);
    divide(now);
  } else if (now >= due_) {
    divide(now);
  }
  if (member.held >= member.allowance || total_ >= 2 * capacity_) {
    member.wants_more = true;
    return false;
  }
  ++member.held;
  ++total_;
  member.peak = std::max(member.peak, member.held);
  return true;
}

void FairShare::leave(uint32_t index) {
  CHECK(index < members_.size() && members_[index].held > 0);
  --members_[index].held;
  --total_;
}

void FairShare::forget(uint32_t index) {
  if (index >= members_.size()) return;
  CHECK(members_[index].held == 0);
  if (members_[index].active) std::erase(active_, index);
  members_[index] = {};
}

void FairShare::drop_idle(Time now) {
  std::erase_if(active_, [&](uint32_t index) {
    Member& member = members_[index];
    if (member.held > 0 || now - member.seen < active_for) return false;
    member = {};
    return true;
  });
}

double FairShare::demand(const Member& member) const {
  if (member.wants_more) return capacity_;
  return std::min<double>(capacity_, 2.0 * std::max(member.peak, member.held) + headroom);
}

void FairShare::divide(Time now) {
  if (now >= due_) drop_idle(now);
  // Those who want least for their weight are served first; what they leave is divided among the rest.
  std::ranges::sort(active_, {}, [&](uint32_t index) { return demand(members_[index]) / members_[index].weight; });
  double weights = 0;
  for (const uint32_t index : active_) weights += members_[index].weight;
  double left = capacity_;
  double left_weights = weights;
  for (const uint32_t index : active_) {
    Member& member = members_[index];
    const double own = capacity_ * member.weight / weights;
    const double given = std::min(demand(member), left * member.weight / left_weights);
    left -= given;
    left_weights -= member.weight;
    member.allowance = std::max(1U, static_cast<uint32_t>(std::max(own, given)));
  }
  if (now < due_) return;  // between two looks: a member woke up
  due_ = now + period;
  for (const uint32_t index : active_) {
    Member& member = members_[index];
    member.peak = std::max(member.held, member.peak - member.peak / 8);
    member.wants_more = false;
  }
}

}  // namespace barrio::decide
