#include "decide/pricing/spending.h"

#include <algorithm>
#include <limits>

namespace barrio::decide {

namespace {

using Wide = unsigned __int128;

Wide hundredfold(Euros amount) {
  return static_cast<Wide>(amount.nanos()) * 100;
}

/// None: no bound, which is more than any.
template <class T>
bool is_more(const std::optional<T>& after, const std::optional<T>& before) {
  return before && (!after || *after > *before);
}

}  // namespace

int spend_mark(Euros spent, Euros cap) {
  int reached = 0;
  for (const int mark : spend_marks) {
    if (hundredfold(spent) >= static_cast<Wide>(cap.nanos()) * static_cast<Wide>(mark)) reached = mark;
  }
  return reached;
}

int64_t spent_percent(Euros spent, Euros cap) {
  constexpr Wide most = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(std::min(most, hundredfold(spent) / static_cast<Wide>(cap.nanos())));
}

bool asks_for_more(const AppSpec& before, const AppSpec& after) {
  if (is_more(after.replicas, before.replicas)) return true;
  if (after.scale && (!before.scale || is_more(after.scale->most, before.scale->most))) return true;
  const Resources& was = before.resources;
  const Resources& is = after.resources;
  return is.power > was.power || is.memory > was.memory || is.cores > was.cores || is.accelerators > was.accelerators ||
         is.accelerator != was.accelerator || is.slice != was.slice ||
         is.storage.value_or(Bytes(0)) > was.storage.value_or(Bytes(0));
}

bool SpendTally::note(const TakenFrom& from, const UsageRow& row, std::span<const PriceList> lists, WallTime now) {
  if (month_of(row.hour) != month_) return true;
  const PriceList* prices = list_at(lists, row.hour);
  if (prices == nullptr) return true;
  Line& line = lines_[{row.app, from}];
  if (row.hour < line.summed_until) return false;
  Cost cost;
  cost.add(row.usage, prices->prices);
  Cost& known = line.hours[row.hour];
  if (cost > known) {
    sum_ += cost.beyond(known);
    known = cost;
  }
  const WallTime apart_from = barrio::hour_of(now) - std::chrono::hours(hours_apart);
  while (line.hours.size() > hours_apart && line.hours.begin()->first < apart_from) {
    line.summed_until = line.hours.begin()->first + std::chrono::hours(1);
    line.hours.erase(line.hours.begin());
  }
  return true;
}

}  // namespace barrio::decide
