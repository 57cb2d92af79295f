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

/// Whose row it is.
struct TakenFrom {
  SiteId site;
  int64_t journal = 0;
  auto operator<=>(const TakenFrom&) const = default;
};

/// Adds up a month from its rows as they come: twice, late, in any order; a row's total only grows. The last hours of
/// each app or bucket at each site are kept apart, and all that are ahead of the present one; earlier ones are only in
/// the sum.
class SpendTally {
 public:
  static constexpr size_t hours_apart = 3;

  explicit SpendTally(WallTime month) : month_(month) {}
  WallTime month() const { return month_; }
  /// Rows of other months do not count. False: it is of an hour that is not apart any more, so all rows have to be
  /// added up anew. `now` is the caller's: a site's may be ahead.
  [[nodiscard]] bool note(const TakenFrom& from, const UsageRow& row, std::span<const PriceList> lists, WallTime now);
  /// Takes no longer however many rows there were.
  Euros total() const { return sum_.total(); }

 private:
  struct Line {
    WallTime summed_until{};  // hours before this one are only in the sum
    std::map<WallTime, Cost> hours;
  };
  struct LineKey {
    UsageKey of;
    TakenFrom from;
    auto operator<=>(const LineKey&) const = default;
  };

  WallTime month_;
  Cost sum_;  // of all
  std::map<LineKey, Line> lines_;
};

}  // namespace barrio::decide
