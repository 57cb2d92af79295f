#include "decide/proof/note.h"

#include <algorithm>

#include "base/base64.h"
#include "base/check.h"
#include "base/text.h"

namespace barrio::decide {

namespace {

constexpr std::string_view signature_mark = "\xe2\x80\x94 ";  // an em dash and a space
constexpr size_t key_hash_bytes = 4;
constexpr size_t time_bytes = 8;
constexpr size_t ed25519_bytes = 64;

tl::unexpected<Error> no_note(const char* why) {
  return fail(Code::invalid, why, "signed note");
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char letter) {
    const auto value = static_cast<unsigned char>(letter);
    return (value < 0x20 && letter != '\n') || value == 0x7f;
  });
}

std::string key_hash_of(std::string_view name, NoteKeyKind kind, const Ed25519PublicKey& key) {
  std::string text(name);
  text += '\n';
  text += static_cast<char>(kind);
  return std::string(text_of(sha256(text + key.bytes())).substr(0, key_hash_bytes));
}

std::string hex_of(std::string_view bytes) {
  return to_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

std::string big_endian_time(uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

uint64_t read_big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string cosigned_text(std::string_view text, uint64_t seconds) {
  return "cosignature/v1\ntime " + std::to_string(seconds) + "\n" + std::string(text);
}

}  // namespace

Result<void> check_key_name(std::string_view name) {
  const bool fine = !name.empty() && name.size() <= 255 && is_utf8(name) && !has_control(name) &&
                    name.find_first_of(" +\n") == std::string_view::npos;
  if (!fine) return fail(Code::invalid, "a key's name must be 1 to 255 bytes without spaces and plus", "key name");
  return {};
}

std::string NoteSignature::line() const {
  return std::string(signature_mark) + name + " " + base64(bytes) + "\n";
}

std::string Note::str() const {
  std::string all = text + "\n";
  for (const NoteSignature& signature : signatures) all += signature.line();
  return all;
}

Result<std::vector<NoteSignature>> parse_signature_lines(std::string_view text) {
  std::vector<NoteSignature> signatures;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (end == std::string_view::npos || !line.starts_with(signature_mark)) return no_note("has a bad signature line");
    if (signatures.size() == most_note_signatures) return no_note("has too many signatures");
    text.remove_prefix(end + 1);
    line.remove_prefix(signature_mark.size());
    const size_t space = line.find(' ');
    const auto bytes = space == std::string_view::npos ? std::nullopt : from_base64(line.substr(space + 1));
    if (!bytes || bytes->size() <= key_hash_bytes) return no_note("has a bad signature line");
    TRY_DO(check_key_name(line.substr(0, space)));
    signatures.push_back({std::string(line.substr(0, space)), *bytes});
  }
  if (signatures.empty()) return no_note("is not signed");
  return signatures;
}

Result<Note> parse_note(std::string_view text) {
  if (text.size() > most_note_bytes) return no_note("is longer than 64 KiB");
  if (!is_utf8(text) || has_control(text)) return no_note("is not plain UTF-8 text");
  const size_t gap = text.rfind("\n\n");
  if (gap == std::string_view::npos) return no_note("has no empty line before its signatures");
  TRY(auto signatures, parse_signature_lines(text.substr(gap + 2)));
  return Note{std::string(text.substr(0, gap + 1)), std::move(signatures)};
}

NoteVerifier::NoteVerifier(std::string name, NoteKeyKind kind, Ed25519PublicKey key)
    : name_(std::move(name)), kind_(kind), key_(std::move(key)), hash_(key_hash_of(name_, kind_, key_)) {}

