#include "control/fenced_store.h"

namespace barrio::control {

Result<ports::Revision> FencedStore::commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) {
  auto fence = leadership_ == nullptr ? std::nullopt : leadership_->fence();
  if (!fence) {
    ++figures_.failures;
    return fail(Code::unavailable, "this member of control does not lead; nothing was written");
  }
  fence->key = options_.prefix + fence->key;
  guards.push_back(*fence);
  if (!options_.noted.empty()) writes.push_back({options_.noted, ""});
  const Time begun = runtime_.now();
  auto committed = inner_.commit(std::move(guards), std::move(writes));
  figures_.commit_time += runtime_.now() - begun;
  if (committed) {
    ++figures_.commits;
    return committed;
  }
  if (committed.error().code != Code::conflict) {
    ++figures_.failures;
    return committed;
  }
  ++figures_.conflicts;
  if (committed.error().where != fence->key) return committed;
  // Of an earlier lease: this member may lead again by now.
  const auto present = leadership_->fence();
  if (present && present->revision == fence->revision) leadership_->fenced();
  return fail(Code::unavailable, "another member of control leads now; nothing was written");
}

Result<std::optional<ports::Entry>> Section::get(const std::string& key) {
  auto entry = whole_.get(prefix_ + key);
  if (!entry) return inside(std::move(entry).error());
  if (*entry) (*entry)->key = key;
  return entry;
}

Result<ports::Listing> Section::list(const ports::KeyRange& range) {
  auto listing = whole_.list(range.within(prefix_));
  if (!listing) return inside(std::move(listing).error());
  for (ports::Entry& entry : listing->entries) entry.key.erase(0, prefix_.size());
  return listing;
}

Result<ports::Revision> Section::commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) {
  for (ports::Guard& guard : guards) guard.key = prefix_ + guard.key;
  for (ports::Write& write : writes) write.key = prefix_ + write.key;
  auto committed = whole_.commit(std::move(guards), std::move(writes));
  if (!committed) return inside(std::move(committed).error());
  return committed;
}

Result<ports::Lease> Section::hold(const std::string& key, const std::string& value, Duration ttl,
                                   ports::Revision seen) {
  auto lease = whole_.hold(prefix_ + key, value, ttl, seen);
  if (!lease) return inside(std::move(lease).error());
  lease->key = key;
  return lease;
}

tl::unexpected<Error> Section::inside(Error error) const {
  if (error.where.starts_with(prefix_)) error.where.erase(0, prefix_.size());
  return fail(std::move(error));
}

}  // namespace barrio::control
