#pragma once
// The role of a witness (C2SP tlog-witness): cosigns the checkpoints of the logs that it knows, each only if it grew
// out of the one before, which it keeps on disk before it answers. Lives on its runtime's loop.

#include <set>

#include "decide/proof/witness.h"
#include "net/http.h"
#include "ports/runtime.h"
#include "ports/transparency_log.h"

namespace barrio::transparency {

class WitnessService {
 public:
  static constexpr size_t most_logs = 1024;
  static constexpr size_t most_request_bytes = 96 * 1024;

  WitnessService(ports::Runtime& runtime, ports::WitnessMemory& memory, decide::NoteSigner key)
      : runtime_(runtime), memory_(memory), key_(std::move(key)) {}
  /// Twice is fine. Errors: exhausted; conflict: another key of this log's name is known.
  Result<void> add_log(const decide::NoteVerifier& log);
  const decide::NoteVerifier& verifier() const { return key_.verifier(); }
  /// Answers POST /add-checkpoint. In a fiber: may park.
  net::Response add_checkpoint(std::string_view body);

 private:
  net::Response cosign(const decide::AddCheckpoint& request, const std::string& origin);

  ports::Runtime& runtime_;
  ports::WitnessMemory& memory_;
  const decide::NoteSigner key_;
  std::vector<decide::NoteVerifier> logs_;
  std::set<std::string> at_work_;  // origins: one checkpoint of each at a time
};

}  // namespace barrio::transparency
