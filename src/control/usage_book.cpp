#include "control/usage_book.h"

#include <array>
#include <map>

#include "base/log.h"
#include "base/text.h"
#include "control/desired.h"
#include "decide/pricing/cost.h"

namespace barrio::control {

namespace {

constexpr size_t most_lines = 100'000;  // of an answer
constexpr size_t most_rows_at_once = 100;

struct Through {
  int64_t sequence = 0;
};
BARRIO_DESCRIBE(Through, (), (sequence))

std::string through_key(const SiteId& site, int64_t journal) {
  return "through/" + site.str() + "/" + std::to_string(journal);
}

std::string day_of(WallTime time) {
  return to_string(time).substr(0, 10);  // "2026-11-24"
}

/// No app is called so: a label has no ':'.
std::string name_in_key(const UsageKey& key) {
  if (key.name) return key.name->str();
  return "bucket:" + key.bucket->str() + (key.to ? ":" + key.to->str() : "");
}

std::string row_key(const SiteId& site, int64_t journal, const UsageRow& row) {
  return "hour/" + day_of(row.hour) + "/" + row.app.tenant.str() + "/" + name_in_key(row.app) + "/" +
         to_string(row.hour).substr(11, 2) + "/" + site.str() + "/" + std::to_string(journal);
}

template <class Name>
std::string text_of(const std::optional<Name>& name) {
  return name ? name->str() : "";
}

/// A row as it is stored, and of which journal of which site.
Result<TakenRow> read_row(const ports::Entry& entry) {
  const auto parts = split(entry.key, '/');
  const auto journal = parts.size() == 7 ? parse_uint(parts[6]) : std::nullopt;
  if (!journal) return fail(Code::unavailable, "the key of a stored row cannot be read", entry.key);
  TRY(SiteId site, SiteId::parse(parts[5]));
  TRY(UsageRow row, read_json<UsageRow>(entry));
  return TakenRow{std::move(site), static_cast<int64_t>(*journal), std::move(row)};
}

Result<void> check(const UsageShipment& shipment) {
  if (shipment.journal <= 0) return fail(Code::invalid, "must be positive", "usage.journal");
  if (shipment.after < 0 || shipment.through < shipment.after) {
    return fail(Code::invalid, "must be from 'after' on", "usage.through");
  }
  if (shipment.rows.size() > UsageBook::most_rows_shipped) {
    return fail(Code::invalid, "more than " + std::to_string(UsageBook::most_rows_shipped) + " rows", "usage.rows");
  }
  for (const UsageRow& row : shipment.rows) {
    if (row.hour != hour_of(row.hour)) return fail(Code::invalid, "must be the start of an hour", "usage.rows.hour");
  }
  return {};
}

/// Adds up rows by what the query groups by.
class Sums {
 public:
  Sums(const api::UsageQuery& query, std::vector<PriceList> prices) : query_(query), prices_(std::move(prices)) {}

  Result<void> add(const ports::Entry& entry) {
    TRY(const TakenRow taken, read_row(entry));
    const auto& [site, journal, row] = taken;
    if (!query_.wants(row.app, site, row.hour)) return {};
    const auto& by = query_.by;
    const Group group{time_of(row.hour),
                      by.tenant ? row.app.tenant.str() : "",
                      by.app ? text_of(row.app.name) : "",
                      by.bucket ? text_of(row.app.bucket) : "",
                      by.site ? site.str() : "",
                      by.to ? text_of(row.app.to) : ""};
    const PriceList* prices = query_.cost ? decide::list_at(prices_, row.hour) : nullptr;
    for (Sum* sum : {&groups_[group], &total_}) {
      sum->usage += row.usage;
      if (prices != nullptr) sum->cost.add(row.usage, prices->prices);
    }
    if (groups_.size() <= most_lines) return {};
    return fail(Code::invalid, "more than " + std::to_string(most_lines) + " lines; ask for a shorter time", "from");
  }

  Result<void> add_all(const ports::Listing& listing) {
    for (const ports::Entry& entry : listing.entries) TRY_DO(add(entry));
    return {};
  }

  api::UsageAnswer answer() const {
    api::UsageAnswer answer{query_.from, query_.to, {}, {}};
    for (const auto& [group, sum] : groups_) {
      const auto& [hour, tenant, app, bucket, site, to] = group;
      answer.lines.push_back({tenant, app, bucket, site, to, hour, sum.usage, cost_of(sum)});
    }
    answer.total.usage = total_.usage;
    answer.total.cost = cost_of(total_);
    return answer;
  }

