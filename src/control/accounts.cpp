#include "control/accounts.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "base/text.h"
#include "control/desired.h"

namespace barrio::control {

BARRIO_DESCRIBE(StoredAccount, (), (client_id, role, subject, salt, hash))

namespace {

struct StoredKey {
  std::string pem;
};
BARRIO_DESCRIBE(StoredKey, (), (pem))

constexpr const char* signing_key = "key/signing";
constexpr const char* tenant_prefix = "tenant/";

std::string account_key(const std::string& client_id) {
  return "account/" + client_id;
}

tl::unexpected<api::TokenError> refuse(int status, std::string error, std::string why) {
  return tl::unexpected(api::TokenError{status, std::move(error), std::move(why)});
}

}  // namespace

Result<void> BootstrapAccount::check() const {
  if (auto good = check_label(client_id); !good) return fail(Code::invalid, good.error().what, "client_id");
  if (auto good = check_label(subject); !good) return fail(Code::invalid, good.error().what, "subject");
  if (secret.size() < 8 || secret.size() > 256) return fail(Code::invalid, "must have 8 to 256 characters", "secret");
  if (api::scopes_of(role).empty() || role == api::role::member)
    return fail(Code::invalid, "must be tenant, operator or site", "role");
  return {};
}

Accounts::Accounts(ports::Runtime& runtime, ports::StateStore& state, AccountsConfig config)
    : runtime_(runtime), state_(state), config_(std::move(config)) {}

Result<void> Accounts::start() {
  TRY_DO(load_key());
  std::vector<StoredAccount> missing;
  for (const BootstrapAccount& account : config_.bootstrap) {
    TRY_DO(account.check());
    TRY(const auto present, find(account.client_id));
    if (!present) missing.push_back(hashed(account));
  }
  waiting_ = std::move(missing);
  return make_waiting();
}

/// Control serves without an account that its file has more since the last start, and makes it once there is room.
Result<void> Accounts::make_waiting() {
  while (!waiting_.empty()) {
    const StoredAccount next = waiting_.front();
    const auto made = add(next);
    if (!made && made.error().code != Code::exhausted) return fail(made.error());
    if (!made) {
      if (no_room_.empty())
        log_warning(
            "accounts of control's file are not there yet",
            {{"first", next.client_id}, {"all", std::to_string(waiting_.size())}, {"why", made.error().text()}});
      no_room_ = made.error().text();
      return {};
    }
    std::erase_if(waiting_, [&](const StoredAccount& one) { return one.client_id == next.client_id; });
  }
  no_room_.clear();
  return {};
}

Result<void> Accounts::follow() {
  waiting_.clear();
  no_room_.clear();
  if (key_) return {};
  TRY(auto stored, state_.get(signing_key));
  if (!stored) return fail(Code::unavailable, "no member of control has begun yet", signing_key);
  return load_key();
}

std::string Accounts::member_token() {
  CHECK(key_);
  const WallTime now = runtime_.wall();
  api::Identity member{"control", std::string(api::role::member), {std::string(api::scope::member)}, now + 60s};
  return api::issue_token(*key_, keys_.front().kid, member, now);
}

Result<void> Accounts::load_key() {
  TRY(auto stored, state_.get(signing_key));
  if (stored) {
    TRY(auto document, read_json<StoredKey>(*stored));
    TRY(key_, Es256Key::from_pem(document.pem));
  } else {
    TRY(key_, Es256Key::generate());
    TRY_DO(state_.commit({{signing_key, 0}}, {write_json(signing_key, StoredKey{key_->pem()})}));
    log_info("signing key made", {{"kid", api::verifying_key(*key_).kid}});
  }
  keys_ = {api::verifying_key(*key_)};
  return {};
}

/// True: made now. False: there is one already, or another than was to be replaced.
Result<bool> Accounts::add(const StoredAccount& account, std::vector<ports::Write> writes, ports::Revision replaced) {
  std::vector<ports::Guard> guards = {{account_key(account.client_id), replaced}};
  writes.push_back(write_json(account_key(account.client_id), account));
  if (account.role == api::role::tenant) {
    const TenantId tenant = TenantId::of(account.subject);
    TRY(const bool known, has_tenant(tenant));  // one more account of it leaves its quota alone
    if (!known) writes.push_back(write_json(key::tenant(tenant), TenantRecord{tenant, {}}));
  }
  auto committed = state_.commit(std::move(guards), std::move(writes));
  if (!committed && committed.error().code == Code::conflict) return false;
  if (!committed) return fail(std::move(committed).error());
  log_info("account made", {{"client_id", account.client_id}, {"role", account.role}, {"subject", account.subject}});
  return true;
}

StoredAccount Accounts::hashed(const BootstrapAccount& account) {
  const std::string salt = random_bytes(16);
  return {account.client_id, account.role, account.subject, base64url(salt), base64url(hash(account.secret, salt))};
}

std::string Accounts::hash(const std::string& secret, const std::string& salt) {
  std::string hashed;
  runtime_.offload([&] { hashed = hash_secret(secret, salt); });
  return hashed;
}

Result<std::optional<StoredAccount>> Accounts::find(const std::string& client_id) {
  TRY(auto entry, state_.get(account_key(client_id)));
  if (!entry) return std::optional<StoredAccount>();
  TRY(auto stored, read_json<StoredAccount>(*entry));
  return std::optional(std::move(stored));
}

/// It is one of control's file, and this is its secret.
bool Accounts::is_to_be_made(const api::TokenRequest& request) const {
  const auto found = std::ranges::find(config_.bootstrap, request.client_id, &BootstrapAccount::client_id);
  return found != config_.bootstrap.end() && constant_time_equal(found->secret, request.client_secret);
}

tl::expected<api::TokenAnswer, api::TokenError> Accounts::grant(const api::TokenRequest& request) {
  if (hashing_ >= most_hashing) return refuse(503, "temporarily_unavailable", "too many token requests at once");
  auto account = find(request.client_id);
  if (!account) return refuse(503, "temporarily_unavailable", account.error().text());
  // An unknown client costs the same time as a wrong secret.
  const std::string salt = *account ? from_base64url((*account)->salt).value_or("") : "no such client";
  ++hashing_;
  const std::string hashed = base64url(hash(request.client_secret, salt));
  --hashing_;
  if (!*account && is_to_be_made(request)) {
    return refuse(503, "temporarily_unavailable",
                  "the account is in control's file and not in its state yet" +
                      (no_room_.empty() ? std::string() : ": " + no_room_));
  }
  if (!*account || !constant_time_equal(hashed, (*account)->hash)) {
    return refuse(401, "invalid_client", "unknown client_id or wrong client_secret");
  }
  api::Identity identity{(*account)->subject, (*account)->role, api::scopes_of((*account)->role), {}};
  for (const std::string& scope : request.scopes) {
    if (!identity.has(scope)) {
      return refuse(400, "invalid_scope",
                    "'" + scope + "' is not one of: " + join_text(std::span<const std::string>(identity.scopes), " "));
    }
  }
  if (!request.scopes.empty()) identity.scopes = request.scopes;
  const WallTime now = runtime_.wall();
  identity.expires = now + std::chrono::duration_cast<std::chrono::milliseconds>(config_.token_lifetime);
  api::TokenAnswer answer;
  answer.access_token = api::issue_token(*key_, keys_.front().kid, identity, now);
  answer.expires_in = std::chrono::duration_cast<std::chrono::seconds>(config_.token_lifetime).count();
  answer.scope = join_text(std::span<const std::string>(identity.scopes), " ");
  return answer;
}

Result<api::Identity> Accounts::verify(std::string_view authorization) {
  TRY(auto token, api::bearer_token(authorization));
  return api::verify_token(token, keys_, runtime_.wall());
}

Result<api::TenantCredentials> Accounts::add_tenant(const TenantId& tenant, std::vector<ports::Write> along) {
  TRY(bool exists, has_tenant(tenant));
  const BootstrapAccount account{tenant.str(), base64url(random_bytes(32)), std::string(api::role::tenant),
                                 tenant.str()};
  bool made = false;
  if (!exists) {
    TRY(made, add(hashed(account), std::move(along)));
  }
  if (!made) return fail(Code::conflict, "a tenant or client with the name '" + tenant.str() + "' exists", "name");
  return api::TenantCredentials{tenant, account.client_id, account.secret};
}

Result<api::SiteCredentials> Accounts::add_site(const SiteId& site, bool replace, std::vector<ports::Write> along) {
  const BootstrapAccount account{"site-" + site.str(), base64url(random_bytes(32)), std::string(api::role::site),
                                 site.str()};
  TRY(const auto present, state_.get(account_key(account.client_id)));
  if (present) {
    TRY(const auto stored, read_json<StoredAccount>(*present));
    if (stored.role != account.role || stored.subject != account.subject) {
      return fail(Code::conflict, "client '" + account.client_id + "' is " + stored.role + " " + stored.subject,
                  "site");
    }
  }
  const bool may = !present || replace;
  bool made = false;
  if (may) {
    TRY(made, add(hashed(account), std::move(along), present ? present->revision : 0));
  }
  if (!made) {
    return fail(Code::conflict, "client '" + account.client_id + "' exists; replace its secret if nobody has it",
                "replace");
  }
  return api::SiteCredentials{site, account.client_id, account.secret};
}

Result<bool> Accounts::has_tenant(const TenantId& tenant) {
  TRY(auto entry, state_.get(key::tenant(tenant)));
  return entry.has_value();
}

Result<std::vector<TenantId>> Accounts::tenants() {
  TRY(auto listing, state_.list(tenant_prefix));
  std::vector<TenantId> names;
  for (const ports::Entry& entry : listing.entries) {
    TRY(auto tenant, read_json<TenantRecord>(entry));
    names.push_back(tenant.name);
  }
  return names;
}

}  // namespace barrio::control
