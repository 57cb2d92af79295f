#pragma once
// The sites' logs as commands read them, over HTTP from their gateways.

#include "cli/actions.h"
#include "decide/proof/proof_file.h"

namespace barrio::cli {

struct LogSite {
  SiteId id;
  std::string about;  // "Bilbao, ES-PV"
  net::SocketAddress gateway;
};
/// All that have told control an address; `only`, id or city, if not empty. Errors: not_found.
Result<std::vector<LogSite>> log_sites(ControlClient& control, const std::string& only);

class LogReader {
 public:
  LogReader(Http& http, LogSite site) : http_(http), site_(std::move(site)) {}
  /// The body of GET `path`, "/log/checkpoint". Errors: those of the connection, and the answer's.
  Result<std::string> get(const std::string& path, const net::OwnedHeaders& headers = {});
  decide::TileReader tiles();

 private:
  Http& http_;
  const LogSite site_;
};

}  // namespace barrio::cli
