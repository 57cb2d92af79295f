#pragma once
// The transparency log of a site's process: keys, files, publisher, witness and what is asked over HTTP, put together.

#include "adapters/tile_log/tile_log.h"
#include "cli/roles.h"
#include "cli/service_loop.h"
#include "gateway/gateway.h"
#include "model/snapshot.h"
#include "transparency/log_front.h"

namespace barrio::cli {

class SiteLog {
 public:
  /// Under `folder`/log. Errors: invalid (the log is damaged, a setting is wrong), unavailable.
  static Result<std::unique_ptr<SiteLog>> open(ServiceLoop& loop, const SiteFile& file);

  ports::TransparencyLog& log() { return *log_; }
  /// For GatewayConfig::log_call.
  void answer(gateway::LogCall call, std::function<void(net::Response)> answer);
  /// For GatewayConfig::sign_receipt.
  std::string sign_receipt(const gateway::ReceiptFacts& facts);
  /// Starts publishing, while `ours`, and getting to know the other sites' logs and witnesses.
  void start(std::function<bool()> ours);
  void set_snapshot(std::shared_ptr<const Snapshot> snapshot) { snapshot_ = std::move(snapshot); }

 private:
  struct Peer {
    std::string gateway;  // where its keys were got
    std::optional<transparency::WitnessAddress> witness;
  };

  SiteLog(ServiceLoop& loop, const SiteFile& file, adapters::LogKeys keys, std::unique_ptr<adapters::TileLog> log,
          std::unique_ptr<adapters::LogDisk> memory, std::vector<transparency::WitnessAddress> configured);
  void meet_peers();
  void meet(const std::string& site, const std::string& gateway);
  void choose_witnesses();

  ServiceLoop& loop_;
  const std::string site_;
  const size_t peer_witnesses_;
  const std::vector<transparency::WitnessAddress> configured_;
  const decide::NoteSigner key_;
  const std::string salt_secret_;
  std::unique_ptr<adapters::TileLog> log_;
  adapters::DiskWitnessMemory memory_;
  transparency::WitnessService witness_;
  transparency::Publisher publisher_;
  transparency::LogFront front_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::map<std::string, Peer> peers_;
};

/// "http://10.0.0.1:9000/prefix=NAME+HASH+KEY". Errors: invalid.
Result<transparency::WitnessAddress> parse_witness(const std::string& text);

}  // namespace barrio::cli
