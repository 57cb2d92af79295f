#pragma once
// Pieces of S3's answers that several operations have.

#include "api/s3/xml.h"
#include "model/bucket.h"
#include "net/http.h"
#include "ports/object_store.h"

namespace barrio::objects {

inline constexpr size_t most_key_bytes = 1024;

/// "2026-11-24T10:00:00.000Z".
std::string iso_time(WallTime time);
std::string quoted(const std::string& etag);
/// Without its quotes, and without W/.
std::string_view unquoted(std::string_view etag);

void write_owner(api::s3::XmlWriter& xml, const char* name, const TenantId& tenant);
/// What GET and HEAD say of an object.
net::OwnedHeaders describe(const ports::ObjectMeta& meta, bool with_checksum);

}  // namespace barrio::objects
