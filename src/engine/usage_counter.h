#pragma once
// Counts what is billed of work that no gateway sees: frames of streams, tokens of texts. On the engine's loop.

#include <span>
#include <vector>

#include "model/usage.h"

namespace barrio::engine {

class UsageCounter {
 public:
  virtual ~UsageCounter() = default;
  virtual void add(const AppKey& app, const Usage& usage) = 0;
  /// What the site's journal does not have: one period, the same again until it has that; then the next, if anything
  /// was added since.
  virtual std::vector<UsageRecord> cut(std::span<const JournaledPeriod> journaled) = 0;
};

}  // namespace barrio::engine
