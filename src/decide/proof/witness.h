#pragma once
// What a witness decides (C2SP tlog-witness): it cosigns a log's checkpoint only if that is the same tree as the last
// one it has seen, or one that grew out of it. Pure: what it has seen is handed in, and to be kept before its answer.

#include <optional>
#include <span>

#include "decide/proof/note.h"

namespace barrio::decide {

/// The body of POST /add-checkpoint.
struct AddCheckpoint {
  uint64_t old_size = 0;
  std::vector<Digest> proof;  // of consistency, from old_size
  Note checkpoint;
  std::string str() const;
};
/// Errors: invalid.
Result<AddCheckpoint> parse_add_checkpoint(std::string_view body);

struct WitnessVerdict {
  int status = 200;
  uint64_t size = 0;  // with 409: the last that the witness has seen
  std::string why = {};
  std::optional<Checkpoint> accepted = {};  // with 200: to be kept, then cosigned
};
/// `seen`: of the log that the checkpoint names; none: nothing of it yet.
WitnessVerdict witness(const AddCheckpoint& request, std::span<const NoteVerifier> logs,
                       const std::optional<Checkpoint>& seen);

}  // namespace barrio::decide
