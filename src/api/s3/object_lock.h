#pragma once
// S3's object lock: what a bucket gives to new versions, what a version is given, and what that forbids. Pure.

#include <optional>
#include <string_view>

#include "api/s3/fault.h"
#include "api/s3/sigv4.h"
#include "ports/object_store.h"

namespace barrio::api::s3 {

/// Of new versions that nobody says another of.
struct LockDefault {
  ports::RetentionMode mode = ports::RetentionMode::governance;
  int64_t days = 0;
};

/// Of a bucket's ObjectLockConfiguration; none: it gives nothing by itself. MalformedXML, InvalidArgument.
Outcome<std::optional<LockDefault>> parse_object_lock(std::string_view xml);
/// Of a Retention; an empty one ends what there was. MalformedXML, InvalidArgument (the time has passed).
Outcome<std::optional<ports::Retention>> parse_retention(std::string_view xml, WallTime now);
/// Of a LegalHold. MalformedXML.
Outcome<bool> parse_legal_hold(std::string_view xml);

/// What x-amz-object-lock-... of a put ask for.
struct LockWish {
  std::optional<ports::Retention> retention = {};
  std::optional<bool> held = {};
};
/// InvalidArgument.
Outcome<LockWish> lock_wish(const RequestView& request, WallTime now);

/// Whether the version may be deleted now; `bypasses`: governance does not count. Errors: denied.
Result<void> check_deletion(const ports::ObjectMeta& meta, WallTime now, bool bypasses);
/// Whether the version may be given this retention instead of what it has. Errors: denied.
Result<void> check_retention(const std::optional<ports::Retention>& has, const std::optional<ports::Retention>& wanted,
                             WallTime now, bool bypasses);

/// "GOVERNANCE".
std::string_view lock_name(ports::RetentionMode mode);

}  // namespace barrio::api::s3
