#include "sim/register_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.h"

namespace barrio::sim {

void RegisterHistory::written(size_t operation, Time now) {
  operations_[operation].end = now;
}

void RegisterHistory::read(size_t operation, Time now, Value value) {
  operations_[operation].end = now;
  operations_[operation].value = value;
}

size_t RegisterHistory::acknowledged() const {
  return static_cast<size_t>(
      std::ranges::count_if(operations_, [&](const Operation& one) { return !one.reads && has_answer(one); }));
}

Time RegisterHistory::settled(const Operation& write) const {
  if (has_answer(write)) return write.end;
  Time first = Time::max();
  for (const Operation& next : operations_) {
    if (!next.reads && has_answer(next) && next.begin > write.begin + latest_effect) first = std::min(first, next.end);
  }
  return first;
}

bool RegisterHistory::is_settled(const Operation& read) const {
  return std::ranges::none_of(operations_, [&](const Operation& write) {
    return !write.reads && !write.dropped && write.begin <= read.end && settled(write) >= read.begin;
  });
}

/// By a write that was acknowledged, began after this one had been done, and was done before the read began.
bool RegisterHistory::is_replaced(const Operation& write, const Operation& read) const {
  const Time done = has_answer(write) ? write.end : write.begin + latest_effect;
  return std::ranges::any_of(operations_, [&](const Operation& next) {
    return !next.reads && has_answer(next) && done < next.begin && next.end < read.begin;
  });
}

bool RegisterHistory::may_see(const Operation& read) const {
  static const Operation nothing_yet{};
  if (read.value == absent && !is_replaced(nothing_yet, read)) return true;
  return std::ranges::any_of(operations_, [&](const Operation& write) {
    return !write.reads && !write.dropped && write.value == read.value && write.begin <= read.end &&
           !is_replaced(write, read);
  });
}

bool RegisterHistory::is_possible() const {
  for (const Operation& one : operations_) {
    if (one.reads && has_answer(one) && !may_see(one)) return false;
  }
  return is_linearizable(relevant());
}

std::vector<RegisterHistory::Operation> RegisterHistory::relevant() const {
  std::set<Value> seen;
  for (const Operation& one : operations_) {
    if (one.reads && has_answer(one)) seen.insert(one.value);
  }
  std::vector<Operation> found;
  for (const Operation& one : operations_) {
    const bool is_open = one.end == Time::max();
    // What nobody saw and nobody acknowledged need not have been.
    if (one.dropped || (is_open && (one.reads || !seen.contains(one.value)))) continue;
    if (one.reads && !is_settled(one)) continue;
    found.push_back(one);
  }
  std::ranges::stable_sort(found, {}, &Operation::begin);
  return found;
}

namespace {

/// What was done, as the operations before `first` and some behind it; and what the object is then.
struct Done {
  size_t first = 0;
  std::vector<size_t> others;  // sorted, all behind first
  RegisterHistory::Value value = RegisterHistory::absent;
  auto operator<=>(const Done&) const = default;

  bool has(size_t operation) const { return operation < first || std::ranges::binary_search(others, operation); }
  Done with(size_t operation, RegisterHistory::Value now) const {
    Done next = *this;
    next.value = now;
    next.others.insert(std::ranges::upper_bound(next.others, operation), operation);
    while (!next.others.empty() && next.others.front() == next.first) {
      next.others.erase(next.others.begin());
      ++next.first;
    }
    return next;
  }
};

}  // namespace

bool RegisterHistory::is_linearizable(const std::vector<Operation>& all) {
  std::set<Done> seen;
  std::vector<Done> open = {Done{}};
  while (!open.empty()) {
    const Done done = std::move(open.back());
    open.pop_back();
    if (!seen.insert(done).second) continue;
    // Whatever is next has begun before any that is not done ends.
    Time latest = Time::max();
    bool all_answered = true;
    for (size_t i = done.first; i < all.size(); ++i) {
      if (done.has(i)) continue;
      latest = std::min(latest, all[i].end);
      all_answered = all_answered && all[i].end == Time::max();
    }
    if (all_answered) return true;
    for (size_t i = done.first; i < all.size() && all[i].begin <= latest; ++i) {
      if (done.has(i) || (all[i].reads && all[i].value != done.value)) continue;
      open.push_back(done.with(i, all[i].value));
    }
  }
  return false;
}

std::string RegisterHistory::text() const {
  std::string text;
  for (const Operation& one : operations_) {
    if (one.dropped) continue;
    const bool is_open = one.end == Time::max();
    const std::string end = is_open ? "?" : fmt::format("{:.3f}", to_ms(one.end.time_since_epoch()) / 1000);
    const std::string value = one.reads && is_open ? "?" : one.value == absent ? "nothing" : std::to_string(one.value);
    text += fmt::format("\n  {:.3f} - {} s: {} {}", to_ms(one.begin.time_since_epoch()) / 1000, end,
                        one.reads ? "read" : "write", value);
  }
  return text;
}

}  // namespace barrio::sim
