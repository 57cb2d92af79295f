#pragma once
// What a tenant has spent in a calendar month (UTC), beside what it may. Pure, exact as Cost is.

#include <array>
#include <map>

#include "decide/pricing/cost.h"
#include "model/app.h"

namespace barrio::decide {

/// Percents of a cap that are told when they are reached.
inline constexpr std::array<int, 3> spend_marks = {50, 80, 100};
/// The highest of them that is reached; 0: none.
int spend_mark(Euros spent, Euros cap);
/// In whole percents, rounded down. `cap`: more than nothing.
int64_t spent_percent(Euros spent, Euros cap);

/// More replicas than before, or larger ones: what a tenant at its cap may not have.
bool asks_for_more(const AppSpec& before, const AppSpec& after);

/// Adds up a month from its rows as they come: twice, late, in any order; a row's total only grows. The last hours of
/// each app or bucket at each site are kept apart, all earlier ones are one sum.
class SpendTally {
 public:
  static constexpr size_t hours_apart = 3;

  explicit SpendTally(WallTime month) : month_(month) {}
  WallTime month() const { return month_; }
  /// Rows of other months do not count. False: it is of an hour that is in the sum already, so all rows have to be
  /// added up anew.
  [[nodiscard]] bool note(const SiteId& site, int64_t journal, const UsageRow& row, std::span<const PriceList> lists);
  Euros total() const;

 private:
  struct Line {
    Cost earlier;
    WallTime summed_until{};  // hours before this one are in `earlier`
    std::map<WallTime, Cost> hours;
  };
  struct LineKey {
    UsageKey of;
    SiteId site;
    int64_t journal = 0;
    auto operator<=>(const LineKey&) const = default;
  };

  WallTime month_;
  std::map<LineKey, Line> lines_;
};

}  // namespace barrio::decide