Result<NoteVerifier> NoteVerifier::parse(std::string_view text) {
  const auto wrong = fail(Code::invalid, "must be NAME+HASH+KEY, as 'barrio log keys' prints it", "verifier key");
  const size_t first = text.find('+');
  const size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return wrong;
  const auto key = from_base64(text.substr(second + 1));  // may hold a plus itself
  if (!key || key->size() != 33 || !check_key_name(text.substr(0, first))) return wrong;
  const auto kind = static_cast<NoteKeyKind>(key->front());
  if (kind != NoteKeyKind::log && kind != NoteKeyKind::witness) {
    return fail(Code::unsupported, "is of a kind of signature other than Ed25519 and cosignature/v1", "verifier key");
  }
  NoteVerifier verifier(std::string(text.substr(0, first)), kind, Ed25519PublicKey::of(key->substr(1)));
  if (hex_of(verifier.hash_) != text.substr(first + 1, second - first - 1)) return wrong;
  return verifier;
}

std::string NoteVerifier::str() const {
  return name_ + "+" + hex_of(hash_) + "+" + base64(std::string(1, static_cast<char>(kind_)) + key_.bytes());
}

std::optional<uint64_t> NoteVerifier::verify(const Note& note) const {
  for (const NoteSignature& signature : note.signatures) {
    if (signature.name != name_ || !signature.bytes.starts_with(hash_)) continue;
    const std::string_view rest = std::string_view(signature.bytes).substr(key_hash_bytes);
    if (kind_ == NoteKeyKind::log) {
      if (!key_.verify(note.text, rest)) return std::nullopt;
      return 0;
    }
    if (rest.size() != time_bytes + ed25519_bytes) return std::nullopt;
    const uint64_t seconds = read_big_endian(rest.substr(0, time_bytes));
    if (!key_.verify(cosigned_text(note.text, seconds), rest.substr(time_bytes))) return std::nullopt;
    return seconds;
  }
  return std::nullopt;
}

NoteSigner::NoteSigner(std::string name, NoteKeyKind kind, Ed25519Key key)
    : kind_(kind), key_(std::move(key)), verifier_(std::move(name), kind, key_.public_key()) {
  CHECK(check_key_name(verifier_.name()).has_value());
}

NoteSignature NoteSigner::sign(std::string_view text, uint64_t seconds) const {
  std::string bytes = verifier_.key_hash();
  if (kind_ == NoteKeyKind::log) {
    bytes += key_.sign(text);
  } else {
    bytes += big_endian_time(seconds) + key_.sign(cosigned_text(text, seconds));
  }
  return {verifier_.name(), std::move(bytes)};
}

std::string Checkpoint::text() const {
  return origin + "\n" + std::to_string(size) + "\n" + base64(text_of(root)) + "\n";
}

Result<Digest> parse_hash(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() != sizeof(Digest)) return fail(Code::invalid, "must be 32 bytes in base64", "hash");
  Digest digest{};
  std::ranges::copy(*bytes, digest.begin());
  return digest;
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  const auto lines = split(text, '\n');  // the last one is what follows the last newline
  if (lines.size() < 4 || lines[0].empty() || !lines.back().empty()) {
    return fail(Code::invalid, "must have an origin, a size and a root", "checkpoint");
  }
  const bool extended = std::any_of(lines.begin() + 3, lines.end() - 1, [](auto line) { return line.empty(); });
  const auto size = parse_uint(lines[1]);
  if (extended || !size || std::to_string(*size) != lines[1] || *size > uint64_t{1} << 62) {
    return fail(Code::invalid, "has a bad size or an empty line", "checkpoint");
  }
  TRY(const Digest root, parse_hash(lines[2]));
  return Checkpoint{std::string(lines[0]), *size, root};
}

Result<Checkpoint> verify_checkpoint(const Note& note, const NoteVerifier& log) {
  TRY(auto checkpoint, parse_checkpoint(note.text));
  if (checkpoint.origin != log.name())
    return fail(Code::denied, "is of another log: " + checkpoint.origin, "checkpoint");
  if (!log.verify(note)) return fail(Code::denied, "is not signed by " + log.str(), "checkpoint");
  return checkpoint;
}

}  // namespace barrio::decide
