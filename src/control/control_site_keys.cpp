// Keys of sites: who asks to be let in, and whom the operator has approved.

#include <algorithm>

#include "base/log.h"
#include "control/control.h"
#include "model/site_identity.h"

namespace barrio::control {

using api::SiteKeyState;

namespace {

constexpr auto site_certificate_days = std::chrono::days(90);

Act act_on_key(const Author& by, std::string action, const SiteId& site) {
  return {by, std::move(action), site.str()};
}

Error not_approved(const SiteId& site, const std::string& fingerprint) {
  return {Code::denied, "key " + fingerprint + " is not approved for site " + site.str() + ": 'barrio site approve " +
                            site.str() + " --fingerprint " + fingerprint + "', if its machine shows the same"};
}

Error key_ended(const SiteId& site, const std::string& fingerprint) {
  return {Code::denied, "key " + fingerprint + " of site " + site.str() +
                            " was revoked or replaced; make another one, and have that approved"};
}

/// None: it may speak. `state` none: it is not known, or not any more.
std::optional<Error> why_not(const SiteId& site, const std::string& fingerprint, std::optional<SiteKeyState> state) {
  if (state == SiteKeyState::approved) return std::nullopt;
  return state == SiteKeyState::ended ? key_ended(site, fingerprint) : not_approved(site, fingerprint);
}

}  // namespace

SiteKeys Control::keys_of(const SiteId& site) const {
  const auto found = desired_.site_keys.find(site);
  return found == desired_.site_keys.end() ? SiteKeys{.site = site} : found->second;
}

/// Which gateways are told, since revoked certificates may be valid for long yet.
std::vector<std::string> Control::revoked_keys() const {
  std::vector<std::string> revoked;
  for (const auto& [site, keys] : desired_.site_keys) {
    for (const EndedKey& key : keys.ended) {
      if (key.revoked) revoked.push_back(key.fingerprint);
    }
  }
  return revoked;
}

/// Addresses of sites, less those of sites whose keys were revoked: what stands there now is not that site.
std::map<std::string, std::string> Control::without_cut_off(std::map<std::string, std::string> by_site) const {
  for (const auto& [site, keys] : desired_.site_keys) {
    if (is_cut_off(keys)) by_site.erase(site.str());
  }
  return by_site;
}

Result<void> Control::known_site(const SiteId& site) const {
  if (desired_.network.find(site) != nullptr) return {};
  return fail(Code::not_found, "there is no site '" + site.str() + "'", "site");
}

/// What a key may do, after it is noted that it was heard of. The common case writes nothing. A site that control has
/// sent requests to, and of whose keys nothing was ever decided, is from before keys were approved: its certificate
/// alone let it in, and does so for one key more.
Result<SiteKeyState> Control::hear_key(const SiteId& site, const std::string& fingerprint, Proof proof) {
  const auto known = state_of(keys_of(site), fingerprint, runtime_.wall());
  if (known) return *known;
  if (!leads()) return fail(Code::unavailable, "this member of control does not lead");
  SiteKeyState state = SiteKeyState::pending;
  bool written = false;
  Act act = act_on_key({site.str(), std::string(api::role::site)}, "site join", site);
  auto note = [&]() -> Result<Edit> {
    TRY_DO(known_site(site));
    SiteKeys keys = keys_of(site);
    const auto found = state_of(keys, fingerprint, runtime_.wall());
    written = !found;  // two of its requests may come at once
    if (found) {
      state = *found;
      return Edit{};
    }
    const bool from_before =
        proof == Proof::certificate && none_decided(keys) && desired_.gateways.contains(site.str());
    state = from_before ? SiteKeyState::approved : SiteKeyState::pending;
    act.action = from_before ? "site key taken over" : "site join";
    if (from_before) {
      keys.used = {fingerprint, runtime_.wall()};
    } else {
      TRY_DO(ask(keys, fingerprint, runtime_.wall(), proof));
    }
    const std::string key = key::site_keys(site);
    return Edit{{desired_.guard(key)}, {write_json(key, keys)}, fingerprint};
  };
  TRY_DO(change(act, note));
  if (written) log_info(act.action, {{"site", site.str()}, {"fingerprint", fingerprint}});
  return state;
}

Result<void> Control::admit_key(const SiteId& site, const std::string& fingerprint) {
  TRY(const SiteKeyState heard, hear_key(site, fingerprint, Proof::certificate));
  std::optional<SiteKeyState> state = heard;
  if (state == SiteKeyState::next) {
    if (!leads()) return {};  // who leads hears from it, too
    bool taken_up = false;
    auto take_up = [&]() -> Result<Edit> {
      SiteKeys keys = keys_of(site);
      state = state_of(keys, fingerprint, runtime_.wall());
      taken_up = state == SiteKeyState::next;
      if (!taken_up) return Edit{};
      take_up_next(keys, runtime_.wall());
      state = SiteKeyState::approved;
      const std::string key = key::site_keys(site);
      return Edit{{desired_.guard(key)}, {write_json(key, keys)}, fingerprint};
    };
    TRY_DO(change(act_on_key({site.str(), std::string(api::role::site)}, "site key replaced", site), take_up));
    if (taken_up) log_info("a site has another key", {{"site", site.str()}, {"fingerprint", fingerprint}});
  }
  if (auto why = why_not(site, fingerprint, state)) return fail(std::move(*why));
  return {};
}

Result<api::JoinAnswer> Control::join(const SiteId& site, const api::JoinRequest& request) {
  auto key = PublicKey::from_request(request.certificate_request);
  if (!key) return fail(Code::invalid, key.error().what, "certificate_request");
  const std::string fingerprint = key->fingerprint();
  TRY(const SiteKeyState state, hear_key(site, fingerprint, Proof::token));
  if (state == SiteKeyState::ended) return fail(key_ended(site, fingerprint));
  api::JoinAnswer answer{fingerprint, state != SiteKeyState::pending, {}};
  if (!answer.approved || !config_.site_authority) return answer;
  // What another member knows may be old: the key may have been revoked.
  if (!leads()) return fail(Code::unavailable, "this member of control does not lead");
  const CertificateRequest wanted{.common_name = site.str(),
                                  .dns = {site_host(site)},
                                  .ips = {},
                                  .uris = {site_uri(site)},
                                  .days = site_certificate_days};
  TRY(const Certificate made, config_.site_authority->certify(wanted, *key, runtime_.wall()));
  log_info("a site's certificate signed",
           {{"site", site.str()}, {"fingerprint", fingerprint}, {"until", to_string(made.info().not_after)}});
  answer.certificate = made.pem();
  return answer;
}

Result<api::SiteKeyView> Control::approve_key(const SiteId& site, const std::string& fingerprint, const Author& by) {
  TRY(const std::string wanted, parse_key_fingerprint(fingerprint));
  auto set = [&]() -> Result<Edit> {
    TRY_DO(known_site(site));
    SiteKeys keys = keys_of(site);
    const auto state = state_of(keys, wanted, runtime_.wall());
    if (state == SiteKeyState::approved || state == SiteKeyState::next) return Edit{};
    TRY_DO(approve(keys, wanted, runtime_.wall()));
    const std::string key = key::site_keys(site);
    return Edit{{desired_.guard(key)}, {write_json(key, keys)}, wanted};
  };
  TRY_DO(change(act_on_key(by, "site approve", site), set));
  log_info("a site's key approved", {{"site", site.str()}, {"fingerprint", wanted}});
  const auto all = views(keys_of(site), runtime_.wall());
  const auto made = std::ranges::find(all, wanted, &api::SiteKeyView::fingerprint);
  // Somebody may have revoked it in between.
  if (made == all.end()) return fail(Code::conflict, "the key has ended meanwhile", "fingerprint");
  return *made;
}

Result<api::SiteKeyList> Control::revoke_keys(const SiteId& site, const api::SiteKeyRevocation& wanted,
                                              const Author& by) {
  std::optional<std::string> one;
  if (wanted.fingerprint) {
    TRY(one, parse_key_fingerprint(*wanted.fingerprint));
  }
  auto end = [&]() -> Result<Edit> {
    TRY_DO(known_site(site));
    SiteKeys keys = keys_of(site);
    const std::string used = keys.used ? keys.used->fingerprint : "";
    TRY(const bool ended, one ? revoke(keys, *one, runtime_.wall()) : revoke_all(keys, runtime_.wall()));
    if (!ended && one) return Edit{};
    if (!ended) return fail(Code::conflict, "site " + site.str() + " has no key that is not revoked", "site");
    const std::string key = key::site_keys(site);
    return Edit{{desired_.guard(key)}, {write_json(key, keys)}, one.value_or(used)};
  };
  TRY_DO(change(act_on_key(by, "site revoke", site), end));
  log_info("keys of a site revoked", {{"site", site.str()}, {"fingerprint", one.value_or("all")}});
  return api::SiteKeyList{views(keys_of(site), runtime_.wall()), {}};
}

std::vector<api::SiteKeyView> Control::site_keys() const {
  std::vector<api::SiteKeyView> all;
  for (const auto& [site, keys] : desired_.site_keys) {
    const auto some = views(keys, runtime_.wall());
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace barrio::control
