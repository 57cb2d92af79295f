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
/// That are remembered, so that they are not taken for new ones.
inline constexpr size_t most_ended_keys = 16;

struct SiteKey {
  std::string fingerprint;  // key_fingerprint() (base/x509.h)
  WallTime since;           // asked, approved or ended
};
BARRIO_DESCRIBE(SiteKey, (), (fingerprint, since))

struct EndedKey {
  std::string fingerprint;
  WallTime since;
  bool revoked = false;  // else replaced: what still runs with it is a site
};
BARRIO_DESCRIBE(EndedKey, (), (fingerprint, since, revoked))

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
/// A key that nothing is known of asks to be approved. Errors: exhausted.
Result<void> ask(SiteKeys& keys, const std::string& fingerprint, WallTime now);
/// Takes the same time whatever is pending. Errors: conflict (none that asks has this fingerprint).
Result<void> approve(SiteKeys& keys, const std::string& fingerprint, WallTime now);
/// A connection came with `next`: what was used until then ends.
void take_up_next(SiteKeys& keys, WallTime now);
/// What is approved ends, what is pending is forgotten and may ask again.
void revoke(SiteKeys& keys, WallTime now);
/// Those that have not expired, the pending ones first.
std::vector<api::SiteKeyView> views(const SiteKeys& keys, WallTime now);

}  // namespace barrio::control
