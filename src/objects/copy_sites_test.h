#pragma once
// Three sites that keep copies, with short leases and real sockets, and one control that decides as the real one does.

#include "adapters/local_files/local_medium.h"
#include "adapters/reactor_runtime/reactor_runtime.h"
#include "adapters/sealed_store/sealed_store.h"
#include "decide/residency/copies.h"
#include "net/patient_clock_test.h"
#include "objects/copies.h"
#include "objects/s3_world_test.h"

namespace barrio::objects::copy_sites {

constexpr Duration lost_after = 900ms;  // longer than the leases of these sites

/// Control as far as storage sees it, deciding as the real one.
struct CopyControl {
  explicit CopyControl(net::Reactor& loop) : reactor(loop) {}
  Bucket* find(const std::string& name) {
    for (Bucket& bucket : orders.buckets) {
      if (bucket.name.str() == name) return &bucket;
    }
    return nullptr;
  }
  decide::CopyWorld world() {
    return {network->network,
            {lost_after, replaced_after},
            [](const SiteId&) { return true; },
            [this](const SiteId& site) { return reactor.fresh_now() - heard[site]; },
            [this](const SiteId& site) { return incomplete[site]; }};
  }
  void step() {
    if (is_wrong) return;
    for (Bucket& bucket : orders.buckets) {
      if (auto next = decide::next_copies(bucket, world())) change(bucket, std::move(*next));
    }
  }
  void change(Bucket& bucket, Bucket next) {
    bucket = std::move(next);
    ++orders.version;
  }

  net::Reactor& reactor;
  StorageOrders orders{1, {}, {acme_key}, {}};
  std::shared_ptr<const Snapshot> network = snapshot();
  Duration replaced_after = 1h;
  bool is_wrong = false;  // gives orders that the real one never gives
  std::map<SiteId, Time> heard;
  std::map<SiteId, bool> incomplete;
};

/// One site's way to it.
struct SiteControl final : ports::StorageControl {
  SiteControl(CopyControl& control, SiteId own) : shared(control), site(std::move(own)) {}
  Result<StorageAnswer> pull(const StorageReport& report) override {
    if (away) return fail(Code::unavailable, "away");
    shared.heard[site] = shared.reactor.fresh_now();
    shared.incomplete[site] = !report.incomplete.empty();
    shared.step();
    StorageAnswer answer;
    if (report.version != shared.orders.version) answer.orders = shared.orders;
    return answer;
  }
  Result<Bucket> create_bucket(const SiteBucketRequest&) override { return fail(Code::denied, "made by the test"); }
  Result<Bucket> report_copy(const CopyReport& report) override {
    if (away) return fail(Code::unavailable, "away");
    Bucket* bucket = shared.find(report.bucket.str());
    if (bucket == nullptr || bucket->home != site) return fail(Code::denied, "not the home");
    if (bucket->epoch != report.epoch) return fail(Code::conflict, "another epoch");
    if (auto next = decide::with_report(*bucket, report)) shared.change(*bucket, std::move(*next));
    return *bucket;
  }
  Result<void> delete_bucket(const Bucket& bucket) override {
    if (away) return fail(Code::unavailable, "away");
    std::erase_if(shared.orders.buckets, [&](const Bucket& one) { return one.id == bucket.id; });
    ++shared.orders.version;
    return {};
  }
  CopyControl& shared;
  const SiteId site;
  bool away = false;
};

/// A medium that may be away, as far as it says so when it is asked.
struct AwayMedium final : ports::Medium {
  struct Asked {
    std::atomic<bool> away = false;
    std::atomic<int> refused = 0;  // who asked while it was
  };
  AwayMedium(std::unique_ptr<ports::Medium> inner, Asked& told) : medium(std::move(inner)), asked(told) {}
  Result<void> take() override { return medium->take(); }
  Result<void> check_taken() override {
    if (!asked.away) return medium->check_taken();
    ++asked.refused;
    return fail(Code::unavailable, "away");
  }
  Result<std::vector<std::string>> names(ports::Folder folder) override { return medium->names(folder); }
  Result<ports::SharedFile> create(ports::Folder folder, const std::string& name) override {
    return medium->create(folder, name);
  }
  Result<ports::SharedFile> open(ports::Folder folder, const std::string& name, bool writing) override {
    return medium->open(folder, name, writing);
  }
  Result<void> remove(ports::Folder folder, std::span<const std::string> names) override {
    return medium->remove(folder, names);
  }
  Result<void> rename(ports::Folder folder, const std::string& from, const std::string& to) override {
    return medium->rename(folder, from, to);
  }
  Result<void> sync_names(ports::Folder folder) override { return medium->sync_names(folder); }
  Result<void> make_whole(ports::Folder folder, const std::string& name, std::string_view content) override {
    return medium->make_whole(folder, name, content);
  }
  Result<std::string> read_whole(ports::Folder folder, const std::string& name) override {
    return medium->read_whole(folder, name);
  }
  Result<void> shred(ports::Folder folder, std::span<const std::string> names) override {
    return medium->shred(folder, names);
  }
  std::string place_of(ports::Folder folder, const std::string& name) const override {
    return medium->place_of(folder, name);
  }

