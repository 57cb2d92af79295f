#include "objects/copies.h"

#include <doctest/doctest.h>

#include <fstream>

#include "adapters/local_files/local_files_store.h"
#include "adapters/reactor_runtime/reactor_runtime.h"
#include "decide/residency/copies.h"
#include "objects/s3_world_test.h"

namespace barrio::objects::copies_test {

namespace {

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
    auto opened = adapters::LocalFilesStore::open(*runtime, {folder, std::string(32, 's')});
    REQUIRE(opened);
    store = std::move(*opened);
    S3Config config;
    config.site = control.site;
    config.listen = *net::SocketAddress::parse("127.0.0.1:0");
    config.peers.secret = "peers";
    config.pull_period = 40ms;
    config.tidy_period = 50ms;
    config.scrub_bytes_per_second = 1'000'000'000;
    config.copies.lease = 300ms;
    config.copies.margin = 50ms;
    config.copies.beat = 40ms;
    config.copies.silent_after = 300ms;
    config.copies.patience = 3s;
    config.copies.ready_patience = 3s;
    config.copies.call_timeout = 400ms;
    service = std::make_unique<S3Service>(S3Parts{reactor, *runtime, *store, *store, control, events}, config, saved,
                                          [this](const StorageOrders& orders) { saved = orders; });
    auto bound = service->start();
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
    service.reset();
    store.reset();
    runtime.reset();
  }
  bool leads() const { return service->directory().find("frames")->home == control.site; }
  net::Reactor& reactor;
  SiteControl control;
  const std::string folder;
  std::unique_ptr<adapters::ReactorRuntime> runtime;
  std::unique_ptr<adapters::LocalFilesStore> store;
  FakeEvents events;
  std::optional<StorageOrders> saved;
  std::unique_ptr<S3Service> service;
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

  net::Reactor reactor;
  adapters::ReactorRuntime runtime{reactor};
  net::Client client{reactor, net::ClientLimits{}};
  CopyControl control{reactor};
  CopySite bilbao{"bio1", reactor, control};
  CopySite madrid{"mad1", reactor, control};
  CopySite paris{"par1", reactor, control};
};

std::string text_of(size_t bytes, char c) {
  return std::string(bytes, c);
}

}  // namespace

TEST_CASE("an acknowledged object is at both sites, noted at both, and each reads its own copy") {
  CopyTest test;
  const std::string large = text_of(700'000, 'x');
  CHECK(test.put(test.bilbao, "a", "small") == 200);  // waits until the follower has joined
  CHECK(test.put(test.bilbao, "b", large) == 200);
  CHECK(test.is_in_sync("mad1"));
  CHECK(test.same(test.bilbao, test.madrid));
  CHECK(test.madrid.events.seen.back() == "1 frames/b " + sha256_hex(large).substr(0, 8) + " at mad1");
  CHECK(test.turn_until([&] { return test.get(test.madrid, "b") == large; }));
  // Without its home it reads on as long as its lease lasts: no request goes anywhere.
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames/a"}).status == 204);
  CHECK(test.get(test.madrid, "a") == "404 NoSuchKey");
  CHECK(test.put(test.madrid, "c", "through the follower") == 200);
  CHECK(test.get(test.bilbao, "c") == "through the follower");
}

TEST_CASE("what was acknowledged survives the loss of the home; another one takes its place and the old comes back") {
  CopyTest test;
  std::map<std::string, std::string> acknowledged;
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    const std::string body = text_of(i % 3 == 0 ? 300'000 : 500, static_cast<char>('a' + i));
    if (test.put(test.bilbao, key, body) == 200) acknowledged[key] = body;
  }
  CHECK(acknowledged.size() == 20);
  test.bilbao.stop();
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.bucket().acks == 1);
  for (const auto& [key, body] : acknowledged) CHECK(test.get(test.madrid, key) == body);
  // Writes go on, and are brought to the old home with what was deleted meanwhile.
  CHECK(test.put(test.madrid, "new", "new") == 200);
  CHECK(test.ask(test.madrid, {"DELETE", "/frames/k3"}).status == 204);
  test.bilbao.start();
  test.join("bio1");
  CHECK(test.bucket().acks == 2);
  CHECK(test.same(test.bilbao, test.madrid));
  CHECK(!CopyTest::kept(test.bilbao, test.bucket().id).contains("o/k3"));
  CHECK(test.turn_until([&] { return test.get(test.bilbao, "new") == "new"; }));
}

