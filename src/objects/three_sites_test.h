#pragma once
// Three sites with storage, one control and a client, for tests of what S3 answers.

#include "adapters/local_files/local_medium.h"
#include "adapters/reactor_runtime/reactor_runtime.h"
#include "adapters/sealed_store/sealed_store.h"
#include "net/patient_clock_test.h"
#include "objects/s3_world_test.h"

namespace barrio::objects::three_sites {

/// Control as far as storage sees it.
struct FakeControl final : ports::StorageControl {
  Result<StorageAnswer> pull(const StorageReport& report) override {
    if (away) return fail(Code::unavailable, "away");
    for (const auto& [id, holding] : report.holdings) holdings[id] = holding;
    told = report.holdings.size();
    erased.insert(report.erased.begin(), report.erased.end());
    StorageAnswer answer;
    answer.hearer = hearer;
    if (report.version != orders.version) answer.orders = orders;
    return answer;
  }
  Result<Bucket> create_bucket(const SiteBucketRequest& request) override {
    if (away) return fail(Code::unavailable, "away");
    const auto there = std::ranges::find(orders.buckets, request.bucket.name, &Bucket::name);
    if (there != orders.buckets.end()) return *there;
    Bucket made;
    made.name = request.bucket.name;
    made.id = hex_of(random_bytes(16));
    made.tenant = request.tenant;
    made.location = request.bucket.location;
    made.copies = request.bucket.copies;
    made.object_lock = request.bucket.object_lock;
    made.home = SiteId::of("bio1");
    if (made.location == "bio1") {
      made.policy.sites = {made.home};
    } else {
      made.policy.jurisdictions = {*Jurisdiction::parse("ES")};
    }
    orders.buckets.push_back(made);
    ++orders.version;
    return made;
  }
  Result<Bucket> report_copy(const CopyReport&) override { return fail(Code::denied, "nothing has copies here"); }
  Result<void> delete_bucket(const Bucket& bucket) override {
    if (away) return fail(Code::unavailable, "away");
    std::erase_if(orders.buckets, [&](const Bucket& one) { return one.id == bucket.id; });
    ++orders.version;
    return {};
  }
  StorageOrders orders{1, {}, {acme_key, rival_key}, {}};
  bool away = false;
  int64_t hearer = 1;
  std::map<std::string, BucketHolding> holdings;
  size_t told = 0;            // with the last report
  std::set<TenantId> erased;  // that some site has erased
};

/// What was counted, by "bucket" or "bucket>site".
struct FakeUsage final : UsageSink {
  void add(const UsageKey& key, const Usage& usage) override {
    counted[key.bucket->str() + (key.to ? ">" + key.to->str() : "")] += usage;
  }
  std::map<std::string, Usage> counted;
};

struct OneSite {
  OneSite(const char* id, net::Reactor& reactor, ports::Runtime& runtime, FakeControl& control, std::string secret)
      : folder(new_folder()), calls(reactor) {
    auto opened = adapters::SealedStore::open(
        runtime, {std::make_unique<adapters::LocalMedium>(folder, &disk), std::string(32, 's')});
    REQUIRE(opened);
    store = std::move(*opened);
    S3Config config;
    config.site = SiteId::of(id);
    config.listen = *net::SocketAddress::parse("127.0.0.1:0");
    config.hosts = {"s3.example"};
    config.peers.secret = std::move(secret);
    config.pull_period = 10min;
    config.byte_hours_period = 20ms;
    service = std::make_unique<S3Service>(S3Parts{calls, runtime, *store, *store, control, events, &usage}, config,
                                          std::nullopt, [](const StorageOrders&) { return Result<void>(); });
    server = std::make_unique<S3Server>(reactor, *service);
    auto bound = server->start();
    REQUIRE(bound);
    address = *bound;
    service->directory().set_snapshot(snapshot());
    control.orders.sites[id] = address.str();
    ++control.orders.version;
  }
  ~OneSite() {
    server.reset();
    service.reset();
    store.reset();
    std::filesystem::remove_all(folder);
  }
  std::string folder;
  FaultyDisk disk;
  std::unique_ptr<adapters::SealedStore> store;
  FakeEvents events;
  FakeUsage usage;
  SocketCalls calls;
  std::unique_ptr<S3Service> service;
  std::unique_ptr<S3Server> server;
  net::SocketAddress address;
};

struct World {
  World() {
    for (OneSite* site : {&bilbao, &madrid, &paris}) site->service->run();
    turn_until([&] { return paris.service->directory().orders().version == control.orders.version; });
  }
  ~World() {
    runtime.begin_stop();
    turn_until([&] { return runtime.fibers() == 0; });
  }
  void turn_until(const std::function<bool()>& done) {
    while (!done()) reactor.turn(5ms);
  }
  net::Response ask(OneSite& site, Ask wanted) { return send(site, signed_request(std::move(wanted), runtime.wall())); }
  net::Response send(OneSite& site, net::Request request) {
    std::optional<Result<net::Response>> answer;
    client.fetch(site.address, std::move(request), reactor.fresh_now() + 30s,
                 [&](Result<net::Response> got) { answer.emplace(std::move(got)); });
    turn_until([&] { return answer.has_value(); });
    REQUIRE(*answer);
    return **answer;
  }
  /// Asks control now: the name of no bucket makes a site do so.
  void pull(OneSite& site) { CHECK(ask(site, {"HEAD", "/no-such-bucket"}).status == 404); }
  void expire_at_bilbao() {
    bool done = false;
    runtime.spawn("expire", [&] {
      bilbao.service->expire_once();
      done = true;
    });
    turn_until([&] { return done; });
  }
  int make(const std::string& name, const std::string& location, OneSite& at) {
    return ask(at, {"PUT", "/" + name,
                    "<CreateBucketConfiguration><LocationConstraint>" + location +
                        "</LocationConstraint></CreateBucketConfiguration>"})
        .status;
  }

  net::Reactor reactor{net::test::patient_clock};
  adapters::ReactorRuntime runtime{reactor};
  net::Client client{reactor, net::ClientLimits{}};
  FakeControl control;
  OneSite bilbao{"bio1", reactor, runtime, control, "peers"};
  OneSite madrid{"mad1", reactor, runtime, control, "peers"};
  OneSite paris{"par1", reactor, runtime, control, "peers"};
};

}  // namespace barrio::objects::three_sites
