#include "objects/policy_cache.h"

namespace barrio::objects {

size_t PolicyCache::Entry::bytes() const {
  constexpr size_t beside_text = 256;
  return bucket.size() + text.size() + beside_text;
}

api::s3::Outcome<PolicyCache::Statements> PolicyCache::of(const Bucket& bucket, const std::string& text) {
  const auto known = by_bucket_.find(bucket.id);
  if (known != by_bucket_.end() && known->second->text == text) {
    entries_.splice(entries_.begin(), entries_, known->second);
    return known->second->statements;
  }
  if (known != by_bucket_.end()) forget(known->second);
  S3_TRY(auto parsed, api::s3::parse_bucket_policy(text, bucket.name.str()));
  ++parsed_;
  auto statements = std::make_shared<const std::vector<api::s3::PolicyStatement>>(std::move(parsed));
  entries_.push_front({bucket.id, text, statements});
  by_bucket_[bucket.id] = entries_.begin();
  bytes_ += entries_.front().bytes();
  while (bytes_ > most_bytes_) forget(std::prev(entries_.end()));
  return statements;
}

void PolicyCache::forget(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes();
  by_bucket_.erase(entry->bucket);
  entries_.erase(entry);
}

}  // namespace barrio::objects