TEST_CASE("a lost follower stops to count once control has said so, and is brought in step when it is back") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "1") == 200);
  const std::string rules =
      "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></"
      "CORSConfiguration>";
  CHECK(test.ask(test.bilbao, {"PUT", "/frames?cors", rules}).status == 200);
  CHECK(test.madrid.store->setting(test.bucket().id, "cors") == rules);
  test.madrid.stop();
  CHECK(test.put(test.bilbao, "b", "2") == 200);  // waits for control
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames?cors"}).status == 204);
  CHECK(test.ask(test.bilbao, {"PUT", "/frames?tagging", "<Tagging><TagSet/></Tagging>"}).status == 204);
  CHECK(test.bucket().acks == 1);
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames/a"}).status == 204);
  const auto begun = test.ask(test.bilbao, {"POST", "/frames/parts?uploads"});
  const std::string upload = api::s3::read_xml(begun.body)->text_of("UploadId");
  CHECK(test.ask(test.bilbao, {"PUT", "/frames/parts?partNumber=1&uploadId=" + upload, text_of(200'000, 'p')}).status ==
        200);
  test.madrid.start();
  test.join("mad1");
  CHECK(test.madrid.store->setting(test.bucket().id, "cors").empty());
  CHECK(test.madrid.store->setting(test.bucket().id, "tagging") == "<Tagging><TagSet/></Tagging>");
  CHECK(test.same(test.bilbao, test.madrid));
  CHECK(CopyTest::kept(test.madrid, test.bucket().id) == std::set<std::string>{"o/b", "s/tagging", "u/" + upload});
  CHECK(test.bucket().acks == 2);
}

TEST_CASE("an old home acknowledges nothing and reads nothing once another may have taken its place") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  // Bilbao is cut off from control and from Madrid; clients still reach it.
  test.bilbao.control.away = true;
  CopyTest::cut(test.bilbao, test.madrid);
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.put(test.madrid, "a", "new") == 200);
  CHECK(test.get(test.madrid, "a") == "new");
  CHECK(test.get(test.bilbao, "a") == "503 ServiceUnavailable");
  CHECK(test.put(test.bilbao, "a", "lost") == 503);
  // Back again, it follows.
  test.bilbao.control.away = false;
  ++test.control.orders.version;
  test.join("bio1");
  CHECK(test.turn_until([&] { return test.get(test.bilbao, "a") == "new"; }));
  CHECK(test.same(test.bilbao, test.madrid));
}

TEST_CASE("a home that still reaches its follower, but not control, is fenced by it") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  test.bilbao.control.away = true;
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.put(test.madrid, "a", "new") == 200);
  CHECK(test.get(test.bilbao, "a") == "503 ServiceUnavailable");
  CHECK(test.put(test.bilbao, "a", "lost") == 503);
  CHECK(test.get(test.madrid, "a") == "new");
}

TEST_CASE("without control reads go on at home and follower, and writes as long as both are there") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "1") == 200);
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "a") == "1"; }));
  test.bilbao.control.away = test.madrid.control.away = true;
  test.turn_for(1s);
  CHECK(test.get(test.bilbao, "a") == "1");
  CHECK(test.get(test.madrid, "a") == "1");
  CHECK(test.put(test.bilbao, "b", "2") == 200);
  // Nobody says that Madrid does not count any more.
  test.madrid.stop();
  CHECK(test.put(test.bilbao, "c", "3") == 503);
}

