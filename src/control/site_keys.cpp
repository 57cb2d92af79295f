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

void replace_key(SiteKeys& keys, const std::optional<SiteKey>& key, WallTime now) {
  if (!key) return;
  keys.ended.push_back({key->fingerprint, now, false, {}});
  if (std::ranges::count(keys.ended, false, &EndedKey::revoked) > static_cast<ptrdiff_t>(most_replaced_keys)) {
    keys.ended.erase(std::ranges::find(keys.ended, false, &EndedKey::revoked));
  }
}

bool is_dismissed(const EndedKey& key) {
  return key.dismissed.value_or(false);
}

Result<bool> revoke_one(SiteKeys& keys, const std::string& fingerprint, WallTime now, bool dismissed) {
  const auto known = std::ranges::find(keys.ended, fingerprint, &EndedKey::fingerprint);
  if (known != keys.ended.end() && known->revoked) return false;
  if (std::ranges::count(keys.ended, true, &EndedKey::revoked) >= static_cast<ptrdiff_t>(most_revoked_keys)) {
    return fail(Code::exhausted,
                std::to_string(most_revoked_keys) + " keys of site " + keys.site.str() +
                    " are revoked, and none is forgotten; what is left is a new authority (site_ca)",
                "fingerprint");
  }
  if (known != keys.ended.end()) keys.ended.erase(known);
  std::erase_if(keys.pending, [&](const SiteKey& key) { return key.fingerprint == fingerprint; });
  if (is_key(keys.next, fingerprint)) keys.next.reset();
  if (is_key(keys.used, fingerprint)) keys.used = std::exchange(keys.next, std::nullopt);
  keys.ended.push_back({fingerprint, now, true, dismissed});
  return true;
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

Result<void> ask(SiteKeys& keys, const std::string& fingerprint, WallTime now, Proof proof) {
  forget_expired(keys, now);
  const bool certified = proof == Proof::certificate;
  if (keys.pending.size() >= most_pending_keys) {
    const auto least =
        std::ranges::find_if(keys.pending, [](const SiteKey& key) { return !key.certified.value_or(false); });
    if (!certified || least == keys.pending.end()) {
      return fail(Code::exhausted,
                  std::to_string(keys.pending.size()) + " keys of site " + keys.site.str() +
                      " wait for approval already; 'barrio site revoke " + keys.site.str() +
                      " --fingerprint ...' ends one of them",
                  "site");
    }
    keys.pending.erase(least);
  }
  keys.pending.push_back({fingerprint, now, certified});
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
  replace_key(keys, keys.next, now);
  keys.next = {fingerprint, now};
  return {};
}

void take_up_next(SiteKeys& keys, WallTime now) {
  replace_key(keys, keys.used, now);
  keys.used = std::exchange(keys.next, std::nullopt);
}

bool none_decided(const SiteKeys& keys) {
  return !keys.used && !keys.next && std::ranges::all_of(keys.ended, is_dismissed);
}

bool is_cut_off(const SiteKeys& keys) {
  const auto counts = [](const EndedKey& key) { return key.revoked && !is_dismissed(key); };
  return !keys.used && !keys.next && std::ranges::any_of(keys.ended, counts);
}

Result<bool> revoke(SiteKeys& keys, const std::string& fingerprint, WallTime now) {
  const bool approved_once = is_key(keys.used, fingerprint) || is_key(keys.next, fingerprint) ||
                             std::ranges::find(keys.ended, fingerprint, &EndedKey::fingerprint) != keys.ended.end();
  return revoke_one(keys, fingerprint, now, !approved_once);
}

Result<bool> revoke_all(SiteKeys& keys, WallTime now) {
  forget_expired(keys, now);
  std::vector<std::string> all;
  for (const SiteKey& key : keys.pending) all.push_back(key.fingerprint);
  for (const EndedKey& key : keys.ended) {
    if (!key.revoked) all.push_back(key.fingerprint);
  }
  if (keys.next) all.push_back(keys.next->fingerprint);
  if (keys.used) all.push_back(keys.used->fingerprint);
  for (const std::string& fingerprint : all) TRY_DO(revoke_one(keys, fingerprint, now, false));
  return !all.empty();
}

std::vector<api::SiteKeyView> views(const SiteKeys& keys, WallTime now) {
  std::vector<api::SiteKeyView> all;
  const auto add = [&](const auto& key, SiteKeyState state) {
    all.push_back({keys.site, key.fingerprint, state, key.since, {}, {}});
  };
  for (const SiteKey& key : keys.pending) {
    if (now >= key.since + pending_kept_for) continue;
    add(key, SiteKeyState::pending);
    all.back().expires = key.since + pending_kept_for;
  }
  if (keys.used) add(*keys.used, SiteKeyState::approved);
  if (keys.next) add(*keys.next, SiteKeyState::next);
  for (const EndedKey& key : keys.ended) {
    add(key, SiteKeyState::ended);
    all.back().revoked = key.revoked;
  }
  return all;
}

}  // namespace barrio::control
