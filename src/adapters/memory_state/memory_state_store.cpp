#include "adapters/memory_state/memory_state_store.h"

namespace barrio::adapters {

using ports::Entry;
using ports::Revision;

Result<std::optional<Entry>> MemoryStateStore::get(const std::string& key) {
  auto found = entries_.find(key);
  return found == entries_.end() ? std::nullopt : std::optional<Entry>(found->second);
}

Result<ports::Listing> MemoryStateStore::list(const std::string& prefix) {
  ports::Listing listing{revision_, {}};
  for (auto entry = entries_.lower_bound(prefix); entry != entries_.end() && entry->first.starts_with(prefix);
       ++entry) {
    listing.entries.push_back(entry->second);
  }
  return listing;
}

Result<Revision> MemoryStateStore::commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) {
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
  if (!write.value) return entries_.erase(write.key) > 0;
  entries_[write.key] = Entry{write.key, *write.value, revision};
  return true;
}

Result<Revision> MemoryStateStore::wait_for_change(Revision seen, Time until) {
  // A notify from before may be remembered, so its wake-up alone proves nothing.
  while (revision_ <= seen && runtime_.now() < until && !runtime_.stopping()) changed_->wait_until(until);
  return revision_;
}

}  // namespace barrio::adapters
