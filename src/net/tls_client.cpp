#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "base/check.h"
#include "net/tls_files.h"

namespace barrio::net {

namespace {

using Resumable = OpensslPtr<SSL_SESSION, SSL_SESSION_free>;

/// The sessions that servers offered to resume, the newest of each server. What is kept here is on no connection: other
/// threads have theirs.
class Resumables {
 public:
  explicit Resumables(size_t most) : most_(most) {}

  void put(const std::string& key, Resumable session) {
    const std::lock_guard lock(mutex_);
    if (most_ == 0 || !session) return;
    if (!sessions_.contains(key) && sessions_.size() >= most_) sessions_.erase(oldest());
    sessions_[key] = {std::move(session), ++age_};
  }

  Resumable get(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(key);
    if (found == sessions_.end()) return nullptr;
    Resumable& kept = found->second.session;
    if (SSL_SESSION_get_protocol_version(kept.get()) < TLS1_3_VERSION) return Resumable(SSL_SESSION_dup(kept.get()));
    Resumable once = std::move(kept);  // RFC 8446 C.4: a ticket is not used twice
    sessions_.erase(found);
    return once;
  }

 private:
  struct Kept {
    Resumable session;
    uint64_t age = 0;
  };
  using Sessions = std::map<std::string, Kept, std::less<>>;

  Sessions::iterator oldest() {
    return std::min_element(sessions_.begin(), sessions_.end(),
                            [](const auto& a, const auto& b) { return a.second.age < b.second.age; });
  }

  const size_t most_;
  std::mutex mutex_;
  Sessions sessions_;  // these two under mutex_
  uint64_t age_ = 0;
};

bool is_ip(const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

void expect_name(SSL* ssl, const std::string& name) {
  X509_VERIFY_PARAM* verify = SSL_get0_param(ssl);
  if (is_ip(name)) {
    CHECK(X509_VERIFY_PARAM_set1_ip_asc(verify, name.c_str()) == 1);
    return;
  }
  X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  CHECK(X509_VERIFY_PARAM_set1_host(verify, name.data(), name.size()) == 1);
  CHECK(SSL_set_tlsext_host_name(ssl, name.c_str()) == 1);
}

/// What one load() or reload() made.
struct Generation {
  explicit Generation(size_t sessions) : resumables(sessions) {}
  static int offered(SSL* ssl, SSL_SESSION* session) {
    auto& generation = *static_cast<Generation*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    generation.resumables.put(TlsSession::of(ssl).resumption_key(), Resumable(SSL_SESSION_dup(session)));
    return 0;  // the connection keeps its own
  }

  Resumables resumables;
  SslContext context;
};

}  // namespace

struct TlsClient::State {
  TlsClientSettings settings;
  std::mutex mutex;
  std::shared_ptr<Generation> newest;  // these two under mutex
  std::shared_ptr<const RefusedKeys> refused_keys = std::make_shared<RefusedKeys>();
  std::atomic<uint64_t> loads = 0;
};

TlsClient::TlsClient(std::shared_ptr<State> state) : state_(std::move(state)) {}

TlsClient::~TlsClient() = default;

Result<std::shared_ptr<TlsClient>> TlsClient::load(TlsClientSettings settings) {
  auto state = std::make_shared<State>();
  state->settings = std::move(settings);
  if (!state->settings.wall) state->settings.wall = system_wall;
  std::shared_ptr<TlsClient> client(new TlsClient(std::move(state)));
  TRY_DO(client->reload());
  return client;
}

Result<void> TlsClient::reload() {
  const TlsClientSettings& settings = state_->settings;
  auto made = std::make_shared<Generation>(settings.sessions);
  made->context = new_context(settings.least);
  SSL_CTX* context = made->context.get();
  if (settings.ca.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1)
      return fail(Code::unavailable, "the system's trusted authorities cannot be read");
  } else {
    TRY(auto authorities, read_authorities(settings.ca, settings.wall()));
    trust(context, authorities);
  }
  if (!settings.certificate.chain.empty()) {
    TRY(auto identity, read_identity(settings.certificate, settings.wall()));
    use_identity(context, identity);
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context, made.get());
  SSL_CTX_sess_set_new_cb(context, Generation::offered);
  const std::lock_guard lock(state_->mutex);
  state_->newest = std::move(made);
  ++state_->loads;
  return {};
}

void TlsClient::refuse_keys(RefusedKeys keys) {
  const std::lock_guard lock(state_->mutex);
  if (*state_->refused_keys == keys) return;
  state_->refused_keys = std::make_shared<const RefusedKeys>(std::move(keys));
  ++state_->loads;
}

bool TlsClient::refuses(const std::string& key) const {
  const std::lock_guard lock(state_->mutex);
  return state_->refused_keys->contains(key);
}

uint64_t TlsClient::loads() const {
  return state_->loads;
}

std::unique_ptr<TlsSession> TlsClient::session(const std::string& name, const std::string& protocol,
                                               const std::string& where) const {
  CHECK(!name.empty() && !protocol.empty() && protocol.size() < 256);
  std::shared_ptr<Generation> generation;
  std::shared_ptr<const RefusedKeys> refused;
  {
    const std::lock_guard lock(state_->mutex);
    generation = state_->newest;
    refused = state_->refused_keys;
  }
  const std::string key = name + ' ' + protocol + ' ' + where;
  auto made = std::make_unique<TlsSession>(
      generation->context.get(), TlsSession::Options{.side = TlsSession::Side::client,
                                                     .wanted_protocol = protocol == "http/1.1" ? "" : protocol,
                                                     .resumption_key = key,
                                                     .keep = generation,
                                                     .refused_keys = std::move(refused)});
  SSL* ssl = made->native();
  expect_name(ssl, name);
  const std::string list = static_cast<char>(protocol.size()) + protocol;
  CHECK(SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(list.data()),
                            static_cast<unsigned>(list.size())) == 0);
  if (const Resumable known = generation->resumables.get(key)) SSL_set_session(ssl, known.get());
  return made;
}

}  // namespace barrio::net
