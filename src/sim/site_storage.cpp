#include "sim/site_storage.h"

#include "sim/world.h"

namespace barrio::sim {

namespace {

constexpr Duration open_again_after = 500ms;
constexpr const char* peer_secret = "simulated";
constexpr int64_t least_part_bytes = 20;  // small ones are put together as large ones are

}  // namespace

class SiteStorage::Control final : public ports::StorageControl {
 public:
  Control(World& world, size_t site, const SiteId& id, SimRuntime& runtime)
      : world_(world), site_(site), id_(id), runtime_(runtime) {}
  /// As its HTTP adapter does, it tells what time it is at control with each answer.
  Result<StorageAnswer> pull(const StorageReport& report) override {
    auto answer =
        world_.ask_control<Timed>(site_, runtime_, [id = id_, report](control::Control& member) -> Result<Timed> {
          TRY(auto answered, member.storage(id, report));
          return Timed{std::move(answered), member.wall()};
        });
    if (!answer) return fail(answer.error());
    if (on_time) on_time(answer->time);
    return std::move(answer->answer);
  }
  Result<Bucket> create_bucket(const SiteBucketRequest& request) override {
    return world_.ask_control<Bucket>(site_, runtime_, [id = id_, request](control::Control& member) {
      return member.create_bucket(request.tenant, request.bucket, id, {request.tenant.str(), "tenant"});
    });
  }
  Result<Bucket> report_copy(const CopyReport& report) override {
    return world_.ask_control<Bucket>(
        site_, runtime_, [id = id_, report](control::Control& member) { return member.report_copy(id, report); });
  }
  std::function<void(WallTime)> on_time;

  Result<void> delete_bucket(const Bucket& bucket) override {
    return world_.ask_control<void>(site_, runtime_, [id = id_, name = bucket.name](control::Control& member) {
      return member.delete_bucket(name, id);
    });
  }

 private:
  struct Timed {
    StorageAnswer answer;
    WallTime time;
  };

  World& world_;
  const size_t site_;
  const SiteId id_;
  SimRuntime& runtime_;
};

/// In place of the site's log, whose leaves are on the disk before the client is answered.
class SiteStorage::Events final : public objects::ObjectEvents {
 public:
  Events(ports::Runtime& runtime, const Disk& disk, const ObjectWatch& watch)
      : runtime_(runtime), disk_(disk), watch_(watch) {}
  Result<void> note(const objects::ObjectEvent& event) override {
    if (watch_) watch_(event);
    runtime_.sleep_for(disk_.write_takes);
    if (disk_.full) return fail(Code::exhausted, "the log's disk is full");
    return {};
  }

 private:
  ports::Runtime& runtime_;
  const Disk& disk_;
  const ObjectWatch& watch_;
};

SiteStorage::SiteStorage(Parts parts)
    : parts_(std::move(parts)),
      control_(std::make_unique<Control>(parts_.world, parts_.site, parts_.id, parts_.runtime)),
      events_(std::make_unique<Events>(parts_.runtime, parts_.disk, parts_.watch)),
      calls_(parts_.network.calls_of(parts_.site)) {}

SiteStorage::~SiteStorage() {
  parts_.network.site_ended(parts_.site);
}

void SiteStorage::run() {
  parts_.runtime.spawn("storage", [this] {
    while (!store_.store) {
      auto opened =
          parts_.open(parts_.runtime, std::make_unique<SimMedium>(parts_.runtime, parts_.volume, parts_.disk));
      if (opened)
        store_ = std::move(*opened);
      else
        parts_.runtime.sleep_for(open_again_after);
    }
    serve();
  });
}

void SiteStorage::serve() {
  objects::S3Config config;
  config.site = parts_.id;
  config.advertised = HttpNetwork::address(parts_.site);
  config.peers.secret = peer_secret;
  config.least_part_bytes = least_part_bytes;
  service_ = std::make_unique<objects::S3Service>(
      objects::S3Parts{*calls_, parts_.runtime, *store_.store, *store_.copies, *control_, *events_}, std::move(config),
      parts_.volume.orders, [this](const StorageOrders& orders) { return save(orders); });
  control_->on_time = [this](WallTime time) { service_->hear_control_time(time); };
  if (snapshot_) service_->directory().set_snapshot(snapshot_);
  service_->run();
}

void SiteStorage::set_snapshot(std::shared_ptr<const Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
  if (service_) service_->directory().set_snapshot(snapshot_);
}

Result<void> SiteStorage::save(const StorageOrders& orders) {
  StorageOrders kept = orders;
  parts_.runtime.sleep_for(parts_.disk.write_takes);
  if (parts_.disk.full) return fail(Code::exhausted, "no space left on the disk");
  parts_.volume.orders = std::move(kept);
  return {};
}

}  // namespace barrio::sim
