#include "adapters/tile_log/log_keys.h"

#include "adapters/tile_log/log_disk.h"
#include "base/crypto.h"
#include "base/text.h"
#include "model/site_identity.h"

namespace barrio::adapters {

namespace {

constexpr std::string_view name_line = "name ";

std::string random_hex(size_t bytes) {
  const std::string random = random_bytes(bytes);
  return to_hex({reinterpret_cast<const unsigned char*>(random.data()), random.size()});
}

Result<decide::NoteSigner> read_note_key(const std::string& text, decide::NoteKeyKind kind) {
  const size_t end = text.find('\n');
  if (!text.starts_with(name_line) || end == std::string::npos) {
    return fail(Code::invalid, "must begin with the key's name");
  }
  const std::string name = text.substr(name_line.size(), end - name_line.size());
  TRY_DO(decide::check_key_name(name));
  TRY(auto key, Ed25519Key::from_pem(text.substr(end + 1)));
  return decide::NoteSigner(name, kind, std::move(key));
}

}  // namespace

Result<decide::NoteSigner> load_note_key(const std::string& folder, const std::string& file, const std::string& name,
                                         decide::NoteKeyKind kind) {
  TRY(auto disk, open_log_folder(folder));
  TRY(const auto lock, disk->lock());
  TRY(auto text, disk->read(file));
  if (!text) {
    TRY(const auto key, Ed25519Key::generate());
    text = std::string(name_line) + name + "/" + random_hex(4) + "\n" + key.pem();
    TRY_DO(disk->replace(file, *text));
  }
  auto signer = read_note_key(*text, kind);
  if (!signer) return fail(std::move(signer.error()).within(folder + "/" + file));
  return signer;
}

Result<LogKeys> load_log_keys(const std::string& folder, const SiteId& site) {
  const std::string host = site_host(site);
  TRY(auto log, load_note_key(folder, "log.key", host + "/log", decide::NoteKeyKind::log));
  TRY(auto witness, load_note_key(folder, "witness.key", host + "/witness", decide::NoteKeyKind::witness));
  TRY(auto disk, open_log_folder(folder));
  TRY(const auto lock, disk->lock());
  TRY(auto secret, disk->read("salt.secret"));
  if (!secret) {
    secret = random_bytes(32);
    TRY_DO(disk->replace("salt.secret", *secret));
  }
  if (secret->size() != 32) return fail(Code::invalid, "must be 32 bytes", folder + "/salt.secret");
  return LogKeys{std::move(log), std::move(witness), std::move(*secret)};
}

}  // namespace barrio::adapters
