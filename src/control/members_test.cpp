#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/blob_members.h"
#include "control/http_world_test.h"

namespace barrio::control::members_test {

namespace {

/// Three members in one process, over one store; a call among them is a function call.
struct Members {
  struct One {
    One(Members& all, size_t index)
        : name("control-" + std::to_string(index + 1)),
          blobs(all.runtime, {.folder = all.folder.path() + "/" + name}),
          control(all.runtime, all.store, config(name, index), &blobs),
          copies(all.runtime, all.caller(), control.accounts(), others(index)),
          forwarding(all.runtime, all.caller(), control.accounts(), control.leadership()),
          http(control, metrics, with_forwarding(forwarding)) {
      blobs.join(copies.peers());
    }
    static ControlConfig config(const std::string& name, size_t index) {
      ControlConfig config = with_accounts();
      config.network = spain();
      config.leadership = {.self = {name, address(index)}, .lasts = 3s};
      return config;
    }
    static HttpConfig with_forwarding(Forwarding& forwarding) {
      HttpConfig config;
      config.forwarding = &forwarding;
      config.open_console = true;
      for (size_t i = 0; i < 3; ++i) config.consoles["control-" + std::to_string(i + 1)] = "http://" + address(i);
      config.sites_have_certificates = true;
      return config;
    }
    static std::string address(size_t index) { return "127.0.0.1:" + std::to_string(index + 1); }
    static std::vector<std::string> others(size_t index) {
      std::vector<std::string> all;
      for (size_t i = 0; i < 3; ++i) {
        if (i != index) all.push_back(address(i));
      }
      return all;
    }
    std::string name;
    BlobStore blobs;
    Control control;
    BlobMembers copies;
    Forwarding forwarding;
    Registry metrics;
    HttpApi http;
    bool away = false;
    bool loses_answers = false;
  };

  Members() {
    for (size_t i = 0; i < 3; ++i) ones.push_back(std::make_unique<One>(*this, i));
    for (auto& one : ones) REQUIRE(one->control.start());
  }
  CallMember caller() {
    return [this](const std::string& to, net::Request request, Time) -> tl::expected<net::Response, net::CallError> {
      One& one = *ones[static_cast<size_t>(std::stoi(to.substr(10))) - 1];
      if (one.away) return tl::unexpected(net::CallError{{Code::unavailable, "connection refused"}, false});
      auto answer = one.http.handle(request);
      HttpWorld::record(request, answer);
      if (one.loses_answers) return tl::unexpected(net::CallError{{Code::unavailable, "connection reset"}, true});
      return answer;
    };
  }
  net::Response ask(size_t member, const std::string& method, const std::string& target, const std::string& as,
                    const std::string& body = "") {
    auto granted = ones[member]->control.accounts().grant({as, as + "-secret", {}});
    REQUIRE(granted);
    net::Request request;
    request.method = method;
    request.target = target;
    request.body = body;
    request.headers.emplace_back("Authorization", "Bearer " + granted->access_token);
    if (as == "bio1") {
      request.peer_uri = "barrio://site/bio1";
      request.peer_key = key_of_bilbao;
    }
    return ones[member]->http.handle(request);
  }

  int sync(size_t member) {
    return ask(member, "POST", "/barrio/v1/sites/bio1/sync", "bio1",
               R"({"site":"bio1","snapshot_version":0,"gateway":"127.0.0.1:7","replicas":[],"flows":[]})")
        .status;
  }
  int approve(size_t member) {
    return ask(member, "POST", "/barrio/v1/sites/bio1/approve", "ops", R"({"fingerprint":")" + key_of_bilbao + R"("})")
        .status;
  }

