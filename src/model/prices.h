#pragma once
// What an operator charges for what is metered (model/usage.h).

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace barrio {

/// Money, exactly: whole nano-euros. "0.40EUR", "12.5 EUR", "0.000000125EUR".
class Euros {
 public:
  static constexpr int64_t nanos_each = 1'000'000'000;
  /// At most nine decimals, 0 to a million euros. Errors: invalid.
  static Result<Euros> parse(std::string_view text);
  static constexpr Euros of_nanos(int64_t nanos) {
    Euros made;
    made.nanos_ = nanos;
    return made;
  }
  constexpr int64_t nanos() const { return nanos_; }
  /// With two decimals, or as many more as it takes.
  std::string str() const;
  constexpr auto operator<=>(const Euros&) const = default;

 private:
  int64_t nanos_ = 0;
};

/// Of each kind that is billed; what is not named costs nothing. A GB is 10^9 bytes.
struct Prices {
  Euros per_1000_requests;       // of inference, and of containers
  Euros per_1000_frames;         // of video that an engine looked at by itself
  Euros per_million_tokens_in;   // of prompts and embedded texts
  Euros per_million_tokens_out;  // of answers
  Euros per_device_hour;         // computed
  Euros per_gb_in;               // bodies of requests, of apps and of storage
  Euros per_gb_out;              // bodies of answers
  Euros per_gb_passed_on;        // by a site between a client and the site that answered, both ways
  Euros per_gb_hour_stored;      // each copy
  Euros per_1000_reads;          // of storage
  Euros per_1000_writes;         // the same; also listings and deletions
  static constexpr std::string_view defaulted[] = {
      "per_1000_requests", "per_1000_frames", "per_million_tokens_in", "per_million_tokens_out", "per_device_hour",
      "per_gb_in",         "per_gb_out",      "per_gb_passed_on",      "per_gb_hour_stored",     "per_1000_reads",
      "per_1000_writes"};
  bool operator==(const Prices&) const = default;
};
BARRIO_DESCRIBE(Prices, (),
                (per_1000_requests, per_1000_frames, per_million_tokens_in, per_million_tokens_out, per_device_hour,
                 per_gb_in, per_gb_out, per_gb_passed_on, per_gb_hour_stored, per_1000_reads, per_1000_writes))

/// From this hour on, until the next list. Before the first list nothing costs anything.
struct PriceList {
  WallTime from;
  Prices prices;
  bool operator==(const PriceList&) const = default;
};
BARRIO_DESCRIBE(PriceList, (), (from, prices))

}  // namespace barrio
