#pragma once
// What usage costs by the prices of its time. Exact: everything is added up as whole parts of a nano-euro, and rounded
// once, when the sum is told; so what a tenant pays does not depend on how its usage was cut into hours and sites.

#include <compare>
#include <span>

#include "model/prices.h"
#include "model/usage.h"

namespace barrio::decide {

class Cost {
 public:
  /// No amount is negative (Usage::check). What is not billed costs nothing.
  void add(const Usage& usage, const Prices& prices);
  Cost& operator+=(const Cost& more);
  /// What this is more than `less`, which is at most this.
  Cost beyond(const Cost& less) const;
  auto operator<=>(const Cost&) const = default;
  /// Rounded to the nearest nano-euro, a half upwards. What is too much to be told is the most that can be.
  Euros total() const;

 private:
  using Wide = unsigned __int128;
  void add_parts(Wide parts);
  void add_part(int64_t amount, Euros price, int64_t per);
  Wide parts_ = 0;
};

/// The list that counts in this hour; null: none yet. `lists`: by `from`, the oldest first.
const PriceList* list_at(std::span<const PriceList> lists, WallTime hour);

}  // namespace barrio::decide
