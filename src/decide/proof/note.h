#pragma once
// C2SP signed-note, tlog-checkpoint and tlog-cosignature: who signed which state of which log. Pure.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/ed25519.h"

namespace barrio::decide {

/// log: Ed25519 over the text (type 0x01). witness: Ed25519 over the text and a time, "cosignature/v1" (type 0x04).
enum class NoteKeyKind : unsigned char { log = 1, witness = 4 };

inline constexpr size_t most_note_bytes = 64 * 1024;
inline constexpr size_t most_note_signatures = 64;

struct NoteSignature {
  std::string name;
  std::string bytes;  // four of the key's hash, then the signature
  /// The line of a note: an em dash, the name, base64.
  std::string line() const;
};

struct Note {
  std::string text;  // ends with a newline
  std::vector<NoteSignature> signatures;
  std::string str() const;
};
/// Errors: invalid.
Result<Note> parse_note(std::string_view text);
/// One or more lines as NoteSignature::line() writes them. Errors: invalid.
Result<std::vector<NoteSignature>> parse_signature_lines(std::string_view text);

/// The public half: `name+hash+base64(type, key)`.
class NoteVerifier {
 public:
  static Result<NoteVerifier> parse(std::string_view text);
  NoteVerifier(std::string name, NoteKeyKind kind, Ed25519PublicKey key);
  std::string str() const;
  const std::string& name() const { return name_; }
  NoteKeyKind kind() const { return kind_; }
  const std::string& key_hash() const { return hash_; }
  /// Of a witness: when it signed, in seconds since 1970; of a log: 0. None: this key did not sign the note, or not
  /// this text.
  std::optional<uint64_t> verify(const Note& note) const;
  bool operator==(const NoteVerifier&) const = default;

 private:
  std::string name_;
  NoteKeyKind kind_;
  Ed25519PublicKey key_;
  std::string hash_;
};

class NoteSigner {
 public:
  NoteSigner(std::string name, NoteKeyKind kind, Ed25519Key key);
  const std::string& name() const { return verifier_.name(); }
  const NoteVerifier& verifier() const { return verifier_; }
  /// `seconds` since 1970: of a witness; a log signs no time.
  NoteSignature sign(std::string_view text, uint64_t seconds = 0) const;

 private:
  NoteKeyKind kind_;
  Ed25519Key key_;
  NoteVerifier verifier_;
};

/// No spaces, no plus, no control characters; 1 to 255 bytes.
Result<void> check_key_name(std::string_view name);

/// The state of a log: what a note says that is signed as its checkpoint.
struct Checkpoint {
  std::string origin;  // the log's name
  uint64_t size = 0;
  Digest root{};
  std::string text() const;
  bool operator==(const Checkpoint&) const = default;
};
/// Lines after the third are allowed, and dropped. Errors: invalid.
Result<Checkpoint> parse_checkpoint(std::string_view text);
/// Exactly 44 characters. Errors: invalid.
Result<Digest> parse_hash(std::string_view base64_text);

/// A checkpoint that the log with this key signed. Errors: invalid; denied: it did not.
Result<Checkpoint> verify_checkpoint(const Note& note, const NoteVerifier& log);

}  // namespace barrio::decide
