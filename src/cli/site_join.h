#pragma once
// A site's certificate from control (docs/tls.md): the site makes its key, asks control to be let in with it, shows the
// key's fingerprint, and has its certificate signed once an operator has approved that.

#include "adapters/http_control/http_control_link.h"
#include "base/x509.h"
#include "cli/roles.h"

namespace barrio::cli {

class SiteJoin {
 public:
  /// Reads the key, or makes it. Errors: invalid (the file's peer_tls, the key), unavailable.
  static Result<SiteJoin> prepare(const SiteFile& file);
  const std::string& fingerprint() const { return fingerprint_; }
  /// What is to be told to an operator.
  std::string how_to_approve() const;
  /// There is a certificate of this key that is valid now. Reads the disk.
  bool has_certificate(WallTime now) const { return left(now) > Duration::zero(); }
  /// There is none, or it ends soon. Reads the disk.
  bool is_due(WallTime now) const { return left(now) < renewed_before; }
  /// Once, over a joining_link(). True: approved. Where control signs certificates, the site's is then in its file;
  /// where it does not, the log says so. In a fiber; parks, and writes the disk. Errors: those of
  /// HttpControlLink::join.
  Result<bool> ask(adapters::HttpControlLink& link) const;

 private:
  static constexpr Duration renewed_before = 24h * 30;
  SiteJoin(SiteId site, PeerTlsFile files, const PrivateKey& key);
  Duration left(WallTime now) const;

  SiteId site_;
  PeerTlsFile files_;
  std::string fingerprint_;
  std::string request_;
};

/// How control is called to be let in and for a certificate, the first and every later one: without one of the site's
/// own, since with one that has ended no handshake succeeds. Reads the disk. Errors: invalid (`control`, peer_tls.ca).
Result<adapters::HttpControlConfig> joining_link(const SiteFile& file);

/// Asks until the site is approved, or the process is told to end (cancelled). Runs a loop of its own. Errors: as
/// ask()'s, where asking again does not help.
Result<void> join_and_wait(const SiteFile& file, const SiteJoin& join);

}  // namespace barrio::cli
