#pragma once
// TLS on one connected, non-blocking socket. Owned by the Stream of the connection; lives on its loop. Comes from a
// TlsServer or a TlsClient, which it keeps alive as far as it needs them.

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

struct ssl_st;      // OpenSSL's SSL
struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace barrio::net {

class TlsServer;
using RefusedKeys = std::set<std::string, std::less<>>;  // fingerprints

/// What was agreed on.
struct TlsInfo {
  std::string_view version;   // "TLSv1.3"
  std::string_view cipher;    // "TLS_AES_128_GCM_SHA256"
  std::string name = {};      // that the client asked for; empty: none
  std::string protocol = {};  // by ALPN: "h2", "http/1.1"; empty: none
  std::string peer = {};      // first URI in the peer's verified certificate; empty: no certificate, or no URI in it
  std::string peer_key = {};  // and its key: key_fingerprint() (base/x509.h); of a server whatever is in it
  bool resumed = false;
  const TlsServer* server = nullptr;  // that accepted it, by whose rules `peer` was verified; null on a client's side
};

class TlsSession {
 public:
  /// What one TLS record carries at most.
  static constexpr size_t most_record = 16 * 1024;
  enum class Side { server, client };
  enum class Outcome { done, waits_to_read, waits_to_write, ended, broken };
  struct Moved {
    Outcome outcome;
    size_t bytes = 0;
  };
  struct Options {
    Side side;
    const TlsServer* server = nullptr;
    std::string wanted_protocol = {};                      // of a client: the one without which the handshake fails
    std::string resumption_key = {};                       // of a client: see TlsClient
    std::shared_ptr<const void> keep = {};                 // alive as long as the session
    std::shared_ptr<const RefusedKeys> refused_keys = {};  // with one of these no handshake succeeds
  };

  TlsSession(ssl_ctx_st* context, Options options);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  void attach(int fd);
  Outcome shake_hands();
  /// One piece of at most one record. `ended`: the peer said so; an end without that is `broken`.
  Moved read(std::span<char> into);
  /// At most one record. What was not taken has to be offered again, with the same bytes at its front.
  Moved write(std::string_view piece);
  /// Tells the peer that nothing more comes.
  Outcome say_end();
  /// Something was read from the socket that read() has not given yet; it may be only a part of a record.
  bool holds_input() const;

  /// After the handshake.
  const TlsInfo& info() const { return info_; }
  /// After `broken`: denied (a certificate was refused) or unavailable.
  const std::optional<Error>& failure() const { return failure_; }
  const std::string& resumption_key() const { return options_.resumption_key; }
  Side side() const { return options_.side; }
  ssl_st* native() const { return ssl_; }
  static const TlsSession& of(const ssl_st* ssl);

 private:
  Outcome outcome_of(int result);
  Outcome finish_handshake();
  Outcome fail_with(Error error);
  void explain(int error, unsigned long reason);

  const Options options_;
  ssl_st* const ssl_;
  TlsInfo info_;
  std::optional<Error> failure_;
};

}  // namespace barrio::net
