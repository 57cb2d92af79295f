#pragma once
// Bucket policies as they were understood: a text is parsed once, and not at each request. Lives on the service's loop.

#include <list>
#include <map>
#include <memory>

#include "api/s3/bucket_policy.h"
#include "model/bucket.h"

namespace barrio::objects {

class PolicyCache {
 public:
  using Statements = std::shared_ptr<const std::vector<api::s3::PolicyStatement>>;
  static constexpr size_t usual_bytes = 8 * 1024 * 1024;
  /// What has not been used for longest goes when the texts have more than `most_bytes`.
  explicit PolicyCache(size_t most_bytes = usual_bytes) : most_bytes_(most_bytes) {}
  /// Of `text`, which is the bucket's policy now. Errors: those of parse_bucket_policy.
  api::s3::Outcome<Statements> of(const Bucket& bucket, const std::string& text);
  /// So far.
  uint64_t parsed() const { return parsed_; }

 private:
  struct Entry {
    std::string bucket;  // its id
    std::string text;
    Statements statements;
    size_t bytes() const;
  };
  void forget(std::list<Entry>::iterator entry);

  const size_t most_bytes_;
  size_t bytes_ = 0;
  uint64_t parsed_ = 0;
  std::list<Entry> entries_;  // the last used first
  std::map<std::string, std::list<Entry>::iterator> by_bucket_;
};

}  // namespace barrio::objects
