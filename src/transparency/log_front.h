#pragma once
// A site's log and witness as HTTP sees them, whoever carries it: GET /log/checkpoint, /log/tile/... (C2SP tlog-tiles,
// prefix /log), /log/keys, /log/salt; POST /witness/add-checkpoint (C2SP tlog-witness, prefix /witness).

#include <optional>
#include <string>

#include "model/ids.h"
#include "net/http.h"
#include "ports/transparency_log.h"
#include "transparency/publisher.h"
#include "transparency/witness_service.h"

namespace barrio::transparency {

struct LogRequest {
  std::string method;
  std::string path;
  std::string body;
  std::optional<TenantId> tenant;  // who asks, where that was asked for
};

class LogFront {
 public:
  LogFront(ports::LogPublication& log, WitnessService& witness, SiteId site, const decide::NoteSigner& log_key,
           std::string salt_secret)
      : log_(log), witness_(witness), site_(std::move(site)), log_key_(log_key), salt_secret_(std::move(salt_secret)) {}
  /// In a fiber: may park.
  net::Response answer(const LogRequest& request);

 private:
  net::Response file(const std::string& path);
  net::Response keys() const;
  net::Response salt(const TenantId& tenant) const;

  ports::LogPublication& log_;
  WitnessService& witness_;
  const SiteId site_;
  const decide::NoteSigner& log_key_;
  const std::string salt_secret_;
};

}  // namespace barrio::transparency
