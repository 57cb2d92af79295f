#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "adapters/local_files/local_medium.h"
#include "adapters/reactor_runtime/reactor_runtime.h"
#include "adapters/sealed_store/sealed_store.h"
#include "objects/home_usage.h"
#include "objects/s3_world_test.h"
#include "ports/object_store_contract.h"

namespace barrio::objects::home_usage_test {

namespace {

const std::vector<TenantId> tenants = {TenantId::of("acme"), TenantId::of("rival"), TenantId::of("nobody")};

/// Buckets of two tenants that come, go and change their home, and what is done in them.
struct RandomStorage {
  explicit RandomStorage(uint64_t seed) : rng(seed) {
    auto opened =
        adapters::SealedStore::open(runtime, {std::make_unique<adapters::LocalMedium>(folder), std::string(32, 's')});
    REQUIRE(opened);
    store = std::move(*opened);
  }
  ~RandomStorage() {
    store.reset();
    std::filesystem::remove_all(folder);
  }
  int64_t walked(const TenantId& tenant) const {
    int64_t bytes = 0;
    for (const Bucket* bucket : directory.of_tenant(tenant)) {
      if (bucket->home == here) bytes += store->usage(bucket->id).bytes;
    }
    return bytes;
  }
  void add_bucket() {
    Bucket made;
    made.name = *BucketName::parse("bucket-" + std::to_string(++names));
    made.id = hex_of(random_bytes(16));
    made.tenant = tenants[rng.below(2)];
    made.home = rng.below(4) == 0 ? elsewhere : here;
    REQUIRE(store->add_bucket(made.id, made.tenant));
    if (rng.below(2) == 0) REQUIRE(store->set_setting(made.id, ports::versioning_setting, std::string("Enabled")));
    directory.add(made);
  }
  void step() {
    const auto& buckets = directory.orders().buckets;
    if (buckets.empty() || rng.below(40) == 0) return add_bucket();
    const Bucket bucket = buckets[rng.below(buckets.size())];
    const std::string key = "k" + std::to_string(rng.below(4));
    switch (rng.below(12)) {
      case 0: return move(bucket);
      case 1: return begin_upload(bucket, key);
      case 2: return end_upload();
      case 3: static_cast<void>(store->remove(bucket.id, key, {})); return;
      case 4: return remove_a_version(bucket.id, key);
      case 5:
        if (rng.below(8) == 0) drop(bucket);
        return;
      default: REQUIRE(ports::put_text(*store, key, ports::sample_text(rng.below(3000)), {}, bucket.id));
    }
  }
  void move(const Bucket& bucket) {
    StorageOrders orders = directory.orders();
    for (Bucket& one : orders.buckets) {
      if (one.id == bucket.id) one.home = one.home == here ? elsewhere : here;
    }
    directory.set_orders(std::move(orders));
  }
  void begin_upload(const Bucket& bucket, const std::string& key) {
    const auto id = store->begin_upload(bucket.id, {.key = key});
    REQUIRE(id);
    auto writer = store->writer(bucket.id);
    REQUIRE(writer);
    REQUIRE((*writer)->write(ports::sample_text(1 + rng.below(3000))));
    const auto digest = (*writer)->finish();
    REQUIRE(digest);
    REQUIRE(store->put_part(bucket.id, *id, {1, digest->size, "etag", "", {}, {}}, std::move(*writer)));
    uploads.emplace_back(bucket.id, *id);
  }
  void end_upload() {
    if (uploads.empty()) return;
    const auto [bucket, id] = uploads.back();
    uploads.pop_back();
    const auto parts = store->parts(bucket, id);
    if (!parts) return;  // its bucket went
    if (rng.below(2) == 0) {
      CHECK(store->abort_upload(bucket, id));
      return;
    }
    ports::ObjectMeta meta = store->upload(bucket, id)->meta;
    meta.size = parts->front().size;
    CHECK(store->complete_upload(bucket, id, *parts, meta, {}));
  }
  void remove_a_version(const std::string& bucket, const std::string& key) {
    const auto newest = store->find_version(bucket, key, "");
    if (newest) CHECK(store->remove_version(bucket, key, newest->object.version.id(), {}));
  }
  void drop(const Bucket& bucket) {
    CHECK(store->forget_bucket(bucket.id));
    if (rng.below(2) == 0)
      directory.remove(bucket.name);
    else
      CHECK(store->add_bucket(bucket.id, bucket.tenant));
  }

  const SiteId here = SiteId::of("bio1");
  const SiteId elsewhere = SiteId::of("mad1");
  Rng rng;
  int names = 0;
  const std::string folder = new_folder();
  ports::InlineRuntime runtime;
  Directory directory;
  std::unique_ptr<adapters::SealedStore> store;
  std::vector<std::pair<std::string, std::string>> uploads;
};

}  // namespace

TEST_CASE("what a tenant has at a site is what a walk over its buckets there adds up to, after any changes") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    RandomStorage storage(seed);
    HomeUsage usage(*storage.store, storage.directory, storage.here);
    int64_t most = 0;
    for (int i = 0; i < 400; ++i) {
      storage.step();
      for (const TenantId& tenant : tenants) {
        REQUIRE_MESSAGE(usage.bytes_of(tenant) == storage.walked(tenant), "seed " << seed << ", step " << i);
        most = std::max(most, usage.bytes_of(tenant));
      }
    }
    CHECK(most > 10'000);
  }
}

}  // namespace barrio::objects::home_usage_test
