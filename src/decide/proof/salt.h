#pragma once
// The salt that a site names a tenant under, signed by its log's key ("barrio.salt/1", docs/proof.md), so that a proof
// file cannot be made to speak of another tenant, or under another salt, by whoever passes it on. Pure.

#include "decide/proof/leaf.h"
#include "decide/proof/note.h"

namespace barrio::decide {

struct SignedSalt {
  SiteId site;
  TenantId tenant;
  TenantSalt salt;
  std::string text() const;
};

/// A signed note.
std::string sign_salt(const SignedSalt& salt, const NoteSigner& log);
/// Whoever signed it. Errors: invalid.
Result<SignedSalt> parse_salt(std::string_view note);
/// Errors: invalid, denied (not signed by this key, or of another site or tenant).
Result<TenantSalt> verify_salt(std::string_view note, const SiteId& site, const TenantId& tenant,
                               const NoteVerifier& log);

}  // namespace barrio::decide
