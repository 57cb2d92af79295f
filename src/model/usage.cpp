#include "model/usage.h"

namespace barrio {

Usage& Usage::operator+=(const Usage& more) {
  served.requests += more.served.requests;
  served.bytes_in += more.served.bytes_in;
  served.bytes_out += more.served.bytes_out;
  served.compute_us += more.served.compute_us;
  served.frames += more.served.frames;
  served.tokens_in += more.served.tokens_in;
  served.tokens_out += more.served.tokens_out;
  forwarded.requests += more.forwarded.requests;
  forwarded.bytes_in += more.forwarded.bytes_in;
  forwarded.bytes_out += more.forwarded.bytes_out;
  noted.refused += more.noted.refused;
  noted.failed += more.noted.failed;
  noted.late += more.noted.late;
  stored.byte_hours += more.stored.byte_hours;
  stored.reads += more.stored.reads;
  stored.writes += more.stored.writes;
  stored.lists += more.stored.lists;
  stored.deletes += more.stored.deletes;
  stored.bytes_in += more.stored.bytes_in;
  stored.bytes_out += more.stored.bytes_out;
  stored.passed_on += more.stored.passed_on;
  stored.passed_back += more.stored.passed_back;
  return *this;
}

Result<void> Usage::check() const {
  for (int64_t amount :
       {served.requests,   served.bytes_in,    served.bytes_out,   served.compute_us,   served.frames, served.tokens_in,
        served.tokens_out, forwarded.requests, forwarded.bytes_in, forwarded.bytes_out, noted.refused, noted.failed,
        noted.late,        stored.byte_hours,  stored.reads,       stored.writes,       stored.lists,  stored.deletes,
        stored.bytes_in,   stored.bytes_out,   stored.passed_on,   stored.passed_back}) {
    if (amount < 0) return fail(Code::invalid, "amounts must not be negative");
  }
  return {};
}

Result<void> UsageKey::check() const {
  if (name.has_value() != bucket.has_value() && (bucket || !to)) return {};
  return fail(Code::invalid, "must be of an app or of a bucket");
}

WallTime hour_of(WallTime time) {
  return std::chrono::floor<std::chrono::hours>(time);
}

namespace {

std::chrono::year_month calendar_month(WallTime time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  return date.year() / date.month();
}

}  // namespace

WallTime month_of(WallTime time) {
  return std::chrono::sys_days(calendar_month(time) / 1);
}

WallTime next_month(WallTime time) {
  return std::chrono::sys_days((calendar_month(time) + std::chrono::months(1)) / 1);
}

BARRIO_JSON_HERE(UsageShipment)
BARRIO_JSON_HERE(EngineUsageQuestion)
BARRIO_JSON_HERE(EngineUsageAnswer)

}  // namespace barrio
