// Proof files. Keys are made anew each time, so no input can hold a checkpoint that they signed: none may verify. The
// proofs' own arithmetic is reached with sizes, indices and hashes out of the input.

#include "base/check.h"
#include "decide/proof/proof_file.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

uint64_t number_at(std::string_view input, size_t at) {
  uint64_t value = 0;
  for (size_t i = at; i < at + 8 && i < input.size(); ++i) value = value << 8 | static_cast<unsigned char>(input[i]);
  return value;
}

}  // namespace

void run_target(std::string_view input) {
  if (const auto json = parse_json(input)) {
    static const decide::NoteSigner key("bio1.site.barrio.internal/log/1", decide::NoteKeyKind::log,
                                        *Ed25519Key::generate());
    const auto file = from_json<decide::ProofFile>(*json);
    const auto verdict = file ? decide::verify_proof(*file, {{key.verifier()}, {}}, 0)
                              : Result<decide::ProofVerdict>(decide::ProofVerdict{});
    if (file) CHECK((!verdict || file->sites.empty()));
  }
  if (input.size() < 16) return;
  const std::string_view rest = input.substr(16);
  const auto hashes = decide::parse_tile(rest.substr(0, rest.size() / 32 * 32), rest.size() / 32);
  const uint64_t a = number_at(input, 0);
  const uint64_t b = number_at(input, 8);
  const Digest root = sha256("no proof leads here");
  const Digest leaf = sha256("nor from here");
  CHECK(!decide::verify_inclusion(leaf, a, b, *hashes, root));
  if (a > 0) CHECK(!decide::verify_consistency(a, leaf, b, root, *hashes));
  CHECK(!decide::verify_range(a, std::span(&leaf, 1), b, *hashes, root));
}

}  // namespace barrio::fuzz
