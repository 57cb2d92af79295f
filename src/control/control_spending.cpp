// What tenants may spend in a month. What they have spent is added up in memory from the rows that sites ship, and from
// the store when that is not known; what follows from it (marks that were told, who has reached the cap) is in the
// state, so that it is so after a restart, too.

#include <algorithm>

#include "base/log.h"
#include "control/control.h"

namespace barrio::control {

namespace {

constexpr size_t most_caps_written = 100;  // in one commit; the rest a second later

constexpr size_t most_rows_noted = 1000;  // at once, of a day's; then others of this loop have their turn

/// A clock that goes back over the end of a month by less is awaited; one that goes back further was wrong before.
constexpr auto clock_back = std::chrono::hours(24);

/// As it is once so much is spent in this month.
SpendCap judged(SpendCap cap, Euros spent, WallTime now) {
  const SpendCap before = cap;
  const WallTime month = month_of(now);
  if (month < cap.month && cap.month - now <= clock_back) return cap;
  if (cap.month != month) cap.told = 0;
  cap.month = month;
  const int mark = decide::spend_mark(spent, cap.cap);
  cap.told = std::max(cap.told, mark);
  cap.reached = mark == decide::spend_marks.back();
  if (cap.told != before.told || cap.reached != before.reached || month != before.month) cap.spent = spent;
  return cap;
}

/// Of a tenant that has reached it.
SpendStop stop_of(const SpendCap& cap) {
  return {cap.cap, next_month(cap.month)};
}

}  // namespace

Result<void> Control::set_spend_cap(const TenantId& tenant, Euros wanted, const Author& by) {
  if (wanted.nanos() <= 0) return fail(Code::invalid, "must be more than 0EUR", "cap");
  if (usage_ == nullptr) return fail(Code::unsupported, "this control keeps no usage", "cap");
  auto set = [&]() -> Result<Edit> {
    TRY_DO(known_tenant(tenant));
    const std::string key = key::spend_cap(tenant);
    const auto known = desired_.spend_caps.find(tenant);
    const WallTime now = runtime_.wall();
    SpendCap next{tenant, wanted, now, month_of(now), 0, false, {}};
    if (known != desired_.spend_caps.end()) {
      if (known->second.cap == wanted) return Edit{};
      const bool raised = wanted > known->second.cap;
      // Not to let go for a moment who has spent more than the higher cap, too.
      if (!raised) next = known->second;
      if (raised) next.since = std::max(now, known->second.since + 1ms);
      next.cap = wanted;
      const auto spent = spent_in(tenant, next.month);
      // Until it is known what was spent, a higher cap lets nobody go.
      if (!spent && raised && known->second.month == next.month) next.reached = known->second.reached;
      if (spent) next = judged(next, *spent, now);
    }
    return Edit{{desired_.guard(key)}, {write_json(key, next)}, wanted.str()};
  };
  TRY_DO(change({by, "spend cap set", tenant.str(), tenant}, set));
  log_info("spend cap set", {{"tenant", tenant.str()}, {"cap", wanted.str()}});
  // What of it fails is done again within a second.
  if (leads()) static_cast<void>(count_one(tenant, month_of(runtime_.wall())));
  return {};
}

Result<void> Control::remove_spend_cap(const TenantId& tenant, const Author& by) {
  auto erase = [&]() -> Result<Edit> {
    TRY_DO(known_tenant(tenant));
    const std::string key = key::spend_cap(tenant);
    if (!desired_.spend_caps.contains(tenant)) {
      return fail(Code::not_found, "tenant " + tenant.str() + " has no spend cap");
    }
    return Edit{{desired_.guard(key)}, {{key, std::nullopt}}};
  };
  TRY_DO(change({by, "spend cap remove", tenant.str(), tenant}, erase));
  log_info("spend cap removed", {{"tenant", tenant.str()}});
  return {};
}

std::optional<Euros> Control::spent_in(const TenantId& tenant, WallTime month) const {
  const auto known = spending_.find(tenant);
  if (known == spending_.end()) return std::nullopt;
  const Spending& spending = known->second;
  if (!spending.whole || spending.missed || spending.tally.month() != month) return std::nullopt;
  return spending.tally.total();
}

std::optional<api::SpendingView> Control::spending(const TenantId& tenant) const {
  const auto known = desired_.spend_caps.find(tenant);
  if (known == desired_.spend_caps.end()) return std::nullopt;
  const WallTime month = month_of(runtime_.wall());
  const SpendCap& cap = known->second;
  api::SpendingView view{.cap = cap.cap, .until = next_month(month), .reached = cap.reached && cap.month == month};
  view.spent = spent_in(tenant, month);
  if (view.spent) view.percent = decide::spent_percent(*view.spent, cap.cap);
  // A cap below what is spent already is reached, though the stop is written with the next count.
  view.reached = view.reached || (view.spent && *view.spent >= cap.cap);
  return view;
}

std::map<std::string, SpendStop> Control::spend_stops() const {
  std::map<std::string, SpendStop> stops;
  for (const auto& [tenant, cap] : desired_.spend_caps) {
    if (cap.reached) stops[tenant.str()] = stop_of(cap);
  }
  return stops;
}

std::optional<SpendStop> Control::spend_stop(const TenantId& tenant) const {
  const auto cap = desired_.spend_caps.find(tenant);
  if (cap == desired_.spend_caps.end() || !cap->second.reached) return std::nullopt;
  const SpendStop stop = stop_of(cap->second);
  return stop.holds(runtime_.wall()) ? std::optional(stop) : std::nullopt;
}

std::optional<Refusal> Control::over_spend_cap(const TenantId& tenant, const AppSpec* before,
                                               const AppSpec& after) const {
  const auto stop = spend_stop(tenant);
  if (!stop) return std::nullopt;
  // A wider policy, or a shorter objective, may mean more replicas, too.
  const auto planned = [&](const AppSpec& spec) { return plan({tenant, spec, 0}).replicas.size(); };
  const bool grows = before == nullptr || decide::asks_for_more(*before, after) || planned(after) > planned(*before);
  if (!grows) return std::nullopt;
  return Refusal{RefusalReason::spend_cap, stop->detail(tenant), stop->nearest(tenant)};
}

void Control::note_spending(const SiteId& site, const UsageShipment& shipment) {
  const WallTime now = runtime_.wall();
  for (const UsageRow& row : shipment.rows) {
    const auto known = spending_.find(row.app.tenant);
    if (known == spending_.end()) continue;
    if (!known->second.tally.note({site, shipment.journal}, row, spending_prices_, now)) known->second.missed = true;
  }
}

Result<void> Control::count_spending() {
  if (usage_ == nullptr || !leads()) return {};
  if (desired_.spend_caps.empty() && spending_.empty()) return {};
  const WallTime month = month_of(runtime_.wall());
  drop_tallies();
  std::vector<TenantId> due;
  for (const auto& [tenant, cap] : desired_.spend_caps) {
    if (!spent_in(tenant, month)) due.push_back(tenant);
  }
  // What is known is told first, and who cannot be counted keeps nobody else's waiting.
  Result<void> done = tell_spending();
  for (const TenantId& tenant : due) {
    if (runtime_.stopping() || !leads()) break;
    const Result<void> counted = count_one(tenant, month);
    if (done && !counted) done = counted;
  }
  return done;
}

/// Of tenants that have no cap any more, and all that were made at other prices.
void Control::drop_tallies() {
  if (spending_prices_ != desired_.prices) {
    spending_.clear();
    spending_prices_ = desired_.prices;
  }
  std::erase_if(spending_, [&](const auto& known) { return !desired_.spend_caps.contains(known.first); });
}

/// The turn is for one tenant: who sets a cap waits for that tenant's figures and, at most, for those under way.
Result<void> Control::count_one(const TenantId& tenant, WallTime month) {
  {
    const ports::Turn::Hold turn(counting_);
    drop_tallies();
    if (desired_.spend_caps.contains(tenant) && !spent_in(tenant, month)) TRY_DO(recount(tenant, month));
  }
  return tell_spending();
}

/// From the store. What sites ship meanwhile is noted in the same tally, so nothing is missed between the two.
Result<void> Control::recount(const TenantId& tenant, WallTime month) {
  spending_.insert_or_assign(tenant, Spending{decide::SpendTally(month)});
  const int64_t leadership = hearer_;
  const auto is_over = [&] { return hearer_ != leadership || !spending_.contains(tenant); };
  const auto over = fail(Code::conflict, "another leadership has begun meanwhile, or other prices");
  // To the month's end: clocks of sites may be ahead, and the bill has their hours, too.
  for (WallTime day = month; day < next_month(month); day += std::chrono::days(1)) {
    TRY(auto rows, usage_->rows(tenant, day));
    for (size_t from = 0; from == 0 || from < rows.size(); from += most_rows_noted) {
      if (from > 0) runtime_.sleep_for(1ms);
      if (is_over()) return over;
      Spending& known = spending_.at(tenant);
      for (size_t at = from; at < std::min(from + most_rows_noted, rows.size()); ++at) {
        const auto& [site, journal, row] = rows[at];
        if (!known.tally.note({site, journal}, row, spending_prices_, runtime_.wall())) known.missed = true;
      }
    }
    if (rows.size() > most_rows_noted) runtime_.offload([&] { rows = {}; });  // many are as long freed as read
  }
  if (is_over()) return over;
  spending_.at(tenant).whole = true;
  return {};
}

Result<void> Control::tell_spending() {
  const ports::Turn::Hold turn(stepping_);
  TRY_DO(load());
  const WallTime now = runtime_.wall();
  Writes writes;
  std::vector<ports::Guard> guards;
  for (const auto& [tenant, cap] : desired_.spend_caps) {
    const auto spent = spent_in(tenant, month_of(now));
    if (!spent) continue;
    const SpendCap next = judged(cap, *spent, now);
    if (next == cap || writes.size() >= most_caps_written) continue;
    const std::string key = key::spend_cap(tenant);
    guards.push_back(desired_.guard(key));
    writes.push_back(write_json(key, next));
    if (next.reached != cap.reached) {
      log_info(next.reached ? "a tenant has spent its cap" : "a tenant may spend again",
               {{"tenant", tenant.str()}, {"cap", cap.cap.str()}, {"spent", spent->str()}});
    }
  }
  if (writes.empty()) return {};
  TRY_DO(state_.commit(std::move(guards), std::move(writes)));
  return step_holding();
}

}  // namespace barrio::control
