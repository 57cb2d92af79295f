#pragma once
// The TLS of a site's process: made from its configuration, and kept as its files are.

#include <memory>
#include <vector>

#include "cli/roles.h"
#include "cli/watched_files.h"
#include "gateway/gateway.h"

namespace barrio::cli {

class SiteTls {
 public:
  /// Errors: invalid, not_found, naming the file or the field.
  static Result<std::unique_ptr<SiteTls>> load(const SiteFile& file);
  /// Hands over what there is.
  void add_to(gateway::GatewayConfig& config) const;
  /// The members of control. Errors: invalid.
  Result<std::vector<net::Endpoint>> control(const std::string& urls) const;
  /// For calls to whoever else is called; kept as its files are. Errors: invalid, not_found, naming `field` or a file.
  Result<std::shared_ptr<net::TlsClient>> client(const net::TlsClientSettings& settings, const char* field);
  /// Whether a file is another one than when it was read last. Looks at the disk.
  bool changed() { return files_.changed(); }
  /// Reads all files again; what cannot be used stays as it was, is logged, and makes it false. Reads the disk. Safe
  /// while connections are made on other threads.
  bool reload();
  /// When the certificates end that were read last. Reads the disk.
  void expose(Registry& metrics) const { expose_certificates(metrics, chains_); }

 private:
  Result<void> load_peers(const PeerTlsFile& file);
  Result<void> load_clients(const TlsFile& file);

  gateway::PeerTls peers_;
  std::shared_ptr<net::TlsServer> clients_;
  net::SocketAddress clients_listen_;
  std::vector<std::shared_ptr<net::TlsClient>> others_;
  WatchedFiles files_;
  std::vector<std::string> chains_;
};

}  // namespace barrio::cli