TEST_CASE("a follower refuses an epoch that is lower than its own, also after a restart") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "1") == 200);
  const Bucket now = test.bucket();
  const std::string path = "/.barrio/copies/" + now.id + "/change?epoch=";
  const auto change = [&](int64_t epoch) {
    std::optional<Result<net::Response>> answer;
    test.client.fetch(test.madrid.address,
                      {.method = "POST",
                       .target = path + std::to_string(epoch),
                       .headers = {{"Barrio-Peer", "peers"}, {"Barrio-Forwarded-By", "bio1"}},
                       .body = "no record",
                       .peer_ip = {}},
                      test.reactor.fresh_now() + 5s,
                      [&](Result<net::Response> got) { answer.emplace(std::move(got)); });
    REQUIRE(test.turn_until([&] { return answer.has_value(); }));
    return (*answer)->status;
  };
  CHECK(change(now.epoch) == 400);
  CHECK(change(now.epoch - 1) == 409);
  // Orders from before: what the disk has seen counts.
  test.madrid.stop();
  test.madrid.control.away = true;
  test.madrid.saved->buckets.front().epoch = now.epoch - 1;
  test.madrid.start();
  CHECK(change(now.epoch - 1) == 503);
}

TEST_CASE("no byte and no key is at a site that the policy does not permit, whatever orders say") {
  CopyTest test(2, {"par1"});
  test.control.is_wrong = true;
  CHECK(test.put(test.bilbao, "a", "text") == 503);
  CHECK(test.paris.store->buckets().empty());
  test.control.is_wrong = false;
  CHECK(test.turn_until([&] { return test.bucket().follower(SiteId::of("par1")) == nullptr; }));
  test.join("mad1");
  CHECK(test.put(test.bilbao, "a", "text") == 200);
  test.bilbao.stop();
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.get(test.paris, "a") == "403 AccessDenied");
  CHECK(test.paris.store->buckets().empty());
  CHECK(std::filesystem::is_empty(test.paris.folder + "/objects"));
}

TEST_CASE("a site that is no longer to keep a bucket drops its bytes and its key") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", text_of(300'000, 'x')) == 200);
  Bucket next = test.bucket();
  next.followers.clear();
  next.acks = next.copies = 1;
  ++next.epoch;
  test.control.change(*test.control.find("frames"), next);
  CHECK(test.turn_until([&] { return test.madrid.store->buckets().empty(); }));
  CHECK(test.turn_until([&] { return std::filesystem::is_empty(test.madrid.folder + "/objects"); }));
  CHECK(test.get(test.bilbao, "a").size() == 300'000);
}

TEST_CASE("a bucket gets a copy while it is written: nothing acknowledged is missing there, and it survives its home") {
  CopyTest test(1, {});
  std::map<std::string, std::string> bodies;
  std::map<std::string, std::optional<Result<net::Response>>> answers;
  const auto begin_puts = [&](const char* name, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string key = name + std::to_string(i);
      bodies[key] = text_of(i % 3 == 0 ? 300'000 : 500, static_cast<char>('a' + i));
      test.begin(test.bilbao, {"PUT", "/frames/" + key, bodies[key]}, answers[key]);
    }
  };
  CHECK(test.put(test.bilbao, "first", "before all") == 200);
  begin_puts("before", 12);
  test.turn_for(3ms);
  test.set_copies(2);
  begin_puts("during", 12);
  test.join("mad1");
  REQUIRE(test.turn_until(
      [&] { return std::ranges::all_of(answers, [](const auto& one) { return one.second.has_value(); }); }));
  for (const auto& [key, answer] : answers) CHECK((**answer).status == 200);
  CHECK(test.put(test.bilbao, "last", "after all") == 200);
  CHECK(test.same(test.bilbao, test.madrid));
  test.bilbao.stop();
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.get(test.madrid, "first") == "before all");
  CHECK(test.get(test.madrid, "last") == "after all");
  for (const auto& [key, body] : bodies) CHECK(test.get(test.madrid, key) == body);
}

