#include "control/site_keys.h"

#include <algorithm>

#include "base/crypto.h"

namespace barrio::control {

using api::SiteKeyState;

namespace {

bool is_key(const std::optional<SiteKey>& key, const std::string& fingerprint) {
  return key && key->fingerprint == fingerprint;
}

void forget_expired(SiteKeys& keys, WallTime now) {
  std::erase_if(keys.pending, [&](const SiteKey& key) { return now >= key.since + pending_kept_for; });
}

enum class Why { revoked, replaced };

void end_key(SiteKeys& keys, const std::optional<SiteKey>& key, WallTime now, Why why) {
  if (!key) return;
  keys.ended.push_back({key->fingerprint, now, why == Why::revoked});
  if (keys.ended.size() > most_ended_keys) keys.ended.erase(keys.ended.begin());
}

}  // namespace

std::optional<SiteKeyState> state_of(const SiteKeys& keys, const std::string& fingerprint, WallTime now) {
  if (is_key(keys.used, fingerprint)) return SiteKeyState::approved;
  if (is_key(keys.next, fingerprint)) return SiteKeyState::next;
  if (std::ranges::find(keys.ended, fingerprint, &EndedKey::fingerprint) != keys.ended.end()) {
    return SiteKeyState::ended;
  }
  const auto asked = std::ranges::find(keys.pending, fingerprint, &SiteKey::fingerprint);
  if (asked == keys.pending.end() || now >= asked->since + pending_kept_for) return std::nullopt;
  return SiteKeyState::pending;
}

Result<void> ask(SiteKeys& keys, const std::string& fingerprint, WallTime now) {
  forget_expired(keys, now);
  if (keys.pending.size() >= most_pending_keys) {
    return fail(Code::exhausted,
                std::to_string(keys.pending.size()) + " keys of site " + keys.site.str() +
                    " wait for approval already; 'barrio site revoke " + keys.site.str() + "' ends them",
                "site");
  }
  keys.pending.push_back({fingerprint, now});
  return {};
}

Result<void> approve(SiteKeys& keys, const std::string& fingerprint, WallTime now) {
  forget_expired(keys, now);
  auto found = keys.pending.end();
  for (auto key = keys.pending.begin(); key != keys.pending.end(); ++key) {
    if (constant_time_equal(key->fingerprint, fingerprint)) found = key;
  }
  if (found == keys.pending.end()) {
    return fail(Code::conflict,
                "no key of site " + keys.site.str() +
                    " that waits for approval has this fingerprint; compare it with what the site's machine shows",
                "fingerprint");
  }
  keys.pending.erase(found);
  if (!keys.used) {
    keys.used = {fingerprint, now};
    return {};
  }
  end_key(keys, keys.next, now, Why::replaced);
  keys.next = {fingerprint, now};
  return {};
}

void take_up_next(SiteKeys& keys, WallTime now) {
  end_key(keys, keys.used, now, Why::replaced);
  keys.used = std::exchange(keys.next, std::nullopt);
}

void revoke(SiteKeys& keys, WallTime now) {
  keys.pending.clear();
  end_key(keys, std::exchange(keys.next, std::nullopt), now, Why::revoked);
  end_key(keys, std::exchange(keys.used, std::nullopt), now, Why::revoked);
}

std::vector<api::SiteKeyView> views(const SiteKeys& keys, WallTime now) {
  std::vector<api::SiteKeyView> all;
  const auto add = [&](const auto& key, SiteKeyState state) {
    all.push_back({keys.site, key.fingerprint, state, key.since, {}});
  };
  for (const SiteKey& key : keys.pending) {
    if (now >= key.since + pending_kept_for) continue;
    add(key, SiteKeyState::pending);
    all.back().expires = key.since + pending_kept_for;
  }
  if (keys.used) add(*keys.used, SiteKeyState::approved);
  if (keys.next) add(*keys.next, SiteKeyState::next);
  for (const EndedKey& key : keys.ended) add(key, SiteKeyState::ended);
  return all;
}

}  // namespace barrio::control
