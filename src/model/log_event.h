#pragma once
// What a site's transparency log has a leaf for, in clear. The leaf itself (decide/proof/leaf.h) names tenant, subject
// and content only under the tenant's salt.

#include <string>
#include <vector>

#include "model/ids.h"
#include "model/place.h"

namespace barrio {

/// stored, copied (the bytes came from another site), deleted: of objects. session: what an app's devices had processed
/// here in one minute. placed, removed: of a replica.
enum class LogOperation { stored, copied, deleted, session, placed, removed };
BARRIO_DESCRIBE_ENUM(LogOperation, stored, copied, deleted, session, placed, removed)

/// Of a session: the minute, and what was processed in it.
struct LoggedSession {
  WallTime from;
  WallTime until;
  int64_t requests = 0;
  int64_t bytes_in = 0;
  int64_t bytes_out = 0;
  bool operator==(const LoggedSession&) const = default;
};
BARRIO_DESCRIBE(LoggedSession, (), (from, until, requests, bytes_in, bytes_out))

struct LogEvent {
  LogOperation operation = LogOperation::stored;
  TenantId tenant;
  std::string subject;  // "app/people" (also of its replicas), "object/bucket/key"
  std::string content;  // SHA-256 of the bytes, 64 hex digits; empty: there are none
  Jurisdiction where;   // of the site
  int64_t policy = 0;   // version of the policy that permitted it: an app's generation, or that of a bucket's policy
  std::optional<LoggedSession> session = {};  // with LogOperation::session
  static constexpr std::string_view defaulted[] = {"content"};
  Result<void> check() const;
  bool operator==(const LogEvent&) const = default;
};
BARRIO_DESCRIBE(LogEvent, (), (operation, tenant, subject, content, where, policy, session))

}  // namespace barrio