TEST_CASE(
    "a site that drains hands its only copy over under writes: nothing acknowledged is lost, and it keeps nothing") {
  CopyTest test(1, {});
  std::map<std::string, std::set<std::string>> possible;  // one that ended with an error may stay
  const auto put = [&](int i) {
    const std::string key = "k" + std::to_string(i % 40);
    const std::string body = std::to_string(i) + text_of(i % 4 == 0 ? 200'000 : 500, 'x');
    if (test.put(test.bilbao, key, body) == 200) possible[key].clear();
    possible[key].insert(body);
  };
  for (int i = 0; i < 20; ++i) put(i);
  test.drain("bio1");
  for (int i = 20; i < 300 && !(test.bucket().home.str() == "mad1" && i > 80); ++i) put(i);
  REQUIRE(test.bucket().home.str() == "mad1");
  CHECK(test.bucket().followers.empty());
  const std::string id = test.bucket().id;
  REQUIRE(test.turn_until([&] { return test.madrid.leads() && !test.bilbao.store->has_bucket(id); }));
  for (int i = 300; i < 310; ++i) put(i);  // passed on
  CHECK(possible.size() == 40);
  for (const auto& [key, bodies] : possible) {
    const std::string got = test.get(test.madrid, key);
    CHECK_MESSAGE(bodies.contains(got),
                  key << " is " << got.substr(0, 5) << ", wanted " << bodies.begin()->substr(0, 5));
  }
  CHECK(possible["k1"].contains(test.get(test.bilbao, "k1")));
}

TEST_CASE("a home that gave way and has not heard so reads nothing that was replaced") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  CopyTest::cut(test.bilbao, test.madrid);
  test.bilbao.control.away = true;
  Bucket& now = *test.control.find("frames");
  Bucket next = now;
  next.home = SiteId::of("mad1");
  next.followers.clear();
  next.copies = next.acks = 1;
  next.handed_over = ++next.epoch;
  test.control.change(now, next);
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.get(test.bilbao, "a") == "old");
  CHECK(test.put(test.madrid, "a", "new") == 200);
  CHECK(test.get(test.bilbao, "a").starts_with("503"));
}

TEST_CASE(
    "a home that was started again, without control, reads nothing while one that it brought in step may be home") {
  CopyTest test(1, {});
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  const SiteId madrid = SiteId::of("mad1");
  Bucket& now = *test.control.find("frames");
  Bucket joining = now;
  joining.followers = {{madrid, CopyState::joining}};
  ++joining.epoch;
  test.control.is_wrong = true;
  test.control.change(now, joining);
  REQUIRE(test.turn_until([&] { return test.bilbao.store->epoch(joining.id) == joining.epoch; }));
  test.bilbao.control.away = true;
  Bucket handed_over = joining;
  handed_over.home = madrid;
  handed_over.followers.clear();
  handed_over.handed_over = ++handed_over.epoch;
  test.control.change(now, handed_over);
  test.bilbao.stop();
  test.bilbao.start();
  CopyTest::cut(test.bilbao, test.madrid);
  CHECK(test.get(test.bilbao, "a").starts_with("503"));
  CHECK(test.put(test.bilbao, "a", "of nobody") == 503);
}

TEST_CASE("a copy that is given up goes; its home goes on alone, also without control") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  const std::string id = test.bucket().id;
  test.set_copies(1);
  REQUIRE(test.turn_until([&] { return !test.madrid.store->has_bucket(id); }));
  CHECK(test.put(test.bilbao, "b", "alone") == 200);
  CHECK(test.get(test.madrid, "b") == "alone");  // passed on
  test.bilbao.stop();
  test.bilbao.control.away = true;
  test.bilbao.start();
  CHECK(test.get(test.bilbao, "b") == "alone");
  CHECK(test.put(test.bilbao, "a", "new") == 200);
  CHECK(test.get(test.bilbao, "a") == "new");
}

