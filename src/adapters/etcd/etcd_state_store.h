#pragma once
// StateStore over an etcd cluster's v3 JSON gateway (etcd 3.4 and later). A commit is one transaction whose guards
// compare mod_revisions; reads are linearizable. All calls run in fibers of one loop; each has a deadline, and goes to
// another member when one is away.
//
// A commit whose answer is lost is sent again where that cannot do it twice: its guards hold only once. Otherwise it is
// said to be unavailable, its outcome unknown.

#include "adapters/etcd/etcd_json.h"
#include "adapters/etcd/etcd_members.h"
#include "base/base64.h"
#include "ports/state_store.h"

namespace barrio::adapters {

struct EtcdConfig {
  std::vector<net::Endpoint> endpoints;
  std::string prefix = "barrio/";        // of all keys
  Duration call_timeout = 1s;            // of one call to one member
  Duration patience = 5s;                // of all tries together
  Duration look_period = 100ms;          // how often wait_for_change looks
  size_t most_listed = 4 * 1000 * 1000;  // entries of one listing; over it: exhausted
};

class EtcdStateStore final : public ports::StateStore {
 public:
  /// `call` refuses answers longer than it can hold with Code::exhausted.
  EtcdStateStore(ports::Runtime& runtime, etcd::CallEtcd call, EtcdConfig config);
  Result<std::optional<ports::Entry>> get(const std::string& key) override;
  Result<ports::Listing> list(const ports::KeyRange& range) override;
  Result<ports::Revision> commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) override;
  Result<ports::Revision> wait_for_change(ports::Revision seen, Time until) override;
  Result<ports::Lease> hold(const std::string& key, const std::string& value, Duration ttl,
                            ports::Revision seen) override;
  Result<void> keep(const ports::Lease& lease) override;
  Result<void> release(const ports::Lease& lease) override;

 private:
  using Guards = std::vector<ports::Guard>;
  using Writes = std::vector<ports::Write>;
  struct Page;
  Result<JsonObject> read(const std::string& path, const JsonObject& body);
  Result<etcd::KeyValue> find(const std::string& key);
  Result<ports::Revision> revision();
  Result<void> read_page(ports::Listing& listing, Page& page);
  Result<ports::Revision> transact(const Guards& guards, const Writes& writes, int64_t lease);
  Result<ports::Revision> outcome(const JsonObject& answer, const Guards& guards) const;
  Result<std::optional<ports::Revision>> done_before(const Writes& writes, int64_t lease);
  JsonObject transaction(const Guards& guards, const Writes& writes, int64_t lease) const;
  std::string name(const std::string& key) const { return base64(config_.prefix + key); }

  ports::Runtime& runtime_;
  const EtcdConfig config_;
  etcd::Members members_;
};

}  // namespace barrio::adapters
