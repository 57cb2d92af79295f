#pragma once
// Reads a whole log, as a monitor does: every leaf, every tile, against the checkpoint. Pure.

#include "decide/proof/note.h"
#include "decide/proof/tiles.h"

namespace barrio::decide {

struct LogCheck {
  uint64_t leaves = 0;
  uint64_t tiles = 0;
};
/// That the files of tlog-tiles are those of the tree of the checkpoint, which `key` signed, and that each leaf is a
/// barrio.leaf/1 with times that never go back. Errors: denied with what differs, and those of `read`.
Result<LogCheck> check_log(const std::string& note, const NoteVerifier& key, const TileReader& read);

}  // namespace barrio::decide
