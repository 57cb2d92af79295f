#include "adapters/sealed_store/content_cache.h"

namespace barrio::adapters::sealed_store {

ContentCache::Span ContentCache::find(const std::string& file, uint64_t number) {
  const auto found = entries_.find({file, number});
  ++(found == entries_.end() ? misses_ : hits_);
  if (found == entries_.end()) return nullptr;
  uses_.splice(uses_.begin(), uses_, found->second.use);
  return found->second.span;
}

void ContentCache::keep(const std::string& file, uint64_t number, Span span, uint64_t drops) {
  if (drops != drops_ || span->bytes().size() > most_bytes_) return;
  const auto [entry, is_new] = entries_.try_emplace({file, number});
  if (!is_new) return;  // another one read it at the same time
  uses_.push_front(entry->first);
  bytes_ += span->bytes().size();
  entry->second = {std::move(span), uses_.begin()};
  while (bytes_ > most_bytes_) forget(entries_.find(uses_.back()));
}

void ContentCache::drop(const std::string& file) {
  ++drops_;
  auto entry = entries_.lower_bound({file, 0});
  while (entry != entries_.end() && entry->first.file == file) forget(entry++);
}

void ContentCache::forget(std::map<Key, Entry>::iterator entry) {
  bytes_ -= entry->second.span->bytes().size();
  uses_.erase(entry->second.use);
  entries_.erase(entry);
}

}  // namespace barrio::adapters::sealed_store
