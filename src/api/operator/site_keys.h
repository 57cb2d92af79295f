#pragma once
// The keys of sites: what a site says to be let in, and what the operator sees and decides (docs/tls.md).

#include <optional>
#include <string>
#include <vector>

#include "base/json_schema.h"
#include "base/time.h"
#include "model/ids.h"

namespace barrio::api {

/// A site asks for a certificate.
struct JoinRequest {
  std::string certificate_request;  // PEM, PKCS #10; only its key counts
};
BARRIO_DESCRIBE(JoinRequest, (), (certificate_request))

struct JoinAnswer {
  std::string fingerprint;  // of the key, as control has read it
  bool approved = false;    // by the operator; else ask again
  std::string certificate;  // PEM; empty: not approved, or control signs none
};
BARRIO_DESCRIBE(JoinAnswer, (), (fingerprint, approved, certificate))

/// Of a key: pending until it is approved; `next` was approved beside the one in use, and takes its place when it is
/// used first; ended was revoked or replaced, and is never approved again. Other sites still take a certificate with a
/// replaced key for the site's, until it is revoked, too.
enum class SiteKeyState { pending, approved, next, ended };
BARRIO_DESCRIBE_ENUM(SiteKeyState, pending, approved, next, ended)

struct SiteKeyView {
  SiteId site;
  std::string fingerprint;
  SiteKeyState state = SiteKeyState::pending;
  WallTime since;
  std::optional<WallTime> expires;  // of a pending one
  std::optional<bool> revoked;      // of an ended one; false: it was replaced
};
BARRIO_DESCRIBE(SiteKeyView, (), (site, fingerprint, state, since, expires, revoked))

struct SiteKeyList {
  std::vector<SiteKeyView> keys;
  std::optional<std::string> next;  // ?after= for the rest; none: this was all
};
BARRIO_DESCRIBE(SiteKeyList, (), (keys, next))

struct SiteKeyApproval {
  std::string fingerprint;  // as the site's machine shows it
};
BARRIO_DESCRIBE(SiteKeyApproval, (), (fingerprint))

struct SiteKeyRevocation {
  std::optional<std::string> fingerprint;  // in any state, also one never heard of; none: all that the site has or had
};
BARRIO_DESCRIBE(SiteKeyRevocation, (), (fingerprint))

}  // namespace barrio::api
