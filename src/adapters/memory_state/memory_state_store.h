#pragma once
// A StateStore in memory, for tests and the simulator. It outlives a simulated control that crashes, as a disk would.
// Nothing but wait_for_change parks.

#include <map>
#include <memory>

#include "ports/runtime.h"
#include "ports/state_store.h"

namespace barrio::adapters {

class MemoryStateStore final : public ports::StateStore {
 public:
  explicit MemoryStateStore(ports::Runtime& runtime) : runtime_(runtime), changed_(runtime.make_signal()) {}
  Result<std::optional<ports::Entry>> get(const std::string& key) override;
  Result<ports::Listing> list(const std::string& prefix) override;
  Result<ports::Revision> commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) override;
  Result<ports::Revision> wait_for_change(ports::Revision seen, Time until) override;

 private:
  bool apply(const ports::Write& write, ports::Revision revision);

  ports::Runtime& runtime_;
  std::unique_ptr<ports::Signal> changed_;
  std::map<std::string, ports::Entry> entries_;
  ports::Revision revision_ = 0;
};

}  // namespace barrio::adapters