 private:
  using Group = std::array<std::string, 6>;  // time, tenant, app, bucket, site, to
  struct Sum {
    Usage usage;
    decide::Cost cost;
  };

  /// The beginning of the hour, day or month that the row counts in; empty: all count together.
  std::string time_of(WallTime hour) const {
    const auto& by = query_.by;
    if (by.hour) return to_string(hour);
    if (by.day) return to_string(WallTime(std::chrono::floor<std::chrono::days>(hour)));
    return by.month ? to_string(month_of(hour)) : "";
  }
  std::optional<Euros> cost_of(const Sum& sum) const {
    return query_.cost ? std::optional(sum.cost.total()) : std::nullopt;
  }

  const api::UsageQuery& query_;
  const std::vector<PriceList> prices_;
  std::map<Group, Sum> groups_;
  Sum total_;
};

}  // namespace

Result<int64_t> UsageBook::take(const SiteId& site, const UsageShipment& shipment) {
  Result<int64_t> through = fail(Code::conflict, "not tried");
  for (int attempt = 0; attempt < ports::change_attempts; ++attempt) {
    through = try_take(site, shipment);
    if (through || through.error().code != Code::conflict) break;
  }
  if (!through) {
    ++figures_.failures;
    log_error("usage not taken; the site keeps it", {{"site", site.str()}, {"why", through.error().text()}});
  }
  return through;
}

Result<int64_t> UsageBook::try_take(const SiteId& site, const UsageShipment& shipment) {
  TRY_DO(check(shipment));
  const std::string key = through_key(site, shipment.journal);
  TRY(const auto entry, store_.get(key));
  Through through;
  if (entry) {
    TRY(through, read_json<Through>(*entry));
  }
  if (shipment.through <= through.sequence) {
    ++figures_.duplicates;
    return through.sequence;
  }
  if (shipment.after > through.sequence) {
    ++figures_.gaps;
    log_error("usage refused: something before it is missing here", {{"site", site.str()},
                                                                     {"journal", std::to_string(shipment.journal)},
                                                                     {"here through", std::to_string(through.sequence)},
                                                                     {"came after", std::to_string(shipment.after)}});
    return through.sequence;
  }
  const std::vector<ports::Guard> guards = {{key, entry ? entry->revision : 0}};
  std::vector<ports::Write> writes;
  for (const UsageRow& row : shipment.rows) {
    writes.push_back(write_json(row_key(site, shipment.journal, row), row));
    if (writes.size() < most_rows_at_once) continue;
    TRY_DO(store_.commit(guards, std::exchange(writes, {})));
  }
  writes.push_back(write_json(key, Through{shipment.through}));
  TRY_DO(store_.commit(guards, std::move(writes)));
  if (!entry) log_info("a new usage journal", {{"site", site.str()}, {"journal", std::to_string(shipment.journal)}});
  ++figures_.shipments;
  figures_.rows += shipment.rows.size();
  return shipment.through;
}

Result<api::UsageAnswer> UsageBook::report(const api::UsageQuery& query, std::vector<PriceList> prices) const {
  Sums sums(query, std::move(prices));
  for (WallTime day = std::chrono::floor<std::chrono::days>(query.from); day < query.to; day += std::chrono::days(1)) {
    std::string prefix = "hour/" + day_of(day) + "/";
    if (!query.tenant.empty()) prefix += query.tenant.str() + "/" + (query.app.empty() ? "" : query.app.str() + "/");
    TRY(const auto listing, store_.list(prefix));
    Result<void> added;
    runtime_.offload([&] { added = sums.add_all(listing); });
    TRY_DO(std::move(added));
  }
  return sums.answer();
}

Result<std::vector<TakenRow>> UsageBook::rows(const TenantId& tenant, WallTime day) const {
  TRY(auto listing, store_.list("hour/" + day_of(day) + "/" + tenant.str() + "/"));
  std::vector<TakenRow> rows;
  Result<void> read;
  runtime_.offload([&] {
    const ports::Listing here = std::move(listing);  // to be freed here, not on the loop: there may be very many
    for (const ports::Entry& entry : here.entries) {
      auto row = read_row(entry);
      if (!row) return void(read = fail(row.error()));
      rows.push_back(std::move(*row));
    }
  });
  TRY_DO(std::move(read));
  return rows;
}

}  // namespace barrio::control
