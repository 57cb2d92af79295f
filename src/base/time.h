#pragma once
// Time as an argument. `Time` is monotonic and only comparable within one process (or one simulation); `WallTime` is
// the calendar. Code that decides takes them as arguments; only ports::Runtime and net::Reactor read clocks.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio {

using Duration = std::chrono::nanoseconds;

/// Tag of the monotonic clock; deliberately without now().
struct Monotonic {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Monotonic, Duration>;
  static constexpr bool is_steady = true;
};
using Time = Monotonic::time_point;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

using namespace std::chrono_literals;

constexpr double to_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// Milliseconds as a double, for people and for JSON fields named *_ms.
constexpr double to_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}
constexpr Duration from_ms(double ms) {
  return Duration(static_cast<Duration::rep>(ms * 1e6));
}

/// "250ms", "1.5s", "20us", "2m", "1h", with or without a space before the unit. Errors: invalid.
Result<Duration> parse_duration(std::string_view text);
/// The shortest exact form that parse_duration reads back: "250ms".
std::string to_string(Duration duration);
/// RFC 3339 in UTC with milliseconds: "2026-11-24T10:00:00.000Z".
std::string to_string(WallTime time);
/// RFC 3339 in UTC, to milliseconds at most ("2026-11-24T10:00:00Z"), or a day ("2026-11-24": its first instant).
/// Errors: invalid.
Result<WallTime> parse_wall_time(std::string_view text);

}  // namespace barrio
