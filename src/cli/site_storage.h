#pragma once
// A site's storage within its process: the S3 service, its store and its own way to control, on a loop and a thread of
// their own, so that hashing, encrypting and syncing keep no request of the gateway waiting.

#include "adapters/http_control/http_control_link.h"
#include "adapters/reactor_runtime/reactor_runtime.h"
#include "adapters/sealed_store/sealed_store.h"
#include "cli/object_log.h"
#include "cli/roles.h"
#include "cli/storage_meter.h"
#include "net/side_loop.h"
#include "objects/s3_server.h"

namespace barrio::cli {

class SiteStorage {
 public:
  struct Parts {
    SiteFile file;
    adapters::HttpControlConfig control;
    objects::PeerIdentity peers;
    std::shared_ptr<net::TlsServer> tls;
    ObjectLog::LogSide log;  // of the site's loop
    Registry& metrics;
  };

  /// Errors: those of the store, the key's file and the addresses.
  static Result<std::unique_ptr<SiteStorage>> open(Parts parts);
  ~SiteStorage();
  SiteStorage(const SiteStorage&) = delete;
  SiteStorage& operator=(const SiteStorage&) = delete;

  /// Listens, and begins to serve on its own thread.
  Result<void> start();
  void set_snapshot(std::shared_ptr<const Snapshot> snapshot);
  /// What was used and the journal does not have yet; on the site's loop.
  std::vector<UsageRecord> cut_usage(std::span<const JournaledPeriod> journaled);
  /// Answers what is open, takes nothing new, gives up the folder. Blocks, for some seconds at most.
  void stop();

 private:
  SiteStorage(Parts parts, std::string site_key);
  adapters::HttpControlConfig link_config();
  Result<objects::S3Config> config() const;
  std::optional<StorageOrders> saved_orders() const;
  Result<void> save(const StorageOrders& orders);
  void tell_cache();
  std::string orders_file() const;

  const Parts parts_;
  const std::string site_key_;
  net::SideLoop side_;
  adapters::ReactorRuntime runtime_;
  net::Client client_;
  adapters::HttpControlLink control_;
  std::unique_ptr<adapters::SealedStore> store_;
  std::unique_ptr<StorageMeter> meter_;
  const std::shared_ptr<StorageRecords> records_;  // touched on the site's loop alone
  ObjectLog events_;
  objects::SocketCalls calls_;
  std::unique_ptr<objects::S3Service> service_;
  std::unique_ptr<objects::S3Server> server_;
  bool started_ = false;
};

}  // namespace barrio::cli
