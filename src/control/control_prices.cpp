// The operator's prices.

#include <algorithm>

#include "base/log.h"
#include "control/control.h"

namespace barrio::control {

namespace {

constexpr size_t most_price_lists = 1000;

}  // namespace

Result<void> Control::set_prices(const PriceList& list, const Author& by) {
  if (list.from != hour_of(list.from)) return fail(Code::invalid, "must be the start of an hour", "from");
  auto set = [&]() -> Result<Edit> {
    const auto& known = desired_.prices;
    const auto same = std::ranges::find(known, list.from, &PriceList::from);
    if (same != known.end() && *same == list) return Edit{};
    // What was used by an earlier hour's prices has perhaps been billed by them.
    if (!known.empty() && list.from < hour_of(runtime_.wall())) {
      return fail(Code::invalid, "must not be before " + to_string(hour_of(runtime_.wall())) + ", this hour", "from");
    }
    if (same == known.end() && known.size() >= most_price_lists) {
      return fail(Code::exhausted, "there are " + std::to_string(most_price_lists) + " price lists already");
    }
    const std::string key = key::prices(list.from);
    return Edit{{desired_.guard(key)}, {write_json(key, list)}, print_json(to_json(list.prices))};
  };
  TRY_DO(change({by, "prices set", to_string(list.from)}, set));
  log_info("prices set", {{"from", to_string(list.from)}});
  return {};
}

}  // namespace barrio::control