  std::string key_of_bilbao = PrivateKey::generate().fingerprint();
  TemporaryFolder folder;
  ports::InlineRuntime runtime;
  adapters::MemoryStateStore store{runtime};
  std::vector<std::unique_ptr<One>> ones;
};

std::string app_body() {
  return print_json(to_json(people_app("street", "ES")));
}

}  // namespace

TEST_CASE("a page of one member is told by any, once, and hears when nobody leads") {
  Members m;
  const auto read = [&](size_t member, const std::string& path) {
    net::Request request{.method = "GET", .target = path};
    request.headers = {{"Origin", "http://" + Members::One::address(2)}};
    auto answer = m.ones[member]->http.handle(request);
    HttpWorld::record(request, answer);
    CHECK(std::ranges::count(answer.headers, "Access-Control-Allow-Origin",
                             &std::pair<std::string, std::string>::first) == 1);
    return answer;
  };
  for (const size_t member : {0, 1}) {
    const auto answer = read(member, "/barrio/v1/live");
    CHECK(answer.status == 200);
    CHECK(!net::find_header(answer.headers, not_leading));
    CHECK(json_of(read(member, "/barrio/v1/consoles")).at("member").as_string() == m.ones[member]->name);
  }
  CHECK(json_of(read(1, "/barrio/v1/consoles")).at("consoles").at(2).at("origin") == "http://127.0.0.1:3");
  m.ones[0]->away = true;
  const auto alone = read(1, "/barrio/v1/live");
  CHECK(alone.status == 200);
  CHECK(net::find_header(alone.headers, not_leading) == "1");
  CHECK(!net::find_header(read(1, "/barrio/v1/consoles").headers, not_leading));
}

TEST_CASE("one member leads, and any of them takes a change") {
  Members m;
  CHECK(m.ones[0]->control.leadership().leads());
  CHECK(!m.ones[1]->control.leadership().leads());
  CHECK(m.ask(1, "PUT", "/barrio/v1/apps/street", "traffic", app_body()).status == 201);
  CHECK(m.ask(2, "GET", "/barrio/v1/apps/street", "traffic").status == 200);
  CHECK(m.ones[0]->control.figures().changes == 1);
  CHECK(m.ones[1]->control.figures().changes == 0);
}

TEST_CASE("whichever member a site calls, its key is approved for all of them") {
  Members m;
  CHECK(m.sync(2) == 403);
  CHECK(m.approve(1) == 200);
  CHECK(m.ones[0]->control.figures().changes == 2);
  for (size_t member = 0; member < 3; ++member) CHECK(m.sync(member) == 200);
}

TEST_CASE("a member that does not lead writes nothing, whatever it is asked") {
  Members m;
  Control& follower = m.ones[1]->control;
  const auto before = m.store.list("")->revision;
  const auto refused = follower.deploy(TenantId::of("traffic"), people_app("street", "ES"));
  REQUIRE(!refused);
  CHECK(refused.error().error.code == Code::unavailable);
  CHECK(!follower.add_tenant(TenantId::of("new")));
  CHECK(m.store.list("")->revision == before);
}

TEST_CASE("a leader that was away for longer than its lease is fenced, and its successor numbers on") {
  Members m;
  REQUIRE(m.ask(0, "PUT", "/barrio/v1/apps/street", "traffic", app_body()).status == 201);
  const auto version = m.ones[0]->control.snapshot()->version;
  m.runtime.sleep_for(4s);
  REQUIRE(m.ones[1]->control.start());
  CHECK(m.ones[1]->control.leadership().leads());
  CHECK(!m.ones[0]->control.leadership().leads());
  CHECK(m.ones[1]->control.snapshot()->version >= version);
  CHECK(m.ones[1]->control.snapshot()->apps.size() == 1);
  CHECK(!m.ones[0]->control.remove({TenantId::of("traffic"), AppName::of("street")}));
}

TEST_CASE("who has just taken the lead answers no site before it has read what its predecessor wrote") {
  Members m;
  const auto hears = [&](size_t member) {
    SiteReport report;
    report.site = SiteId::of("bio1");
    const auto storage = m.ones[member]->control.storage(report.site, {0, "127.0.0.1:9"});
    CHECK(static_cast<bool>(storage) == static_cast<bool>(m.ones[member]->control.sync(report)));
    return static_cast<bool>(storage);
  };
  for (const size_t next : {1, 0}) {  // the second time it has led before
    const size_t before = 1 - next;
    CHECK(hears(before));
    CHECK(!hears(next));
    m.runtime.sleep_for(4s);
    REQUIRE(m.ones[next]->control.leadership().step());
    CHECK(m.ones[next]->control.leadership().leads());
    CHECK(!hears(next));
    REQUIRE(m.ones[next]->control.start());
    CHECK(hears(next));
    CHECK(!hears(before));
  }
}

TEST_CASE("who leads gives up the lease at once when it stops, also while it renews it") {
  ports::InlineRuntime runtime;
  adapters::MemoryStateStore memory(runtime);
  FlakyStateStore store(memory);
  Leadership leadership(runtime, store, {.self = {"control-1", "127.0.0.1:1"}, .lasts = 3s});
  REQUIRE(leadership.step());
  REQUIRE(leadership.leads());
  store.meanwhile_kept = [&] { runtime.stop(); };
  const Time began = runtime.now();
  leadership.run();
  CHECK(runtime.now() == began);
  CHECK(!leadership.leads());
  CHECK(!*memory.get(key::leader));
}

TEST_CASE("while nobody leads, reads are answered and changes are told to come again") {
  Members m;
  m.runtime.sleep_for(4s);
  m.ones[0]->away = true;
  CHECK(m.ask(1, "GET", "/barrio/v1/sites", "ops").status == 200);
  CHECK(m.ask(1, "PUT", "/barrio/v1/apps/street", "traffic", app_body()).status == 503);
}

TEST_CASE("a change whose answer was lost on the way is not said to be done or not") {
  Members m;
  m.ones[0]->loses_answers = true;
  const auto answer = m.ask(1, "POST", "/barrio/v1/tenants", "ops", R"({"name":"new"})");
  CHECK(answer.status == 503);
  CHECK(answer.body.find("not known") != std::string::npos);
}

TEST_CASE("a model is acknowledged when most members have it, and any member gives it") {
  Members m;
  const std::string path = "/barrio/v1/blobs/" + sha256_hex("a model");
  SUBCASE("one is away, and gets it when it is asked") {
    m.ones[2]->away = true;
    CHECK(m.ask(1, "PUT", path, "traffic", "a model").status == 201);
    m.ones[2]->away = false;
    CHECK(!m.ones[2]->blobs.get_here(sha256_hex("a model")));
    CHECK(m.ask(2, "GET", path, "traffic").body == "a model");
    CHECK(m.ones[2]->blobs.get_here(sha256_hex("a model")));
  }
  SUBCASE("most are away") {
    m.ones[1]->away = m.ones[2]->away = true;
    CHECK(m.ask(0, "PUT", path, "traffic", "a model").status == 503);
  }
  SUBCASE("nobody has it") {
    CHECK(m.sync(2) == 403);
    CHECK(m.approve(2) == 200);
    CHECK(m.ask(2, "GET", path, "bio1").status == 503);  // this member has not read it yet
    REQUIRE(m.ones[2]->control.start());
    CHECK(m.ask(2, "GET", path, "bio1").status == 404);
  }
  SUBCASE("only members may ask for copies") {
    CHECK(m.ask(1, "GET", "/barrio/v1/members/blobs/" + sha256_hex("a model"), "ops").status == 403);
  }
}

}  // namespace barrio::control::members_test
