#pragma once
// Which member of control leads: it places, reconciles and writes; the others follow. Leading is a lease on one key of
// the StateStore, and each commit of a leader is guarded by it: whatever its clock or its pauses, who has been replaced
// can write nothing. A control that is alone does the same, and leads always.
//
// On the runtime's loop, in fibers.

#include <optional>
#include <string>

#include "base/json.h"
#include "ports/runtime.h"
#include "ports/state_store.h"

namespace barrio::control {

namespace key {
inline constexpr const char* leader = "leader";
inline constexpr const char* changed = "changed";  // written by every commit: its revision is that of the desired state
}  // namespace key

/// One process of control.
struct Member {
  std::string name;     // its own; who starts again under it takes the lead back from its dead self at once
  std::string address;  // "ip:port" or "https://ip:port", where the others reach it; empty: there are no others
  bool operator==(const Member&) const = default;
};
BARRIO_DESCRIBE(Member, (), (name, address))

struct LeadershipConfig {
  Member self{"control", ""};
  Duration lasts = 3s;  // without being renewed
};

struct LeadershipFigures {
  uint64_t taken = 0;   // how often this member began to lead
  uint64_t fenced = 0;  // commits refused because it did not lead any more
};

class Leadership {
 public:
  Leadership(ports::Runtime& runtime, ports::StateStore& state, LeadershipConfig config)
      : runtime_(runtime), state_(state), config_(std::move(config)) {}

  /// Keeps the lead, or takes it where nobody has it. Errors: unavailable.
  Result<void> step();
  /// Steps until the runtime is stopping; then gives the lead away.
  void run();

  bool leads() const { return lease_ && runtime_.now() < until_; }
  /// What fences this leader's commits; none: it does not lead.
  std::optional<ports::Guard> fence() const { return leads() ? std::optional(lease_->guard()) : std::nullopt; }
  /// A commit was refused by the fence.
  void fenced();
  /// As last read; none: nobody, as far as is known.
  const std::optional<Member>& leader() const { return leader_; }
  const Member& self() const { return config_.self; }
  const LeadershipFigures& figures() const { return figures_; }

 private:
  Result<void> keep();
  Result<void> take();
  void lose(const char* why);

  ports::Runtime& runtime_;
  ports::StateStore& state_;
  const LeadershipConfig config_;
  std::optional<ports::Lease> lease_;
  Time until_{};  // as this member's clock has it: it may believe so no longer
  std::optional<Member> leader_;
  LeadershipFigures figures_;
};

}  // namespace barrio::control
