#pragma once
// A site's keys for its log, made on the first start: log.key and witness.key (PKCS #8, mode 0600), each with the name
// that the note of a signature carries, and the secret that tenants' salts come from.

#include "decide/proof/note.h"
#include "model/ids.h"

namespace barrio::adapters {

struct LogKeys {
  decide::NoteSigner log;
  decide::NoteSigner witness;
  std::string salt_secret;  // 32 bytes
};

/// Under `folder`, which is made. A log whose folder was lost begins another, with another name. Errors: invalid
/// (a file is damaged), unavailable.
Result<LogKeys> load_log_keys(const std::string& folder, const SiteId& site);
/// One key, kept in `file` of the folder; made, with `name` and some random digits, if it is not there.
Result<decide::NoteSigner> load_note_key(const std::string& folder, const std::string& file, const std::string& name,
                                         decide::NoteKeyKind kind);

}  // namespace barrio::adapters
