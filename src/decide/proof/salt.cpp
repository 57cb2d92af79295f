#include "decide/proof/salt.h"

#include "base/base64.h"
#include "decide/proof/lines.h"

namespace barrio::decide {

namespace {

constexpr std::string_view salt_version = "barrio.salt/1";

Result<SignedSalt> read_salt(std::string_view text) {
  LineReader reader(text, "salt");
  TRY(const std::string_view version, reader.line());
  if (version != salt_version) return fail(Code::unsupported, "is not a barrio.salt/1", "salt");
  SignedSalt salt;
  TRY(const std::string_view site, reader.value("site"));
  TRY(salt.site, SiteId::parse(site));
  TRY(const std::string_view tenant, reader.value("tenant"));
  TRY(salt.tenant, TenantId::parse(tenant));
  TRY(const std::string_view bytes, reader.value("salt"));
  const auto decoded = from_base64(bytes);
  if (!decoded || decoded->size() != tenant_salt_bytes || !reader.at_end())
    return fail(Code::invalid, "must be 32 bytes in base64, and the last line", "salt");
  salt.salt = *decoded;
  return salt;
}

}  // namespace

std::string SignedSalt::text() const {
  return std::string(salt_version) + "\nsite " + site.str() + "\ntenant " + tenant.str() + "\nsalt " + base64(salt) +
         "\n";
}

std::string sign_salt(const SignedSalt& salt, const NoteSigner& log) {
  const std::string text = salt.text();
  return Note{text, {log.sign(text)}}.str();
}

Result<SignedSalt> parse_salt(std::string_view note) {
  TRY(const Note parsed, parse_note(note));
  return read_salt(parsed.text);
}

Result<TenantSalt> verify_salt(std::string_view note, const SiteId& site, const TenantId& tenant,
                               const NoteVerifier& log) {
  TRY(const Note parsed, parse_note(note));
  TRY(SignedSalt salt, read_salt(parsed.text));
  if (!log.verify(parsed)) return fail(Code::denied, "is not signed by " + log.name(), "salt");
  if (salt.site != site) return fail(Code::denied, "is of site " + salt.site.str(), "salt");
  if (salt.tenant != tenant)
    return fail(Code::denied, "is of tenant " + salt.tenant.str() + ", not of " + tenant.str(), "salt");
  return std::move(salt.salt);
}

}  // namespace barrio::decide
