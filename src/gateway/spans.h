#pragma once
// Records as OpenTelemetry spans, in OTLP's JSON encoding (ExportTraceServiceRequest). Attributes follow the semantic
// conventions for HTTP spans; what is Barrio's own is named barrio.*.

#include <span>

#include "base/json.h"
#include "gateway/request_record.h"
#include "model/ids.h"

namespace barrio::gateway {

/// One SERVER span per record, and below it one CLIENT span where the request was sent on.
Json export_request(std::span<const RequestRecord> records, const SiteId& site, Duration calendar);

}  // namespace barrio::gateway
