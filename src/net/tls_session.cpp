#include "net/tls_session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/openssl_types.h"
#include "base/x509.h"

namespace barrio::net {

namespace {

using Names = OpensslPtr<GENERAL_NAMES, GENERAL_NAMES_free>;

std::string first_uri(const X509* certificate) {
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                       static_cast<size_t>(ASN1_STRING_length(text)));
  }
  return "";
}

/// Alerts by which the peer says that it does not want our certificate, or wants one.
bool is_about_certificate(int reason) {
  switch (reason) {
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return true;
    default: return false;
  }
}

/// As OpenSSL's own socket BIO, but a peer that has gone raises no SIGPIPE.
int send_quietly(BIO* bio, const char* data, int size) {
  int fd = -1;
  BIO_get_fd(bio, &fd);
  BIO_clear_retry_flags(bio);
  const auto sent = static_cast<int>(::send(fd, data, static_cast<size_t>(size), MSG_NOSIGNAL));
  if (sent <= 0 && BIO_sock_should_retry(sent) == 1) BIO_set_retry_write(bio);
  return sent;
}

const BIO_METHOD* quiet_socket() {
  static const OpensslPtr<BIO_METHOD, BIO_meth_free> method = [] {
    const BIO_METHOD* plain = BIO_s_socket();
    OpensslPtr<BIO_METHOD, BIO_meth_free> made(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "quiet socket"));
    BIO_meth_set_read(made.get(), BIO_meth_get_read(plain));
    BIO_meth_set_ctrl(made.get(), BIO_meth_get_ctrl(plain));
    BIO_meth_set_create(made.get(), BIO_meth_get_create(plain));
    BIO_meth_set_destroy(made.get(), BIO_meth_get_destroy(plain));
    BIO_meth_set_write(made.get(), send_quietly);
    return made;
  }();
  return method.get();
}

std::string reason_text(unsigned long reason) {
  const char* text = ERR_reason_error_string(reason);
  return text != nullptr ? text : "the TLS handshake or connection failed";
}

}  // namespace

TlsSession::TlsSession(ssl_ctx_st* context, Options options) : options_(std::move(options)), ssl_(SSL_new(context)) {
  CHECK(ssl_ != nullptr);
  SSL_set_app_data(ssl_, this);
  options_.side == Side::server ? SSL_set_accept_state(ssl_) : SSL_set_connect_state(ssl_);
}

TlsSession::~TlsSession() {
  // OpenSSL resumes no session whose connection ended without close_notify; ends of HTTP bodies are told otherwise.
  if (!info_.version.empty()) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
}

const TlsSession& TlsSession::of(const ssl_st* ssl) {
  return *static_cast<const TlsSession*>(SSL_get_app_data(ssl));
}

void TlsSession::attach(int fd) {
  BIO* socket = BIO_new(quiet_socket());
  CHECK(socket != nullptr && BIO_set_fd(socket, fd, BIO_NOCLOSE) == 1);
  SSL_set_bio(ssl_, socket, socket);
}

TlsSession::Outcome TlsSession::shake_hands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  return result == 1 ? finish_handshake() : outcome_of(result);
}

TlsSession::Outcome TlsSession::finish_handshake() {
  info_.server = options_.server;
  info_.version = SSL_get_version(ssl_);
  info_.cipher = SSL_get_cipher_name(ssl_);
  info_.resumed = SSL_session_reused(ssl_) == 1;
  if (const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name)) info_.name = name;
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &length);
  if (protocol != nullptr) info_.protocol.assign(reinterpret_cast<const char*>(protocol), length);
  const X509* peer = SSL_get0_peer_certificate(ssl_);
  if (peer != nullptr && SSL_get_verify_result(ssl_) == X509_V_OK) {
    info_.peer = first_uri(peer);
    if (!info_.peer.empty() || options_.refused_keys) info_.peer_key = key_fingerprint(X509_get0_pubkey(peer));
    if (options_.refused_keys && options_.refused_keys->contains(info_.peer_key))
      return fail_with({Code::denied, "the peer's certificate: its key was revoked"});
  }
  const std::string& wanted = options_.wanted_protocol;
  if (!wanted.empty() && info_.protocol != wanted) {
    return fail_with({Code::unavailable, "the server does not speak " + wanted + " (ALPN)"});
  }
  return Outcome::done;
}

TlsSession::Moved TlsSession::read(std::span<char> into) {
  ERR_clear_error();
  size_t got = 0;
  const int result = SSL_read_ex(ssl_, into.data(), into.size(), &got);
  if (result == 1) return {Outcome::done, got};
  return {outcome_of(result)};
}

TlsSession::Moved TlsSession::write(std::string_view piece) {
  ERR_clear_error();
  size_t taken = 0;
  const int result = SSL_write_ex(ssl_, piece.data(), std::min(piece.size(), most_record), &taken);
  if (result == 1) return {Outcome::done, taken};
  return {outcome_of(result)};
}

TlsSession::Outcome TlsSession::say_end() {
  if (failure_) return Outcome::broken;
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_);
  return result >= 0 ? Outcome::done : outcome_of(result);
}

bool TlsSession::holds_input() const {
  return SSL_has_pending(ssl_) == 1;
}

TlsSession::Outcome TlsSession::outcome_of(int result) {
  const int system_error = errno;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: return Outcome::waits_to_read;
    case SSL_ERROR_WANT_WRITE: return Outcome::waits_to_write;
    case SSL_ERROR_ZERO_RETURN: return Outcome::ended;
    default: break;
  }
  explain(system_error, ERR_peek_error());
  ERR_clear_error();
  return Outcome::broken;
}

void TlsSession::explain(int system_error, unsigned long reason) {
  const long verified = SSL_get_verify_result(ssl_);
  if (verified != X509_V_OK) {
    fail_with({Code::denied, std::string("the peer's certificate: ") + X509_verify_cert_error_string(verified)});
  } else if (reason == 0) {
    fail_with({Code::unavailable, system_error != 0 ? std::strerror(system_error) : "the peer closed the connection"});
  } else {
    const bool denied = ERR_GET_LIB(reason) == ERR_LIB_SSL && is_about_certificate(ERR_GET_REASON(reason));
    fail_with({denied ? Code::denied : Code::unavailable, "TLS: " + reason_text(reason)});
  }
}

TlsSession::Outcome TlsSession::fail_with(Error error) {
  if (!failure_) failure_ = std::move(error);
  return Outcome::broken;
}

}  // namespace barrio::net
