#include "api/operator/usage.h"

#include "base/text.h"

namespace barrio::api {

namespace {

template <class Id>
Result<Id> id_of(const std::optional<std::string>& text, const char* name) {
  if (!text || text->empty()) return Id();
  auto id = Id::parse(*text);
  if (!id) return fail(Code::invalid, id.error().what, name);
  return id;
}

Result<WallTime> time_of(const std::optional<std::string>& text, const char* name, WallTime otherwise) {
  if (!text || text->empty()) return otherwise;
  auto time = parse_wall_time(*text);
  if (!time) return fail(Code::invalid, time.error().what, name);
  return time;
}

Result<UsageQuery::By> by_of(const std::string& text) {
  UsageQuery::By by;
  for (const std::string_view word : split(text, ',')) {
    if (word == "tenant") {
      by.tenant = true;
    } else if (word == "app") {
      by.tenant = by.app = true;  // names of apps mean something within their tenant only
    } else if (word == "bucket") {
      by.tenant = by.bucket = true;
    } else if (word == "to") {
      by.to = true;
    } else if (word == "site") {
      by.site = true;
    } else if (word == "hour") {
      by.hour = true;
    } else if (word == "day") {
      by.day = true;
    } else if (word == "month") {
      by.month = true;
    } else {
      return fail(Code::invalid,
                  "'" + std::string(word.substr(0, 40)) +
                      "' must be tenant, app, bucket, site, to, hour, day or month, or several: app,hour",
                  "by");
    }
  }
  if (by.hour + by.day + by.month > 1) return fail(Code::invalid, "must be one of hour, day and month", "by");
  return by;
}

Result<bool> cost_of(const std::optional<std::string>& text) {
  if (!text || *text == "false") return false;
  if (*text == "true") return true;
  return fail(Code::invalid, "must be true or false", "cost");
}

WallTime hour_after(WallTime time) {
  return std::chrono::ceil<std::chrono::hours>(time);
}

}  // namespace

Result<UsageQuery> UsageQuery::parse(const Parameter& parameter, const TenantId& tenant, WallTime now) {
  UsageQuery query;
  TRY(query.tenant, id_of<TenantId>(parameter("tenant"), "tenant"));
  if (!tenant.empty()) query.tenant = tenant;
  TRY(query.app, id_of<AppName>(parameter("app"), "app"));
  TRY(query.bucket, id_of<BucketName>(parameter("bucket"), "bucket"));
  TRY(query.site, id_of<SiteId>(parameter("site"), "site"));
  TRY(query.by, by_of(parameter("by").value_or("app,bucket,site")));
  TRY(query.cost, cost_of(parameter("cost")));
  TRY(const WallTime to, time_of(parameter("to"), "to", hour_of(now) + std::chrono::hours(1)));
  query.to = hour_after(to);
  TRY(const WallTime from, time_of(parameter("from"), "from", query.to - std::chrono::hours(25)));
  query.from = hour_of(from);
  if (query.from >= query.to) return fail(Code::invalid, "must be before 'to'", "from");
  if (query.to - query.from > longest) {
    return fail(Code::invalid, "must be at most 400 days before 'to'; ask in parts", "from");
  }
  return query;
}

bool UsageQuery::wants(const UsageKey& key, const SiteId& at, WallTime hour) const {
  return (tenant.empty() || tenant == key.tenant) && (app.empty() || key.name == app) &&
         (bucket.empty() || key.bucket == bucket) && (site.empty() || site == at) && from <= hour && hour < to;
}

std::string usage_csv(const UsageAnswer& answer) {
  std::string out =
      "tenant,app,site,hour,requests,bytes_in,bytes_out,compute_us,forwarded_requests,forwarded_bytes_in,"
      "forwarded_bytes_out,refused,failed,late,bucket,to,stored_byte_hours,stored_reads,stored_writes,stored_lists,"
      "stored_deletes,stored_bytes_in,stored_bytes_out,stored_passed_on,stored_passed_back,frames,"
      "tokens_in,tokens_out";
  out += answer.total.cost ? ",cost\r\n" : "\r\n";
  for (const UsageSum& line : answer.lines) {
    // Names are labels and hours are digits: nothing of it needs quotes.
    out += line.tenant + "," + line.app + "," + line.site + "," + line.hour;
    const Usage& usage = line.usage;
    for (const int64_t amount :
         {usage.served.requests, usage.served.bytes_in, usage.served.bytes_out, usage.served.compute_us,
          usage.forwarded.requests, usage.forwarded.bytes_in, usage.forwarded.bytes_out, usage.noted.refused,
          usage.noted.failed, usage.noted.late}) {
      out += "," + std::to_string(amount);
    }
    out += "," + line.bucket + "," + line.to;
    const StoredUsage& stored = usage.stored;
    for (const int64_t amount : {stored.byte_hours, stored.reads, stored.writes, stored.lists, stored.deletes,
                                 stored.bytes_in, stored.bytes_out, stored.passed_on, stored.passed_back,
                                 usage.served.frames, usage.served.tokens_in, usage.served.tokens_out}) {
      out += "," + std::to_string(amount);
    }
    if (line.cost) out += "," + line.cost->str();
    out += "\r\n";
  }
  return out;
}

}  // namespace barrio::api
