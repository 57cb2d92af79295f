#pragma once
// One line of the access log. docs/observability.md lists the fields.

#include <string>

#include "gateway/request_record.h"
#include "model/ids.h"

namespace barrio::gateway {

/// `calendar`: what to add to a Time to have nanoseconds since 1970. Ends in a line end.
std::string access_line(const RequestRecord& record, const SiteId& site, Duration calendar);

/// Printable text: what is not UTF-8 or a control character becomes '?', and a cut is shown by "...".
std::string clean_text(std::string_view text, bool cut);

}  // namespace barrio::gateway