TEST_CASE("who keeps a copy no more and has not heard so reads nothing that was replaced") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "a") == "old"; }));
  test.madrid.control.away = true;
  CopyTest::cut(test.madrid, test.bilbao);
  CHECK(test.get(test.madrid, "a") == "old");  // on its own, as long as its lease lasts
  test.set_copies(1);
  REQUIRE(test.turn_until([&] { return test.bilbao.service->directory().find("frames")->copies == 1; }));
  std::optional<Result<net::Response>> put;
  test.begin(test.bilbao, {"PUT", "/frames/a", "new"}, put);
  std::string last;
  while (!put) last = test.get(test.madrid, "a");
  CHECK((**put).status == 200);
  CHECK(test.get(test.madrid, "a") != "old");
}

TEST_CASE("a deleted bucket goes at its follower, too") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "text") == 200);
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames/a"}).status == 204);
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames"}).status == 204);
  CHECK(test.turn_until([&] { return test.madrid.store->buckets().empty(); }));
}

TEST_CASE("a damaged object is repaired from the other copy, at the home and at the follower") {
  CopyTest test;
  const std::string large = text_of(400'000, 'x');
  CHECK(test.put(test.bilbao, "a", large) == 200);
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "a") == large; }));
  for (CopySite* site : {&test.madrid, &test.bilbao}) {
    const std::string path = std::filesystem::directory_iterator(site->folder + "/objects")->path();
    const auto damage = [&] {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(70'000);
      file.put('!');
    };
    const auto kept = adapters::local_files::read_whole(path);
    damage();
    CHECK(test.get(*site, "a") == large);  // by whoever reads it
    CHECK(*adapters::local_files::read_whole(path) == *kept);
    site->stop();
    damage();
    site->start();
    CHECK(test.turn_until([&] { return *adapters::local_files::read_whole(path) == *kept; }));  // by the scrub
    REQUIRE(test.turn_until([&] { return test.get(*site, "a") == large; }));
    test.turn_for(200ms);  // the other one learns its new address
  }
}

TEST_CASE("versions are at both sites, brought there later as well, and each is repaired from the other copy") {
  CopyTest test;
  const std::string large = text_of(400'000, 'v');
  CHECK(test.put(test.bilbao, "a", large) == 200);
  CHECK(test.ask(test.bilbao, {"PUT", "/frames?versioning",
                               "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"})
            .status == 200);
  CHECK(test.put(test.bilbao, "a", "2") == 200);
  CHECK(test.madrid.store->find_version(test.bucket().id, "a", "")->object.size == 1);
  test.madrid.stop();
  CHECK(test.put(test.bilbao, "a", "33") == 200);  // waits for control
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames/b"}).status == 204);
  test.madrid.start();
  test.join("mad1");
  CHECK(test.same(test.bilbao, test.madrid));
  CHECK(CopyTest::kept(test.madrid, test.bucket().id).size() == 5);  // and the setting
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "a") == "33"; }));
  CHECK(test.get(test.madrid, "b") == "404 NoSuchKey");
  const std::string path = std::filesystem::directory_iterator(test.madrid.folder + "/objects")->path();
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(70'000).put('!');
  CHECK(test.get(test.madrid, "a?versionId=null") == large);
  // The next home goes on with newer versions than all that there are.
  test.bilbao.stop();
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.put(test.madrid, "a", "444") == 200);
  CHECK(test.get(test.madrid, "a") == "444");
  test.bilbao.start();
  test.join("bio1");
  CHECK(test.same(test.bilbao, test.madrid));
}

TEST_CASE("a home whose journal is damaged gives way to a follower that has everything") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "1") == 200);
  CHECK(test.put(test.bilbao, "b", "2") == 200);
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "b") == "2"; }));
  test.bilbao.stop();
  for (const auto& file : std::filesystem::directory_iterator(test.bilbao.folder + "/journal")) {
    std::filesystem::resize_file(file.path(), std::filesystem::file_size(file.path()) - 3);
  }
  test.bilbao.start();
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  test.join("bio1");
  CHECK(test.same(test.bilbao, test.madrid));
  CHECK(test.get(test.bilbao, "b") == "2");
}

}  // namespace barrio::objects::copies_test
