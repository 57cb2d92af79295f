#include "control/audit.h"

#include <fmt/format.h>

#include "control/desired.h"

namespace barrio::control {

namespace {

const std::string audit_prefix = std::string(aside) + "audit/";
constexpr size_t most_audit_forgotten = 100;  // at a time

}  // namespace

ports::Write write_audit(const Act& act, const std::string& detail, WallTime at, uint64_t number, uint64_t random) {
  api::AuditEntry entry{.id = fmt::format("{}-{:08}-{:08x}", to_string(at), number, random & 0xffffffff),
                        .at = at,
                        .by = act.by.name,
                        .role = act.by.role,
                        .action = act.action,
                        .what = act.what,
                        .tenant = act.tenant.str(),
                        .detail = detail};
  std::string key = audit_prefix + entry.id;
  return write_json(std::move(key), entry);
}

Result<std::vector<api::AuditEntry>> read_audit(ports::StateStore& store, WallTime from, WallTime to,
                                                const TenantId& tenant) {
  TRY(const auto listing,
      store.list(ports::KeyRange{audit_prefix, audit_prefix + to_string(from), audit_prefix + to_string(to)}));
  std::vector<api::AuditEntry> entries;
  for (const ports::Entry& stored : listing.entries) {
    TRY(auto entry, read_json<api::AuditEntry>(stored));
    if (tenant.empty() || entry.tenant == tenant.str()) entries.push_back(std::move(entry));
  }
  return entries;
}

Result<size_t> forget_audit(ports::StateStore& store, WallTime now) {
  TRY(const auto old, store.list(ports::KeyRange{audit_prefix, "", audit_prefix + to_string(now - audit_kept_for)}));
  std::vector<ports::Write> writes;
  for (const ports::Entry& entry : old.entries) {
    if (writes.size() < most_audit_forgotten) writes.push_back({entry.key, std::nullopt});
  }
  const size_t forgotten = writes.size();
  if (forgotten > 0) TRY_DO(store.commit({}, std::move(writes)));
  return forgotten;
}

}  // namespace barrio::control
