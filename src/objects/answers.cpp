#include "objects/answers.h"

#include <fmt/format.h>

#include <array>

#include "api/s3/object_lock.h"
#include "base/text.h"

namespace barrio::objects {

namespace {

constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> weekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

}  // namespace

std::string iso_time(WallTime time) {
  return to_string(time);
}

std::string http_time(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", weekdays[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

std::optional<WallTime> parse_http_time(std::string_view text) {
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (text.size() != 29 || !text.ends_with(" GMT") || text.substr(3, 2) != ", ") return std::nullopt;
  const auto month = std::ranges::find(months, text.substr(8, 3));
  if (month == months.end()) return std::nullopt;
  const auto parsed = parse_wall_time(fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4), month - months.begin() + 1,
                                                  text.substr(5, 2), text.substr(17, 8)));
  return parsed ? std::optional(*parsed) : std::nullopt;
}

std::string quoted(const std::string& etag) {
  return "\"" + etag + "\"";
}

std::string_view unquoted(std::string_view etag) {
  etag = trim(etag);
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return etag;
}

void write_owner(api::s3::XmlWriter& xml, const char* name, const TenantId& tenant) {
  xml.open(name);
  xml.leaf("ID", tenant.str());
  xml.leaf("DisplayName", tenant.str());
  xml.close();
}

net::OwnedHeaders describe(const ports::ObjectMeta& meta, bool with_checksum) {
  net::OwnedHeaders headers = {{"ETag", quoted(meta.etag)},
                               {"Last-Modified", http_time(meta.modified)},
                               {"Accept-Ranges", "bytes"},
                               {"x-amz-server-side-encryption", "AES256"}};
  for (const auto& [name, value] : meta.fields) headers.emplace_back(name, value);
  if (!meta.tags.empty()) headers.emplace_back("x-amz-tagging-count", std::to_string(meta.tags.size()));
  if (meta.retention) {
    headers.emplace_back("x-amz-object-lock-mode", api::s3::lock_name(meta.retention->mode));
    headers.emplace_back("x-amz-object-lock-retain-until-date", iso_time(meta.retention->until));
  }
  if (meta.held) headers.emplace_back("x-amz-object-lock-legal-hold", *meta.held ? "ON" : "OFF");
  if (with_checksum && meta.checksum) {
    headers.emplace_back("x-amz-checksum-" + to_lower(meta.checksum->algorithm), meta.checksum->value);
    headers.emplace_back("x-amz-checksum-type", meta.checksum->type);
  }
  return headers;
}

}  // namespace barrio::objects
