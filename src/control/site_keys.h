#pragma once
// Which keys a site may speak with: two people say so, the one at the site, whose machine shows the key's fingerprint,
// and the operator, who approves that fingerprint. Once for a key, whatever certificates are made for it. Pure: what is
// kept of a site in the StateStore, and how it changes.

#include <optional>
#include <string>
#include <vector>

#include "api/operator/site_keys.h"
#include "base/result.h"

namespace barrio::control {

/// After that, who still wants to join asks again.
inline constexpr auto pending_kept_for = std::chrono::hours(24);
/// At a site. Who has its secret cannot fill control's store, and an operator sees that more than one asks.
inline constexpr size_t most_pending_keys = 4;
/// Of those that ended: replaced ones are remembered so that they are not taken for new ones, the oldest is forgotten.
inline constexpr size_t most_replaced_keys = 16;
/// None of them is ever forgotten.
inline constexpr size_t most_revoked_keys = 256;

struct SiteKey {
  std::string fingerprint;  // key_fingerprint() (base/x509.h)
  WallTime since;           // asked, approved or ended
  /// It came over TLS in a certificate of that site. Only of one that waits.
  std::optional<bool> certified = {};
};
BARRIO_DESCRIBE(SiteKey, (), (fingerprint, since, certified))

/// What shows that who asks has the key: its signature in a request, sent with the site's token, or the site's
/// certificate on the connection, too.
enum class Proof { token, certificate };

struct EndedKey {
  std::string fingerprint;
  WallTime since;
  bool revoked = false;                // else replaced: other sites take it for the site's until it is revoked
  std::optional<bool> dismissed = {};  // revoked by its fingerprint, and never approved: that says nothing of the site
};
BARRIO_DESCRIBE(EndedKey, (), (fingerprint, since, revoked, dismissed))

struct SiteKeys {
  SiteId site;
  std::optional<SiteKey> used = {};  // approved
  std::optional<SiteKey> next = {};  // approved, too: in place of `used` once a connection comes with it
  std::vector<SiteKey> pending = {};
  std::vector<EndedKey> ended = {};  // the oldest first
};
BARRIO_DESCRIBE(SiteKeys, (), (site, used, next, pending, ended))

/// None: not known, or its request has expired.
std::optional<api::SiteKeyState> state_of(const SiteKeys& keys, const std::string& fingerprint, WallTime now);
/// A key that nothing is known of asks to be approved. Where there is no room, one with a certificate takes the place
/// of the oldest that has shown none. Errors: exhausted.
Result<void> ask(SiteKeys& keys, const std::string& fingerprint, WallTime now, Proof proof);
/// Takes the same time whatever is pending. Errors: conflict (none that asks has this fingerprint).
Result<void> approve(SiteKeys& keys, const std::string& fingerprint, WallTime now);
/// A connection came with `next`: what was used until then ends.
void take_up_next(SiteKeys& keys, WallTime now);
/// Nobody has approved a key of the site or revoked what it has.
bool none_decided(const SiteKeys& keys);
/// What it had was revoked, and nothing has been approved since: nobody there is that site.
bool is_cut_off(const SiteKeys& keys);
/// This one counts nowhere any more, whatever it was, known or not. False: it was revoked before. Errors: exhausted.
Result<bool> revoke(SiteKeys& keys, const std::string& fingerprint, WallTime now);
/// All that the site has or had. False: there is none that was not revoked before. Errors: exhausted.
Result<bool> revoke_all(SiteKeys& keys, WallTime now);
/// Those that have not expired, the pending ones first.
std::vector<api::SiteKeyView> views(const SiteKeys& keys, WallTime now);

}  // namespace barrio::control
