#pragma once
// GET /barrio/v1/usage: what is asked, and what is answered as JSON or CSV.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/prices.h"
#include "model/usage.h"

namespace barrio::api {

/// Whole hours; `to` is not in it.
struct UsageQuery {
  WallTime from;
  WallTime to;
  TenantId tenant;  // these four: empty for all
  AppName app;
  BucketName bucket;
  SiteId site;
  struct By {
    bool tenant = false;
    bool app = false;
    bool bucket = false;
    bool site = false;
    bool to = false;    // where a bucket's bytes went
    bool hour = false;  // of these three at most one
    bool day = false;   // UTC
    bool month = false;
  } by;
  bool cost = false;  // told, too

  static constexpr auto longest = std::chrono::days(400);
  /// The value of a parameter of the query, if it is there.
  using Parameter = std::function<std::optional<std::string>(std::string_view name)>;
  /// `tenant`, if not empty, is the only one that may be asked for. Without from and to: the last 24 hours, and the
  /// present one. Without by: by tenant, app, bucket and site. Errors: invalid.
  static Result<UsageQuery> parse(const Parameter& parameter, const TenantId& tenant, WallTime now);
  bool wants(const UsageKey& key, const SiteId& site, WallTime hour) const;
};

/// One group; what the answer is not grouped by is empty.
struct UsageSum {
  std::string tenant;
  std::string app;
  std::string bucket;
  std::string site;
  std::string to;    // of a bucket's requests: the site that passed them on; empty: clients of `site`
  std::string hour;  // the first of the day or the month, where it is grouped by these
  Usage usage;
  std::optional<Euros> cost = {};  // none: nobody asked
};
BARRIO_DESCRIBE(UsageSum, (), (tenant, app, bucket, site, to, hour, usage, cost))

struct UsageAnswer {
  WallTime from;
  WallTime to;
  std::vector<UsageSum> lines;
  UsageSum total;
};
BARRIO_DESCRIBE(UsageAnswer, (), (from, to, lines, total))

struct PriceLists {
  std::vector<PriceList> lists;  // the oldest first
};
BARRIO_DESCRIBE(PriceLists, (), (lists))

/// RFC 4180 with a line of heads; without the total.
std::string usage_csv(const UsageAnswer& answer);

}  // namespace barrio::api
