#include "base/http_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace barrio {

namespace {

constexpr std::array<std::string_view, 12> month_names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> weekday_names = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

}  // namespace

std::string http_time(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", weekday_names[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), month_names[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

std::optional<WallTime> parse_http_time(std::string_view text) {
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (text.size() != 29 || !text.ends_with(" GMT") || text.substr(3, 2) != ", ") return std::nullopt;
  const auto month = std::ranges::find(month_names, text.substr(8, 3));
  if (month == month_names.end()) return std::nullopt;
  const auto parsed = parse_wall_time(fmt::format(
      "{}-{:02}-{}T{}Z", text.substr(12, 4), month - month_names.begin() + 1, text.substr(5, 2), text.substr(17, 8)));
  return parsed ? std::optional(*parsed) : std::nullopt;
}

}  // namespace barrio
