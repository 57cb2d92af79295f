// Signed notes, checkpoints, keys and requests to a witness: what is read is what would be written.

#include "base/check.h"
#include "decide/proof/note.h"
#include "decide/proof/proof_file.h"
#include "decide/proof/witness.h"
#include "target.h"

namespace barrio::fuzz {

void run_target(std::string_view input) {
  if (const auto note = decide::parse_note(input)) {
    CHECK(note->str() == input);
    CHECK(!note->signatures.empty());
    const auto checkpoint = decide::parse_checkpoint(note->text);
    if (checkpoint) CHECK(note->text.starts_with(checkpoint->text()));
  }
  if (const auto checkpoint = decide::parse_checkpoint(input)) CHECK(input.starts_with(checkpoint->text()));
  if (const auto key = decide::NoteVerifier::parse(input)) CHECK(key->str() == input);
  if (const auto request = decide::parse_add_checkpoint(input)) {
    CHECK(request->str() == input);
    const auto verdict = decide::witness(*request, {}, std::nullopt);
    CHECK(!verdict.accepted);  // nobody is trusted
  }
  const auto keys = decide::TrustedKeys::parse_lines(input);
  if (keys) CHECK(keys->logs.size() + keys->witnesses.size() <= input.size() / 40);
}

}  // namespace barrio::fuzz
