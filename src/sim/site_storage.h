#pragma once
// The storage of a simulated site, from boot to crash: the real S3 service and store, on a Volume, an HttpNetwork and
// the simulated way to control.

#include <memory>

#include "objects/s3_service.h"
#include "sim/http_network.h"
#include "sim/volume.h"

namespace barrio::sim {

/// A store as a test has it; `copies` is the same one.
struct OpenedStore {
  std::unique_ptr<ports::ObjectStore> store;
  ports::ObjectCopies* copies = nullptr;
};
using OpenStore = std::function<Result<OpenedStore>(ports::Runtime&, std::unique_ptr<ports::Medium>)>;

/// What was stored, copied or deleted at a site, as its log would have it.
using ObjectWatch = std::function<void(const objects::ObjectEvent&)>;

class SiteStorage {
 public:
  struct Parts {
    World& world;
    HttpNetwork& network;
    size_t site = 0;
    SiteId id;
    SimRuntime& runtime;
    Volume& volume;
    const Disk& disk;
    const OpenStore& open;
    ObjectWatch watch;
  };
  explicit SiteStorage(Parts parts);
  ~SiteStorage();
  SiteStorage(const SiteStorage&) = delete;
  SiteStorage& operator=(const SiteStorage&) = delete;

  /// Opens what is on the disk, and serves from then on. Spawns.
  void run();
  void set_snapshot(std::shared_ptr<const Snapshot> snapshot);
  /// Null: not open yet.
  objects::S3Service* service() { return service_.get(); }
  ports::ObjectStore* store() { return store_.store.get(); }
  ports::ObjectCopies* copies() { return store_.copies; }

 private:
  class Control;
  class Events;

  void serve();
  Result<void> save(const StorageOrders& orders);

  const Parts parts_;
  const std::unique_ptr<Control> control_;
  const std::unique_ptr<Events> events_;
  const std::unique_ptr<objects::PeerCalls> calls_;
  std::shared_ptr<const Snapshot> snapshot_;
  OpenedStore store_;
  std::unique_ptr<objects::S3Service> service_;
};

}  // namespace barrio::sim
