#pragma once
// Who may ask control and gateways for what: accounts with hashed secrets, and the key that signs tokens. Kept in the
// StateStore under account/, tenant/ and key/. Called in fibers.

#include <string>
#include <vector>

#include "api/oauth/token.h"
#include "api/oauth/token_request.h"
#include "api/operator/views.h"
#include "ports/runtime.h"
#include "ports/state_store.h"

namespace barrio::control {

struct BootstrapAccount {
  std::string client_id;
  std::string secret;
  std::string role;     // tenant | operator | site
  std::string subject;  // a tenant's name, "operator", or a site's id
  Result<void> check() const;
};

struct AccountsConfig {
  std::vector<BootstrapAccount> bootstrap;  // those that do not exist yet are made at each start
  Duration token_lifetime = 1h;
};

class Accounts {
 public:
  Accounts(ports::Runtime& runtime, ports::StateStore& state, AccountsConfig config);
  /// Loads or makes the signing key, and makes the missing bootstrap accounts.
  Result<void> start();
  /// The same for a member that only reads: the key is there, or it is too early. Errors: unavailable.
  Result<void> follow();

  tl::expected<api::TokenAnswer, api::TokenError> grant(const api::TokenRequest& request);
  /// `authorization`: the header's value. Errors: denied with the reason.
  Result<api::Identity> verify(std::string_view authorization);
  /// `along` is written by the same commit. Errors: conflict (exists).
  Result<api::TenantCredentials> add_tenant(const TenantId& tenant, std::vector<ports::Write> along);
  /// The account site-ID. `replace`: with a new secret where there is one; tokens of the old one end within
  /// token_lifetime. `along` is written by the same commit. Errors: conflict (exists).
  Result<api::SiteCredentials> add_site(const SiteId& site, bool replace, std::vector<ports::Write> along);
  /// For calls among the members of control. Needs a key.
  std::string member_token();
  Result<bool> has_tenant(const TenantId& tenant);
  Result<std::vector<TenantId>> tenants();
  /// Empty before start().
  const std::vector<VerifyingKey>& keys() const { return keys_; }

 private:
  struct Account;
  Result<void> load_key();
  Result<bool> add(const BootstrapAccount& account, std::vector<ports::Write> writes = {},
                   ports::Revision replaced = 0);
  std::string hash(const std::string& secret, const std::string& salt);
  Result<std::optional<Account>> find(const std::string& client_id);

  /// Hashing takes 50 ms and 16 MiB each: more at a time are refused.
  static constexpr int most_hashing = 16;

  ports::Runtime& runtime_;
  ports::StateStore& state_;
  AccountsConfig config_;
  std::optional<Es256Key> key_;
  std::vector<VerifyingKey> keys_;
  int hashing_ = 0;
};

}  // namespace barrio::control
