#pragma once
// Watches the storage of a World and notes what it must never do: bytes or keys of a bucket where its policy forbids
// them, two homes that both acknowledge, and an acknowledged object that fewer sites have on their disks than its
// bucket asked for. Policies are read by the Checker, apart from decide/residency.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/world.h"

namespace barrio::sim {

class StorageChecker {
 public:
  /// Watches from now on; the world outlives it, or is left before.
  explicit StorageChecker(World& world);

  /// The policy that a bucket of this name is asked for with.
  void asked(const BucketName& bucket, const Policy& policy) { policies_[bucket.str()] = policy; }
  /// A client was told that an object with this content is kept.
  void acknowledged(const BucketName& bucket, const std::string& key, const std::string& sha256);
  /// Which buckets each site that is up has the key of.
  void check_keys();

  /// As control's store has it; null: it has none of this name.
  const Bucket* bucket(const BucketName& name) const;
  const Bucket* bucket_of_id(const std::string& id) const;
  /// How often another site became the home of a bucket.
  int64_t takeovers() const { return takeovers_; }
  int64_t checked() const { return checked_; }
  void violated(std::string what) { violations_.push_back(std::move(what)); }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct Known {
    Bucket bucket;
    std::vector<std::pair<Time, int>> acks;  // since when as many
  };
  struct Acknowledging {
    int64_t epoch = 0;
    SiteId home;
  };

  void committed(const std::vector<ports::Write>& writes);
  void take(const Bucket& bucket);
  void noted(const objects::ObjectEvent& event);
  void passed(size_t from, size_t to, const std::string& target);
  void check_site(const std::string& bucket, const Site& site, const std::string& what);
  int fewest_acks(const Known& known) const;

  World& world_;
  std::map<std::string, Policy> policies_;                  // by name
  std::map<std::string, Known> known_;                      // by name
  std::map<std::string, std::string> names_;                // by id
  std::map<std::string, Acknowledging> last_acknowledged_;  // by id
  std::map<std::string, std::set<SiteId>> sites_with_;      // by bucket, key and content
  std::vector<std::string> violations_;
  int64_t takeovers_ = 0;
  int64_t checked_ = 0;
};

}  // namespace barrio::sim
