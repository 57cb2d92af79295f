#include "cli/site_storage.h"

#include <algorithm>
#include <future>

#include "adapters/local_files/disk.h"
#include "adapters/local_files/private_file.h"
#include "base/cores.h"
#include "base/log.h"
#include "base/md5.h"
#include "base/seal.h"
#include "cli/files.h"
#include "cli/storage_medium.h"

namespace barrio::cli {

namespace {

constexpr size_t disk_threads = 16;
constexpr size_t service_threads = 64;  // each waits for one answer of an S3 service
constexpr Duration open_patience = 2s;  // for requests that are under way
constexpr auto stop_patience = 3500ms;
constexpr Duration figures_period = 1s;
constexpr Bytes usual_cache{128 * 1024 * 1024};
constexpr std::string_view orders_bound = "barrio storage orders";

/// A pass for each core, and threads left for the disk.
size_t md5_at_once() {
  return Md5::is_faster_together() ? std::min(usable_cores(), disk_threads / 2) : 0;
}

/// Looks on the loop, again and again, until `ready`, at the latest at `latest`; then `next`.
void when(net::Reactor& reactor, std::function<bool()> ready, Time latest, std::function<void()> next) {
  if (ready() || reactor.now() >= latest) return next();
  reactor.call_after(10ms, [&reactor, ready = std::move(ready), latest, next = std::move(next)]() mutable {
    when(reactor, std::move(ready), latest, std::move(next));
  });
}

}  // namespace

SiteStorage::SiteStorage(Parts parts, std::string site_key)
    : parts_(std::move(parts)),
      site_key_(std::move(site_key)),
      runtime_(side_.reactor(), {.offload_threads = parts_.file.storage->s3 ? service_threads : disk_threads}),
      client_(side_.reactor(), net::ClientLimits{}),
      control_(
          runtime_,
          [this](const net::Endpoint& address, net::Request request, Time deadline) {
            return adapters::fetch(runtime_, client_, address, std::move(request), deadline);
          },
          link_config()),
      records_(std::make_shared<StorageRecords>(parts_.metrics, parts_.file.site)),
      events_(runtime_, side_.reactor(), parts_.log),
      calls_(side_.reactor()) {}

adapters::HttpControlConfig SiteStorage::link_config() {
  adapters::HttpControlConfig config = parts_.control;
  config.on_time = [this](WallTime time) {
    if (service_) service_->hear_control_time(time);
  };
  return config;
}

Result<std::unique_ptr<SiteStorage>> SiteStorage::open(Parts parts) {
  TRY(auto key, adapters::local_files::read_site_key(parts.file.storage->key_file, parts.file.folder));
  TRY_DO(make_folder(storage_folder(parts.file), 0700));
  std::unique_ptr<SiteStorage> storage(new SiteStorage(std::move(parts), std::move(key)));
  TRY(auto config, storage->config());
  const Bytes cache = storage->parts_.file.storage->cache.value_or(usual_cache);
  if (cache.count() < 0) return fail(Code::invalid, "must not be negative", "storage.cache");
  // The folder first, which one process has at a time, also where the bytes are elsewhere: a predecessor on this
  // machine answers what is open before its store is taken.
  TRY(storage->meter_,
      StorageMeter::open(storage->runtime_, storage_folder(storage->parts_.file),
                         storage->parts_.metrics.counter("barrio_storage_unmetered_total",
                                                         "Use of storage that found no line in the meter",
                                                         {{"site", storage->parts_.file.site}})));
  TRY(auto medium, storage_medium(storage->parts_.file, storage->site_key_));
  TRY(storage->store_,
      adapters::SealedStore::open(storage->runtime_, {.medium = std::move(medium),
                                                      .site_key = storage->site_key_,
                                                      .cache_bytes = static_cast<size_t>(cache.count()),
                                                      .md5_at_once = md5_at_once()}));
  auto* self = storage.get();
  storage->service_ = std::make_unique<objects::S3Service>(
      objects::S3Parts{self->calls_, self->runtime_, *self->store_, *self->store_, self->control_, self->events_,
                       self->meter_.get()},
      std::move(config), self->saved_orders(), [self](const StorageOrders& orders) { return self->save(orders); });
  storage->server_ = std::make_unique<objects::S3Server>(self->side_.reactor(), *self->service_);
  return storage;
}

Result<objects::S3Config> SiteStorage::config() const {
  const StorageFile& file = *parts_.file.storage;
  objects::S3Config config;
  TRY(config.site, SiteId::parse(parts_.file.site));
  TRY(config.listen, net::SocketAddress::parse(file.listen));
  config.advertised = file.advertised.value_or("");
  config.hosts = file.hosts;
  if (file.copy_rate) {
    if (file.copy_rate->count() <= 0) return fail(Code::invalid, "must be more than nothing", "storage.copy_rate");
    config.copies.bytes_per_second = file.copy_rate->count();
  }
  if (file.tls_listen) {
    if (!parts_.tls) return fail(Code::invalid, "needs the site's 'tls' with its certificates", "storage.tls_listen");
    TRY(config.tls_listen, net::SocketAddress::parse(*file.tls_listen));
    config.tls = parts_.tls;
  }
  config.peers = parts_.peers;
  return config;
}

std::string SiteStorage::orders_file() const {
  return storage_folder(parts_.file) + "/orders.sealed";
}

/// They hold the secrets of S3 keys: sealed, as everything here is.
std::optional<StorageOrders> SiteStorage::saved_orders() const {
  const auto box = adapters::local_files::read_whole(orders_file());
  if (!box) return std::nullopt;
  const auto text = unseal_boxed(site_key_, orders_bound, *box);
  const auto json = text ? parse_json(*text) : Result<Json>(fail(text.error()));
  auto orders = json ? from_json<StorageOrders>(*json) : Result<StorageOrders>(fail(json.error()));
  if (orders) return std::move(*orders);
  log_warning("storage: the saved orders cannot be read", {{"why", orders.error().text()}});
  return std::nullopt;
}

Result<void> SiteStorage::save(const StorageOrders& orders) {
  const std::string box = seal_boxed(site_key_, orders_bound, print_json(to_json(orders)));
  Result<void> saved;
  runtime_.offload([&] {
    adapters::local_files::Disk disk;
    saved = adapters::local_files::replace_file(disk, storage_folder(parts_.file), "orders.sealed", box);
  });
  return saved;
}

/// What the store counts on its loop, as figures that any thread may read.
void SiteStorage::tell_cache() {
  const Labels at = {{"site", parts_.file.site}};
  Counter& hits = parts_.metrics.counter("barrio_storage_cache_hits_total",
                                         "Pieces of objects that were read from the memory of what was read last", at);
  Counter& misses = parts_.metrics.counter("barrio_storage_cache_misses_total",
                                           "Pieces of objects that were looked for there and read from the disk", at);
  Gauge& bytes = parts_.metrics.gauge("barrio_storage_cache_bytes", "Bytes in the memory of what was read last", at);
  parts_.metrics.gauge("barrio_storage_cache_limit_bytes", "Bytes that may be there", at)
      .set(static_cast<double>(store_->cache_figures().most_bytes));
  adapters::sealed_store::ContentCache::Figures told;
  while (!runtime_.stopping()) {
    const auto now = store_->cache_figures();
    hits.add(now.hits - told.hits);
    misses.add(now.misses - told.misses);
    bytes.set(static_cast<double>(now.bytes));
    told = now;
    runtime_.sleep_for(figures_period);
  }
}

Result<void> SiteStorage::start() {
  TRY(const auto bound, server_->start());
  service_->run();
  runtime_.spawn("storage usage", [this] {
    meter_->run([this](UsageRecord record) {
      parts_.log.reactor.post(
          [records = records_, record = std::move(record)]() mutable { records->take(std::move(record)); });
    });
  });
  runtime_.spawn("storage figures", [this] { tell_cache(); });
  log_info("serving S3", {{"s3_address", bound.str()}});
  side_.start();
  started_ = true;
  return {};
}

std::vector<UsageRecord> SiteStorage::cut_usage(std::span<const JournaledPeriod> journaled) {
  side_.reactor().post([this, all = std::vector(journaled.begin(), journaled.end())] { meter_->journaled(all); });
  return records_->waiting(journaled);
}

void SiteStorage::set_snapshot(std::shared_ptr<const Snapshot> snapshot) {
  side_.reactor().post([this, snapshot = std::move(snapshot)] {
    events_.set_snapshot(snapshot);
    if (service_) service_->directory().set_snapshot(snapshot);
  });
}

void SiteStorage::stop() {
  if (!started_) return;
  started_ = false;
  auto idle = std::make_shared<std::promise<void>>();
  auto ended = idle->get_future();
  side_.reactor().post([this, idle] {
    net::Reactor& reactor = side_.reactor();
    server_->drain();
    when(
        reactor, [this] { return service_->open_requests() == 0; }, reactor.fresh_now() + open_patience,
        [this, idle, &reactor] {
          runtime_.begin_stop();
          when(reactor, [this] { return runtime_.fibers() == 0; }, Time::max(), [idle] { idle->set_value(); });
        });
  });
  const bool tidy = ended.wait_for(stop_patience) == std::future_status::ready;
  side_.stop();
  if (tidy) {
    server_.reset();
    service_.reset();
    meter_.reset();
    store_.reset();
    return;
  }
  // What these fibers stand in is about to be destroyed; everything acknowledged is on disk.
  log_warning("storage ended with requests unfinished");
  std::fflush(nullptr);
  std::_Exit(1);
}

SiteStorage::~SiteStorage() {
  stop();
}

}  // namespace barrio::cli
