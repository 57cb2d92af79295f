#pragma once
// How much each tenant has in the buckets with their home here, for its quota: a sum that follows the store and the
// orders, so that no request walks all buckets. Lives on the service's loop.

#include <map>

#include "objects/directory.h"
#include "ports/object_store.h"

namespace barrio::objects {

class HomeUsage {
 public:
  /// The store and the directory outlive it.
  HomeUsage(ports::ObjectStore& store, const Directory& directory, SiteId here);
  ~HomeUsage();
  HomeUsage(const HomeUsage&) = delete;
  HomeUsage& operator=(const HomeUsage&) = delete;
  /// Of all versions and of parts. Walks the buckets only once after each change of the directory.
  int64_t bytes_of(const TenantId& tenant);

 private:
  void recount();
  void take_change(const std::string& bucket);

  struct Counted {
    TenantId tenant;
    int64_t bytes = 0;
  };
  ports::ObjectStore& store_;
  const Directory& directory_;
  const SiteId here_;
  uint64_t seen_ = 0;                       // changes of the directory
  std::map<std::string, Counted> counted_;  // by bucket's id
  std::map<TenantId, int64_t> sums_;
};

}  // namespace barrio::objects
