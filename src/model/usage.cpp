#include "model/usage.h"

namespace barrio {

Usage& Usage::operator+=(const Usage& more) {
  served.requests += more.served.requests;
  served.bytes_in += more.served.bytes_in;
  served.bytes_out += more.served.bytes_out;
  served.compute_us += more.served.compute_us;
  forwarded.requests += more.forwarded.requests;
  forwarded.bytes_in += more.forwarded.bytes_in;
  forwarded.bytes_out += more.forwarded.bytes_out;
  noted.refused += more.noted.refused;
  noted.failed += more.noted.failed;
  noted.late += more.noted.late;
  return *this;
}

Result<void> Usage::check() const {
  for (int64_t amount : {served.requests, served.bytes_in, served.bytes_out, served.compute_us, forwarded.requests,
                         forwarded.bytes_in, forwarded.bytes_out, noted.refused, noted.failed, noted.late}) {
    if (amount < 0) return fail(Code::invalid, "amounts must not be negative");
  }
  return {};
}

WallTime hour_of(WallTime time) {
  return std::chrono::floor<std::chrono::hours>(time);
}

BARRIO_JSON_HERE(UsageShipment)

}  // namespace barrio
