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

bool SpendTally::note(const SiteId& site, int64_t journal, const UsageRow& row, std::span<const PriceList> lists) {
  if (month_of(row.hour) != month_) return true;
  const PriceList* prices = list_at(lists, row.hour);
  if (prices == nullptr) return true;
  Line& line = lines_[{row.app, site, journal}];
  if (row.hour < line.summed_until) return false;
  Cost cost;
  cost.add(row.usage, prices->prices);
  Cost& known = line.hours[row.hour];
  known = std::max(known, cost);
  if (line.hours.size() <= hours_apart) return true;
  const auto oldest = line.hours.begin();
  line.earlier += oldest->second;
  line.summed_until = oldest->first + std::chrono::hours(1);
  line.hours.erase(oldest);
  return true;
}

Euros SpendTally::total() const {
  Cost all;
  for (const auto& [key, line] : lines_) {
    all += line.earlier;
    for (const auto& [hour, cost] : line.hours) all += cost;
  }
  return all.total();
}

}  // namespace barrio::decide
