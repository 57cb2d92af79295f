#include <openssl/err.h>

#include <atomic>
#include <map>

#include "base/check.h"
#include "base/crypto.h"
#include "base/text.h"
#include "net/tls_files.h"
#include "net/tls_tickets.h"

namespace barrio::net {

namespace {

/// One is enough for a client that keeps its connections.
constexpr size_t tickets_per_handshake = 1;
constexpr int verify_depth = 4;

std::string alpn_list(const std::vector<std::string>& protocols) {
  std::string list;
  for (const std::string& one : protocols) {
    list.push_back(static_cast<char>(one.size()));
    list.append(one);
  }
  return list;
}

/// What one load() or reload() made; connections keep the one that they began with.
class ServedCertificates {
 public:
  ServedCertificates(const TlsServerSettings& settings, std::shared_ptr<TicketKeys> tickets)
      : settings_(settings), tickets_(std::move(tickets)), protocols_(alpn_list(settings.protocols)) {}

  Result<void> read(WallTime now) {
    if (settings_.client_certificate != ClientCertificate::not_asked) {
      TRY(authorities_, read_authorities(settings_.client_ca, now));
    }
    for (const TlsFiles& files : settings_.certificates) {
      TRY(auto identity, read_identity(files, now));
      contexts_.push_back(context_for(identity));
      // Of two certificates for one name the first counts.
      for (const std::string& name : identity.chain.front().info().dns) by_name_.emplace(name, contexts_.back().get());
    }
    return {};
  }

  SSL_CTX* standard() const { return contexts_.front().get(); }

 private:
  SslContext context_for(const TlsIdentity& identity);
  void ask_for_certificates(SSL_CTX* context) const;
  SSL_CTX* find(std::string name) const;
  static int choose_certificate(SSL* ssl, int* alert, void* generation);
  static int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* length,
                             const unsigned char* offered, unsigned offered_length, void* generation);
  static SSL_TICKET_RETURN admit_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char* name, size_t name_length,
                                        SSL_TICKET_STATUS status, void* generation);

  const TlsServerSettings settings_;
  const std::shared_ptr<TicketKeys> tickets_;
  const std::string protocols_;
  std::vector<Certificate> authorities_;
  std::vector<SslContext> contexts_;  // by settings_.certificates; they differ in nothing else
  std::map<std::string, SSL_CTX*, std::less<>> by_name_;
};

SslContext ServedCertificates::context_for(const TlsIdentity& identity) {
  SslContext context = new_context(settings_.least);
  SSL_CTX* raw = context.get();
  use_identity(raw, identity);
  ask_for_certificates(raw);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  CHECK(SSL_CTX_set_num_tickets(raw, tickets_per_handshake) == 1);
  tickets_->serve(raw);
  SSL_CTX_set_session_ticket_cb(raw, nullptr, admit_ticket, this);
  SSL_CTX_set_tlsext_servername_callback(raw, choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(raw, this);
  if (!protocols_.empty()) SSL_CTX_set_alpn_select_cb(raw, choose_protocol, this);
  return context;
}

void ServedCertificates::ask_for_certificates(SSL_CTX* context) const {
  // A session is resumed only where the same was asked of the client when it began.
  std::string origin = std::to_string(static_cast<int>(settings_.client_certificate));
  for (const Certificate& one : authorities_) origin += one.pem();
  const std::string digest = sha256_hex(origin).substr(0, SSL_MAX_SSL_SESSION_ID_LENGTH);
  CHECK(SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(digest.data()),
                                       static_cast<unsigned>(digest.size())) == 1);
  if (settings_.client_certificate == ClientCertificate::not_asked) return;
  trust(context, authorities_);
  for (const Certificate& one : authorities_) CHECK(SSL_CTX_add_client_CA(context, one.native()) == 1);
  const bool required = settings_.client_certificate == ClientCertificate::required;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  SSL_CTX_set_verify_depth(context, verify_depth);
}