  const std::unique_ptr<ports::Medium> medium;
  Asked& asked;
};

/// A site that can be ended and begun again on the same disk.
struct CopySite {
  CopySite(const char* name, net::Reactor& loop, CopyControl& shared)
      : reactor(loop), control(shared, SiteId::of(name)), folder(new_folder()) {
    start();
  }
  ~CopySite() {
    stop();
    std::filesystem::remove_all(folder);
  }
  void start() {
    runtime = std::make_unique<adapters::ReactorRuntime>(reactor);
    auto own = std::make_unique<adapters::LocalMedium>(folder, &disk);
    auto opened = adapters::SealedStore::open(
        *runtime, {std::make_unique<AwayMedium>(std::move(own), medium), std::string(32, 's')});
    REQUIRE(opened);
    store = std::move(*opened);
    S3Config config;
    config.site = control.site;
    config.listen = *net::SocketAddress::parse("127.0.0.1:0");
    config.peers.secret = "peers";
    config.pull_period = 40ms;
    config.tidy_period = tidy_period;
    config.scrub_bytes_per_second = 1'000'000'000;
    config.scrub_pause = scrub_pause;
    config.copies.lease = 300ms;
    config.copies.margin = 50ms;
    config.copies.beat = 40ms;
    config.copies.silent_after = 300ms;
    config.copies.patience = 3s;
    config.copies.ready_patience = 3s;
    config.copies.call_timeout = 400ms;
    calls = std::make_unique<SocketCalls>(reactor);
    service = std::make_unique<S3Service>(S3Parts{*calls, *runtime, *store, *store, control, events}, config, saved,
                                          [this](const StorageOrders& orders) { return save(orders); });
    server = std::make_unique<S3Server>(reactor, *service);
    auto bound = server->start();
    REQUIRE(bound);
    address = *bound;
    service->directory().set_snapshot(snapshot());
    control.shared.heard[control.site] = reactor.fresh_now();
    control.shared.orders.sites[control.site.str()] = address.str();
    ++control.shared.orders.version;
    service->run();
  }
  void stop() {
    if (!service) return;
    runtime->begin_stop();
    while (runtime->fibers() != 0) reactor.turn(5ms);
    server.reset();
    service.reset();
    calls.reset();  // with what is open: its answers would wake fibers of a runtime that is gone
    store.reset();
    runtime.reset();
  }
  Result<void> save(const StorageOrders& orders) {
    saves_together = saves_together || saves != 0;
    ++saves;
    const StorageOrders given = orders;
    if (saving_takes != Duration(0)) runtime->sleep_for(saving_takes);
    --saves;
    if (unsaved > 0) {
      --unsaved;
      return fail(Code::exhausted, "the disk is full");
    }
    saved = given;
    return {};
  }
  bool leads() const { return service->directory().find("frames")->home == control.site; }
  net::Reactor& reactor;
  SiteControl control;
  const std::string folder;
  FaultyDisk disk;
  AwayMedium::Asked medium;
  Duration tidy_period = 50ms;
  Duration scrub_pause = 10s;
  std::unique_ptr<adapters::ReactorRuntime> runtime;
  std::unique_ptr<adapters::SealedStore> store;
  FakeEvents events;
  std::optional<StorageOrders> saved;
  Duration saving_takes{0};
  int unsaved = 0;  // the next ones fail
  int saves = 0;    // under way
  bool saves_together = false;
  std::unique_ptr<SocketCalls> calls;
  std::unique_ptr<S3Service> service;
  std::unique_ptr<S3Server> server;
  net::SocketAddress address;
};

struct CopyTest {
  explicit CopyTest(int copies = 2, std::vector<const char*> followers = {"mad1"}) {
    Bucket made;
    made.name = *BucketName::parse("frames");
    made.id = hex_of(random_bytes(16));
    made.tenant = acme_key.tenant;
    made.policy.jurisdictions = {*Jurisdiction::parse("ES")};
    made.location = "ES";
    made.copies = made.acks = copies;
    made.home = SiteId::of("bio1");
    for (const char* follower : followers) made.followers.push_back({SiteId::of(follower), CopyState::joining});
    control.orders.buckets.push_back(made);
    ++control.orders.version;
  }
  bool turn_until(const std::function<bool()>& done, Duration patience = 8s) {
    const Time latest = reactor.fresh_now() + patience;
    while (!done() && reactor.fresh_now() < latest) reactor.turn(5ms);
    return done();
  }
  void turn_for(Duration time) {
    const Time until = reactor.fresh_now() + time;
    while (reactor.fresh_now() < until) reactor.turn(5ms);
  }
  Bucket bucket() { return *control.find("frames"); }
  bool is_in_sync(const char* site) {
    const Bucket now = bucket();
    const Follower* follower = now.follower(SiteId::of(site));
    return now.home.str() == site || (follower != nullptr && follower->state == CopyState::in_sync);
  }
  void join(const char* site) {
    REQUIRE(turn_until([&] { return is_in_sync(site); }));
  }
  /// Goes on without an answer: `answer` comes when the loop turns.
  void begin(CopySite& site, Ask wanted, std::optional<Result<net::Response>>& answer) {
    client.fetch(site.address, signed_request(std::move(wanted), runtime.wall()), reactor.fresh_now() + 20s,
                 [&answer](Result<net::Response> got) { answer.emplace(std::move(got)); });
  }
  net::Response ask(CopySite& site, Ask wanted) {
    std::optional<Result<net::Response>> answer;
    begin(site, std::move(wanted), answer);
    REQUIRE(turn_until([&] { return answer.has_value(); }, 25s));
    REQUIRE(*answer);
    return **answer;
  }
  /// What another site asks, behind copies_path.
  net::Response as_peer(CopySite& site, const char* peer, const char* method, const std::string& target,
                        std::string body = {}) {
    std::optional<Result<net::Response>> answer;
    client.fetch(site.address,
                 {.method = method,
                  .target = std::string(copies_path) + target,
                  .headers = {{"Barrio-Peer", "peers"}, {"Barrio-Forwarded-By", peer}},
                  .body = std::move(body),
                  .peer_ip = {}},
                 reactor.fresh_now() + 5s, [&answer](Result<net::Response> got) { answer.emplace(std::move(got)); });
    REQUIRE(turn_until([&] { return answer.has_value(); }));
    REQUIRE(*answer);
    return **answer;
  }
  int put(CopySite& site, const std::string& key, const std::string& body) {
    return ask(site, {"PUT", "/frames/" + key, body}).status;
  }
  std::string get(CopySite& site, const std::string& key) {
    const auto answer = ask(site, {"GET", "/frames/" + key});
    return answer.status == 200 ? answer.body : std::to_string(answer.status) + " " + code_of(answer);
  }
  /// Of its own copy: neither a lease nor another site is asked.
  static std::set<std::string> kept(CopySite& site, const std::string& id) {
    std::set<std::string> names;
    for (const auto& entry : site.store->entries(id, "", 100'000)) names.insert(entry.name);
    return names;
  }
  bool same(CopySite& a, CopySite& b) {
    const auto list = [&](CopySite& site) {
      std::map<std::string, uint64_t> stamps;
      for (const auto& entry : site.store->entries(bucket().id, "", 100'000)) stamps[entry.name] = entry.stamp;
      return stamps;
    };
    return list(a) == list(b);
  }
  /// From now on `from` finds nobody at the other's address.
  static void cut(CopySite& from, const CopySite& to) {
    StorageOrders orders = from.service->directory().orders();
    orders.sites[to.control.site.str()] = "127.0.0.1:1";
    from.service->directory().set_orders(std::move(orders));
  }

  void drain(const char* site) {
    auto changed = std::make_shared<Snapshot>(*control.network);
    for (Site& one : changed->network.sites) {
      if (one.id.str() == site) one.status = SiteStatus::draining;
    }
    control.network = std::move(changed);
  }
  void set_copies(int copies) {
    Bucket& now = *control.find("frames");
    auto next = decide::with_copies(now, copies, control.world());
    REQUIRE((next && *next));
    control.change(now, std::move(**next));
  }

  net::Reactor reactor{net::test::patient_clock};
  adapters::ReactorRuntime runtime{reactor};
  net::Client client{reactor, net::ClientLimits{}};
  CopyControl control{reactor};
  CopySite bilbao{"bio1", reactor, control};
  CopySite madrid{"mad1", reactor, control};
  CopySite paris{"par1", reactor, control};
};

inline std::string text_of(size_t bytes, char c) {
  return std::string(bytes, c);
}

}  // namespace barrio::objects::copy_sites
