#include "adapters/memory_state/memory_state_store.h"

#include <algorithm>

namespace barrio::adapters {

using ports::Entry;
using ports::Revision;

Result<std::optional<Entry>> MemoryStateStore::get(const std::string& key) {
  end_leases();
  auto found = entries_.find(key);
  return found == entries_.end() ? std::nullopt : std::optional<Entry>(found->second);
}

Result<ports::Listing> MemoryStateStore::list(const ports::KeyRange& range) {
  end_leases();
  ports::Listing listing{revision_, {}};
  const std::string end = range.end();
  for (auto entry = entries_.lower_bound(range.first()); entry != entries_.end() && (end.empty() || entry->first < end);
       ++entry) {
    listing.entries.push_back(entry->second);
  }
  return listing;
}

Result<Revision> MemoryStateStore::commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) {
  TRY_DO(ports::check_size(guards, writes));
  end_leases();
  for (const ports::Guard& guard : guards) {
    auto found = entries_.find(guard.key);
    const Revision present = found == entries_.end() ? 0 : found->second.revision;
    if (present != guard.revision) return fail(Code::conflict, "changed meanwhile", guard.key);
  }
  bool changes = false;
  for (const ports::Write& write : writes) changes = apply(write, revision_ + 1) || changes;
  if (changes) {
    ++revision_;
    changed_->notify();
  }
  return revision_;
}

bool MemoryStateStore::apply(const ports::Write& write, Revision revision) {
  leases_.forget(write.key);
  if (!write.value) return entries_.erase(write.key) > 0;
  entries_[write.key] = Entry{write.key, *write.value, revision};
  return true;
}

Result<Revision> MemoryStateStore::wait_for_change(Revision seen, Time until) {
  // A notify from before may be remembered, so its wake-up alone proves nothing.
  end_leases();
  while (revision_ <= seen && runtime_.now() < until && !runtime_.stopping()) {
    changed_->wait_until(std::min(until, leases_.next()));
    end_leases();
  }
  return revision_;
}

Result<ports::Lease> MemoryStateStore::hold(const std::string& key, const std::string& value, Duration ttl,
                                            Revision seen) {
  TRY(const Revision revision, commit({{key, seen}}, {{key, value}}));
  return leases_.add(key, revision, ttl, runtime_.now());
}

Result<void> MemoryStateStore::keep(const ports::Lease& lease) {
  end_leases();
  if (leases_.keep(lease, runtime_.now())) return {};
  return fail(Code::not_found, "the lease has ended", lease.key);
}

Result<void> MemoryStateStore::release(const ports::Lease& lease) {
  end_leases();
  if (leases_.holds(lease)) TRY_DO(commit({}, {{lease.key, std::nullopt}}));
  return {};
}

void MemoryStateStore::end_leases() {
  const auto ended = leases_.ended(runtime_.now());
  if (ended.empty()) return;
  ++revision_;
  for (const ports::Guard& lease : ended) apply({lease.key, std::nullopt}, revision_);
  changed_->notify();
}

}  // namespace barrio::adapters
