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
  std::vector<BootstrapAccount> bootstrap;  // those that do not exist yet are made at each start, or once there is room
  Duration token_lifetime = 1h;
};

/// As the store has it.
struct StoredAccount {
  std::string client_id;
  std::string role;
  std::string subject;
  std::string salt;  // base64url
  std::string hash;  // base64url of hash_secret(secret, salt)
};

class Accounts {
 public:
  Accounts(ports::Runtime& runtime, ports::StateStore& state, AccountsConfig config);
  /// Loads or makes the signing key, and makes the missing bootstrap accounts; where the store has no room for them,
  /// they wait.
  Result<void> start();
  /// Of who leads: makes the accounts that wait, as far as there is room.
  Result<void> make_waiting();
  /// How many wait.
  size_t waiting() const { return waiting_.size(); }
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
  Result<void> load_key();
  StoredAccount hashed(const BootstrapAccount& account);
  Result<bool> add(const StoredAccount& account, std::vector<ports::Write> writes = {}, ports::Revision replaced = 0);
  bool is_to_be_made(const api::TokenRequest& request) const;
  std::string hash(const std::string& secret, const std::string& salt);
  Result<std::optional<StoredAccount>> find(const std::string& client_id);

  /// Hashing takes 50 ms and 16 MiB each: more at a time are refused.
  static constexpr int most_hashing = 16;

  ports::Runtime& runtime_;
  ports::StateStore& state_;
  AccountsConfig config_;
  std::optional<Es256Key> key_;
  std::vector<VerifyingKey> keys_;
  std::vector<StoredAccount> waiting_;
  std::string no_room_;  // what the store said of the first of them
  int hashing_ = 0;
};

}  // namespace barrio::control