SSL_CTX* ServedCertificates::find(std::string name) const {
  const auto exact = by_name_.find(name);
  if (exact != by_name_.end()) return exact->second;
  const size_t dot = name.find('.');
  if (dot == std::string::npos || dot == 0) return nullptr;
  const auto wildcard = by_name_.find(name.replace(0, dot, "*"));
  return wildcard == by_name_.end() ? nullptr : wildcard->second;
}

int ServedCertificates::choose_certificate(SSL* ssl, int*, void* generation) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  if (SSL_CTX* context = static_cast<ServedCertificates*>(generation)->find(to_lower(name)))
    SSL_set_SSL_CTX(ssl, context);
  return SSL_TLSEXT_ERR_OK;
}

int ServedCertificates::choose_protocol(SSL*, const unsigned char** chosen, unsigned char* length,
                                        const unsigned char* offered, unsigned offered_length, void* generation) {
  const std::string& ours = static_cast<ServedCertificates*>(generation)->protocols_;
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(&found, length, reinterpret_cast<const unsigned char*>(ours.data()),
                                           static_cast<unsigned>(ours.size()), offered, offered_length);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// A client's certificate is verified on each connection: it may have been withdrawn since the session began.
SSL_TICKET_RETURN ServedCertificates::admit_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char*, size_t,
                                                   SSL_TICKET_STATUS status, void*) {
  const bool good = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
  if (!good || SSL_SESSION_get0_peer(session) != nullptr) return SSL_TICKET_RETURN_IGNORE_RENEW;
  // A ticket of TLS 1.3 is used once, so each resumption hands out the next.
  const bool lasts = status == SSL_TICKET_SUCCESS && SSL_version(ssl) < TLS1_3_VERSION;
  return lasts ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

}  // namespace

struct TlsServer::State {
  explicit State(TlsServerSettings given)
      : settings(std::move(given)), tickets(std::make_shared<TicketKeys>(settings.tickets)) {
    if (!settings.wall) settings.wall = system_wall;
    tickets->wall = settings.wall;
  }

  TlsServerSettings settings;
  std::shared_ptr<TicketKeys> tickets;
  mutable std::mutex mutex;
  std::shared_ptr<ServedCertificates> newest;  // under mutex
  std::atomic<uint64_t> shaken = 0;
  std::atomic<uint64_t> resumed = 0;
  std::atomic<uint64_t> failed = 0;
};

TlsServer::TlsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

TlsServer::~TlsServer() = default;

Result<std::shared_ptr<TlsServer>> TlsServer::load(TlsServerSettings settings) {
  if (settings.certificates.empty()) return fail(Code::invalid, "must name at least one", "certificates");
  for (const std::string& one : settings.protocols) {
    if (one.empty() || one.size() > 255) return fail(Code::invalid, "must have 1 to 255 bytes each", "protocols");
  }
  if (settings.tickets.rotation < 1s) return fail(Code::invalid, "must be at least 1s", "tickets.rotation");
  std::shared_ptr<TlsServer> server(new TlsServer(std::make_unique<State>(std::move(settings))));
  TRY_DO(server->reload());
  return server;
}

Result<void> TlsServer::reload() {
  auto made = std::make_shared<ServedCertificates>(state_->settings, state_->tickets);
  TRY_DO(made->read(state_->settings.wall()));
  const std::lock_guard lock(state_->mutex);
  state_->newest = std::move(made);
  return {};
}

std::unique_ptr<TlsSession> TlsServer::session() const {
  std::shared_ptr<ServedCertificates> generation;
  {
    const std::lock_guard lock(state_->mutex);
    generation = state_->newest;
  }
  SSL_CTX* context = generation->standard();
  return std::make_unique<TlsSession>(
      context, TlsSession::Options{.side = TlsSession::Side::server, .server = this, .keep = std::move(generation)});
}

void TlsServer::count(const TlsInfo* shaken) {
  if (shaken == nullptr) {
    ++state_->failed;
    return;
  }
  ++state_->shaken;
  if (shaken->resumed) ++state_->resumed;
}

TlsCounters TlsServer::counters() const {
  return {.shaken = state_->shaken, .resumed = state_->resumed, .failed = state_->failed};
}

}  // namespace barrio::net
