#pragma once
// Dates as HTTP writes them (RFC 9110, section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace barrio {

/// To whole seconds, rounded down.
std::string http_time(WallTime time);
/// None where it is another form, also one of the obsolete ones.
std::optional<WallTime> parse_http_time(std::string_view text);

}  // namespace barrio
