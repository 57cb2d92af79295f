#pragma once
// TLS 1.2 and 1.3 (OpenSSL 3) for Server and Client. A TlsServer or TlsClient is what connections have in common:
// certificates, trust, tickets. It may be shared by all servers or clients of a process, on any thread; reload()
// replaces what comes from files for new connections, and open ones go on with what they began with; a Client's
// HTTP/1.1 connections end with the call that they carry then.

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/tls_session.h"

namespace barrio::net {

enum class TlsVersion { v1_2, v1_3 };
enum class ClientCertificate { not_asked, requested, required };

/// Paths of PEM files: a certificate (ECDSA P-256 or P-384, or RSA) with those that lead to its root, and its key.
struct TlsFiles {
  std::string chain;
  std::string key;
};

struct TlsTickets {
  std::string secret = {};  // shared by servers that resume each other's sessions; empty: a random one of this object
  Duration rotation = 1h;   // a key encrypts this long, and decrypts for one rotation more
};

struct TlsServerSettings {
  std::vector<TlsFiles> certificates;  // at least one: by the names in them, the first for all other names
  TlsVersion least = TlsVersion::v1_2;
  std::vector<std::string> protocols = {"h2", "http/1.1"};  // ALPN, the preferred one first
  ClientCertificate client_certificate = ClientCertificate::not_asked;
  std::string client_ca = {};  // PEM file of the authorities of clients; must be there unless not_asked
  TlsTickets tickets = {};
  std::function<WallTime()> wall = {};  // none: the system's clock
};

struct TlsCounters {
  uint64_t shaken = 0;   // handshakes that succeeded
  uint64_t resumed = 0;  // of those, by a ticket
  uint64_t failed = 0;
};

class TlsServer {
 public:
  /// Errors: invalid, not_found; they name the file and say what is wrong with it.
  static Result<std::shared_ptr<TlsServer>> load(TlsServerSettings settings);
  ~TlsServer();
  /// Reads all files again. On an error everything stays as it was.
  Result<void> reload();
  /// For one accepted connection.
  std::unique_ptr<TlsSession> session() const;
  void count(const TlsInfo* shaken);  // null: failed
  TlsCounters counters() const;

 private:
  struct State;
  explicit TlsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct TlsClientSettings {
  std::string ca = {};        // PEM file of trusted authorities; empty: the system's
  TlsFiles certificate = {};  // to present to servers that ask; empty: none
  TlsVersion least = TlsVersion::v1_2;
  size_t sessions = 256;  // kept for resumption
  std::function<WallTime()> wall = {};
};

class TlsClient {
 public:
  /// Errors: as TlsServer's.
  static Result<std::shared_ptr<TlsClient>> load(TlsClientSettings settings);
  ~TlsClient();
  Result<void> reload();
  /// Servers with one of these keys (key_fingerprint(), base/x509.h) are refused from now on, whoever signed their
  /// certificates. Connections that are open end as after reload(), those of HTTP/2 to such a server once their calls
  /// have ended.
  void refuse_keys(RefusedKeys keys);
  bool refuses(const std::string& key) const;
  /// How often its files were read, or other keys refused: a connection that was made before the last time goes by what
  /// was so then.
  uint64_t loads() const;
  /// To a server whose certificate must be for `name`, a DNS name or an IP address, and which must agree to
  /// `protocol` (ALPN) unless that is "http/1.1". `where` tells apart servers of the same name.
  std::unique_ptr<TlsSession> session(const std::string& name, const std::string& protocol,
                                      const std::string& where) const;

 private:
  struct State;
  explicit TlsClient(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace barrio::net
