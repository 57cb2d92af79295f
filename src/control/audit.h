#pragma once
// Who changed what: one entry for each accepted change of a tenant or operator, written by the very commit that makes
// the change. Kept in the StateStore apart from desired state, which control reads whole.

#include <string>
#include <vector>

#include "api/operator/views.h"
#include "control/aside.h"
#include "control/once.h"
#include "ports/state_store.h"

namespace barrio::control {

inline constexpr auto audit_kept_for = std::chrono::days(400);

/// Who asks for a change.
struct Author {
  std::string name = {};  // a tenant's name, or "operator"
  std::string role = {};
  std::optional<Once> once = {};  // the request may come again
};

/// What a change does, in words: `action` "app deploy", `what` "ciudad/sobel".
struct Act {
  Author by;
  std::string action;
  std::string what;
  TenantId tenant = {};  // whose it is; empty: the operator's own
};

/// `number`, which grows, orders entries of the same millisecond; `random` tells those of two members apart.
ports::Write write_audit(const Act& act, const std::string& detail, WallTime at, uint64_t number, uint64_t random);
/// From and before. Empty `tenant`: all. Errors: unavailable.
Result<std::vector<api::AuditEntry>> read_audit(ports::StateStore& store, WallTime from, WallTime to,
                                                const TenantId& tenant);
/// Removes some that are older than they are kept for; how many.
Result<size_t> forget_audit(ports::StateStore& store, WallTime now);

}  // namespace barrio::control
