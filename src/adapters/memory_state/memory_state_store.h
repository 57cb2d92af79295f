#pragma once
// A StateStore in memory, for tests and the simulator. It outlives a simulated control that crashes, as a disk would.
// Nothing but wait_for_change parks.

#include <map>
#include <memory>

#include "ports/lease_table.h"
#include "ports/runtime.h"
#include "ports/state_store.h"

namespace barrio::adapters {

class MemoryStateStore final : public ports::StateStore {
 public:
  explicit MemoryStateStore(ports::Runtime& runtime) : runtime_(runtime), changed_(runtime.make_signal()) {}
  Result<std::optional<ports::Entry>> get(const std::string& key) override;
  Result<ports::Listing> list(const ports::KeyRange& range) override;
  Result<ports::Revision> commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) override;
  Result<ports::Revision> wait_for_change(ports::Revision seen, Time until) override;
  Result<ports::Lease> hold(const std::string& key, const std::string& value, Duration ttl,
                            ports::Revision seen) override;
  Result<void> keep(const ports::Lease& lease) override;
  Result<void> release(const ports::Lease& lease) override;

 private:
  /// Leases end when somebody looks: before every other call.
  void end_leases();
  bool apply(const ports::Write& write, ports::Revision revision);

  ports::Runtime& runtime_;
  std::unique_ptr<ports::Signal> changed_;
  std::map<std::string, ports::Entry> entries_;
  ports::LeaseTable leases_;
  ports::Revision revision_ = 0;
};

}  // namespace barrio::adapters
