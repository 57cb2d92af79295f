#include "decide/pricing/cost.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace barrio::decide {

namespace {

constexpr int64_t per_thousand = 1000;
constexpr int64_t per_million = 1'000'000;
constexpr int64_t per_gb = 1'000'000'000;
constexpr int64_t per_hour_us = 3'600'000'000;
/// Of a nano-euro: a common multiple of these, so that each price of one unit is a whole number of parts.
constexpr int64_t parts_each = 18'000'000'000;
static_assert(parts_each % per_thousand == 0 && parts_each % per_million == 0 && parts_each % per_gb == 0 &&
              parts_each % per_hour_us == 0);

}  // namespace

void Cost::add_parts(Wide parts) {
  if (__builtin_add_overflow(parts_, parts, &parts_)) parts_ = ~Wide{0};
}

void Cost::add_part(int64_t amount, Euros price, int64_t per) {
  const Wide each = static_cast<Wide>(price.nanos()) * static_cast<Wide>(parts_each / per);  // below 2^75
  Wide parts = 0;
  add_parts(__builtin_mul_overflow(static_cast<Wide>(amount), each, &parts) ? ~Wide{0} : parts);
}

void Cost::add(const Usage& usage, const Prices& prices) {
  const ServedUsage& served = usage.served;
  const StoredUsage& stored = usage.stored;
  add_part(served.requests, prices.per_1000_requests, per_thousand);
  add_part(served.frames, prices.per_1000_frames, per_thousand);
  add_part(served.tokens_in, prices.per_million_tokens_in, per_million);
  add_part(served.tokens_out, prices.per_million_tokens_out, per_million);
  add_part(served.compute_us, prices.per_device_hour, per_hour_us);
  add_part(served.bytes_in, prices.per_gb_in, per_gb);
  add_part(stored.bytes_in, prices.per_gb_in, per_gb);
  add_part(served.bytes_out, prices.per_gb_out, per_gb);
  add_part(stored.bytes_out, prices.per_gb_out, per_gb);
  for (const int64_t passed : {usage.forwarded.bytes_in, usage.forwarded.bytes_out, stored.passed_back})
    add_part(passed, prices.per_gb_passed_on, per_gb);
  add_part(stored.byte_hours, prices.per_gb_hour_stored, per_gb);
  add_part(stored.reads, prices.per_1000_reads, per_thousand);
  for (const int64_t written : {stored.writes, stored.lists, stored.deletes})
    add_part(written, prices.per_1000_writes, per_thousand);
}

Cost& Cost::operator+=(const Cost& more) {
  add_parts(more.parts_);
  return *this;
}

Cost Cost::beyond(const Cost& less) const {
  CHECK(less.parts_ <= parts_);
  Cost rest;
  rest.parts_ = parts_ - less.parts_;
  return rest;
}

Euros Cost::total() const {
  const Wide nanos = parts_ / parts_each + (parts_ % parts_each >= parts_each / 2 ? 1 : 0);
  constexpr Wide most = std::numeric_limits<int64_t>::max();
  return Euros::of_nanos(static_cast<int64_t>(std::min(nanos, most)));
}

const PriceList* list_at(std::span<const PriceList> lists, WallTime hour) {
  const auto after = std::ranges::upper_bound(lists, hour, {}, &PriceList::from);
  return after == lists.begin() ? nullptr : &*std::prev(after);
}

}  // namespace barrio::decide
