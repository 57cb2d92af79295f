#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/http_world_test.h"

namespace barrio::control::site_keys_test {

namespace {

using api::SiteKeyState;

const WallTime noon = WallTime(std::chrono::seconds(1'790'000'000));

SiteKeys keys_of_bilbao() {
  return {.site = SiteId::of("bio1")};
}

HttpConfig with_certificates() {
  HttpConfig config;
  config.sites_have_certificates = true;
  return config;
}

/// Site bio1 as control sees it over TLS.
struct Joining : HttpWorld {
  Joining() : HttpWorld(with_certificates()) {}
  net::Response sync(const std::string& key, const std::string& uri = "barrio://site/bio1",
                     net::OwnedHeaders more = {}) {
    const SiteReport report{SiteId::of("bio1"), 0, "", {}, {}};
    net::Request request{.method = "POST", .target = "/barrio/v1/sites/bio1/sync", .body = print_json(to_json(report))};
    request.peer_uri = uri;
    request.peer_key = key;
    request.headers = std::move(more);
    request.headers.emplace_back("Authorization", "Bearer " + token("bio1"));
    return send(request);
  }
  net::Response join(const PrivateKey& key) {
    return ask("POST", "/barrio/v1/sites/bio1/join", "bio1",
               print_json(to_json(api::JoinRequest{key.signing_request("bio1")})));
  }
  net::Response approve(const std::string& fingerprint, const std::string& as = "ops") {
    return ask("POST", "/barrio/v1/sites/bio1/approve", as, R"({"fingerprint":")" + fingerprint + R"("})");
  }
  std::vector<std::string> states() {
    std::vector<std::string> all;
    const Json answer = json_of(ask("GET", "/barrio/v1/site-keys", "ops"));
    for (const Json& key : answer.at("keys").as_array()) all.emplace_back(key.at("state").as_string());
    return all;
  }
  std::vector<std::string> audited() {
    std::vector<std::string> all;
    const Json answer = json_of(ask("GET", "/barrio/v1/audit", "ops"));
    for (const Json& entry : answer.at("entries").as_array()) {
      all.push_back(std::string(entry.at("by").as_string()) + ": " + std::string(entry.at("action").as_string()) + " " +
                    std::string(entry.at("what").as_string()));
    }
    return all;
  }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a key asks, is approved once, and another one takes its place when it is used first") {
  SiteKeys keys = keys_of_bilbao();
  CHECK(!state_of(keys, "a", noon));
  REQUIRE(ask(keys, "a", noon, Proof::token));
  CHECK(state_of(keys, "a", noon) == SiteKeyState::pending);
  REQUIRE(approve(keys, "a", noon));
  CHECK(state_of(keys, "a", noon + std::chrono::days(1000)) == SiteKeyState::approved);
  REQUIRE(ask(keys, "b", noon, Proof::token));
  REQUIRE(approve(keys, "b", noon));
  CHECK(state_of(keys, "a", noon) == SiteKeyState::approved);
  CHECK(state_of(keys, "b", noon) == SiteKeyState::next);
  take_up_next(keys, noon);
  CHECK(state_of(keys, "a", noon) == SiteKeyState::ended);
  CHECK(state_of(keys, "b", noon) == SiteKeyState::approved);
}

TEST_CASE("what waits is bounded in number and time, and only what waits can be approved") {
  SiteKeys keys = keys_of_bilbao();
  for (const char* key : {"a", "b", "c", "d"}) REQUIRE(ask(keys, key, noon, Proof::token));
  CHECK(ask(keys, "e", noon + 23h, Proof::token).error().code == Code::exhausted);
  CHECK(approve(keys, "e", noon).error().code == Code::conflict);
  CHECK(state_of(keys, "a", noon + 24h) == std::nullopt);
  CHECK(views(keys, noon + 24h).empty());
  CHECK(approve(keys, "a", noon + 24h).error().code == Code::conflict);
  REQUIRE(ask(keys, "e", noon + 24h, Proof::token));
  CHECK(keys.pending.size() == 1);
}

TEST_CASE("who shows a certificate is heard where requests by token alone have taken all room") {
  SiteKeys keys = keys_of_bilbao();
  for (const char* key : {"a", "b", "c", "d"}) REQUIRE(ask(keys, key, noon, Proof::token));
  CHECK(ask(keys, "e", noon, Proof::token).error().code == Code::exhausted);
  for (const char* key : {"e", "f", "g", "h"}) REQUIRE(ask(keys, key, noon, Proof::certificate));
  CHECK(!state_of(keys, "d", noon));
  CHECK(state_of(keys, "e", noon) == SiteKeyState::pending);
  CHECK(ask(keys, "i", noon, Proof::certificate).error().code == Code::exhausted);
}

TEST_CASE("all that a site has or had is revoked: used, next, waiting and replaced ones") {
  SiteKeys keys = keys_of_bilbao();
  for (const char* key : {"a", "b", "c", "d"}) {
    REQUIRE(ask(keys, key, noon, Proof::token));
    REQUIRE(approve(keys, key, noon));
    if (std::string_view(key) == "b") take_up_next(keys, noon);  // in place of a; c will be replaced unused
  }
  REQUIRE(ask(keys, "e", noon, Proof::token));
  CHECK(state_of(keys, "c", noon) == SiteKeyState::ended);
  CHECK(!is_cut_off(keys));
  CHECK(revoke_all(keys, noon).value());
  CHECK(is_cut_off(keys));
  CHECK(keys.ended.size() == 5);
  for (const EndedKey& key : keys.ended) CHECK_MESSAGE(key.revoked, key.fingerprint);
  for (const char* key : {"a", "b", "c", "d", "e"}) CHECK(approve(keys, key, noon).error().code == Code::conflict);
  CHECK(!revoke_all(keys, noon).value());
}

TEST_CASE("one key is revoked whatever it is, and what was to take its place does so at once") {
  SiteKeys keys = keys_of_bilbao();
  for (const char* key : {"a", "b"}) {
    REQUIRE(ask(keys, key, noon, Proof::token));
    REQUIRE(approve(keys, key, noon));
  }
  REQUIRE(ask(keys, "c", noon, Proof::token));
  CHECK(revoke(keys, "unheard of", noon).value());
  CHECK(state_of(keys, "unheard of", noon) == SiteKeyState::ended);
  CHECK(!revoke(keys, "unheard of", noon).value());
  CHECK(revoke(keys, "c", noon).value());
  CHECK(keys.pending.empty());
  CHECK(!none_decided(keys));
  CHECK(revoke(keys, "a", noon).value());
  CHECK(state_of(keys, "b", noon) == SiteKeyState::approved);
  CHECK(!is_cut_off(keys));
  CHECK(revoke(keys, "b", noon).value());
  CHECK(is_cut_off(keys));
}

TEST_CASE("to dismiss a stranger's key says nothing of the site, to revoke all that waits does") {
  SiteKeys keys = keys_of_bilbao();
  REQUIRE(ask(keys, "a", noon, Proof::token));
  CHECK(revoke(keys, "a", noon).value());
  CHECK(none_decided(keys));
  CHECK(!is_cut_off(keys));
  REQUIRE(ask(keys, "b", noon, Proof::token));
  CHECK(revoke_all(keys, noon).value());
  CHECK(!none_decided(keys));
  CHECK(is_cut_off(keys));
}

TEST_CASE("revoked keys are never forgotten: beyond their most, control says so; of replaced ones the last are kept") {
  SiteKeys keys = keys_of_bilbao();
  CHECK(revoke(keys, "stolen", noon).value());
  for (int i = 0; i < 40; ++i) {
    const std::string key = std::to_string(i);
    REQUIRE(ask(keys, key, noon, Proof::token));
    REQUIRE(approve(keys, key, noon));
    take_up_next(keys, noon);
  }
  CHECK(keys.ended.size() == most_replaced_keys + 1);
  CHECK(state_of(keys, "38", noon) == SiteKeyState::ended);
  CHECK(!state_of(keys, "3", noon));
  CHECK(keys.ended.front().fingerprint == "stolen");
  for (size_t i = 1; i < most_revoked_keys; ++i) REQUIRE(revoke(keys, "more " + std::to_string(i), noon));
  CHECK(revoke(keys, "too many", noon).error().code == Code::exhausted);
  CHECK(state_of(keys, "stolen", noon) == SiteKeyState::ended);
}

TEST_CASE("a site counts on a connection with its own certificate alone, once its key is approved") {
  Joining world;
  const std::string key = PrivateKey::generate().fingerprint();
  CHECK(world.sync("", "").status == 403);
  CHECK(world.sync(key, "barrio://site/mad1").status == 403);
  CHECK(world.states().empty());
  const net::Response refused = world.sync(key);
  CHECK(refused.status == 403);
  CHECK(has_text(refused.body, "barrio site approve bio1 --fingerprint " + key));
  CHECK(world.states() == Texts{"pending"});
  const auto changes = world.control->figures().changes;
  CHECK(world.sync(key).status == 403);
  CHECK(world.control->figures().changes == changes);  // it waits already
  CHECK(world.approve(key).status == 200);
  CHECK(world.sync(key).status == 200);
  CHECK(world.status("GET", "/barrio/v1/sites", "ops") == 200);  // others have tokens alone
  world.restart();
  CHECK(world.control->admit_key(SiteId::of("bio1"), key));
}

TEST_CASE("a member that passes a site's request on says which key it saw") {
  Joining world;
  const std::string key = PrivateKey::generate().fingerprint();
  CHECK(world.sync(key).status == 403);
  REQUIRE(world.approve(key).status == 200);
  const std::string member = "Bearer " + world.control->accounts().member_token();
  const auto passed_on = [&](const std::string& uri, const std::string& shown, const std::string& by) {
    net::OwnedHeaders headers = {{"Barrio-Certificate", uri}, {"Barrio-Member", by}};
    if (shown != "none") headers.emplace_back("Barrio-Certificate-Key", shown);
    return world.sync("", "", std::move(headers)).status;
  };
  CHECK(passed_on("barrio://site/bio1", key, member) == 200);
  CHECK(passed_on("barrio://site/mad1", key, member) == 403);
  CHECK(passed_on("barrio://site/bio1", "none", member) == 503);  // a member that has yet to be upgraded
  CHECK(passed_on("barrio://site/bio1", "", member) == 503);
  CHECK(passed_on("barrio://site/bio1", PrivateKey::generate().fingerprint(), member) == 403);
  CHECK(passed_on("barrio://site/bio1", key, "Bearer " + world.token("ops")) == 403);
  CHECK(world.sync("", "", {{"Barrio-Certificate", "barrio://site/bio1"}, {"Barrio-Certificate-Key", key}}).status ==
        403);
}

TEST_CASE("who may approve, and what: an operator, the fingerprint of a key that waits") {
  Joining world;
  const std::string key = PrivateKey::generate().fingerprint();
  CHECK(world.approve(key).status == 409);  // nobody has asked
  CHECK(world.sync(key).status == 403);
  CHECK(world.approve(PrivateKey::generate().fingerprint()).status == 409);
  CHECK(json_of(world.approve("0123")).at("where") == "fingerprint");
  CHECK(world.approve("0123").status == 400);
  CHECK(world.approve(key, "traffic").status == 403);
  CHECK(world.approve(key, "bio1").status == 403);
  CHECK(world.status("GET", "/barrio/v1/site-keys", "traffic") == 403);
  CHECK(world.status("POST", "/barrio/v1/sites/nowhere/approve", "ops", R"({"fingerprint":""})") == 404);
  CHECK(world.states() == Texts{"pending"});
  std::string typed = key;
  std::ranges::replace(typed, '-', ' ');
  const net::Response approved = world.approve(typed);
  CHECK(json_of(approved).at("state") == "approved");
  CHECK(world.approve(key).status == 200);  // again
  CHECK(world.audited() == Texts{"bio1: site join bio1", "operator: site approve bio1"});
}

TEST_CASE("another key of a site is approved beside the one in use, which ends when the other is used first") {
  Joining world;
  const std::string first = PrivateKey::generate().fingerprint();
  const std::string second = PrivateKey::generate().fingerprint();
  CHECK(world.sync(first).status == 403);
  REQUIRE(world.approve(first).status == 200);
  CHECK(world.sync(second).status == 403);
  CHECK(world.sync(first).status == 200);
  CHECK(json_of(world.approve(second)).at("state") == "next");
  CHECK(world.sync(first).status == 200);
  CHECK(world.sync(second).status == 200);
  const net::Response replaced = world.sync(first);
  CHECK(replaced.status == 403);
  CHECK(has_text(replaced.body, "revoked or replaced"));
  CHECK(world.states() == Texts{"approved", "ended"});
  CHECK(world.control->snapshot()->revoked_keys.empty());
  const auto revoke = [&](const std::string& key) {
    return world.ask("POST", "/barrio/v1/sites/bio1/revoke", "ops", R"({"fingerprint":")" + key + R"("})");
  };
  CHECK(json_of(revoke("0123")).at("where") == "fingerprint");
  CHECK(json_of(revoke(first)).at("keys").at(1).at("revoked") == true);
  CHECK(revoke(first).status == 200);  // again
  CHECK(world.control->snapshot()->revoked_keys == Texts{first});
  CHECK(world.sync(second).status == 200);
  const std::string unheard = PrivateKey::generate().fingerprint();
  CHECK(revoke(unheard).status == 200);
  CHECK(world.sync(unheard).status == 403);
  CHECK(world.states() == Texts{"approved", "ended", "ended"});
}

TEST_CASE("a site from before keys were approved goes on with the key it comes with first") {
  Joining world;
  const std::string key = PrivateKey::generate().fingerprint();
  world.World::sync("bio1");  // as a control without approvals has heard it
  REQUIRE(world.control->step());
  REQUIRE(world.control->snapshot()->gateways.contains("bio1"));
  CHECK(world.join(PrivateKey::generate()).status == 200);  // a token alone takes nothing over, nor hinders it
  CHECK(world.states() == Texts{"pending"});
  CHECK(world.sync(key).status == 200);
  CHECK(world.sync(key).status == 200);
  CHECK(world.states() == Texts{"pending", "approved"});
  CHECK(world.audited().back() == "bio1: site key taken over bio1");
  const std::string other = PrivateKey::generate().fingerprint();
  CHECK(world.sync(other).status == 403);
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/revoke", "ops", "{}") == 200);
  CHECK(world.sync(PrivateKey::generate().fingerprint()).status == 403);  // never again
}

TEST_CASE("others are told no address of a site whose keys were revoked") {
  Joining world;
  const SiteId bilbao = SiteId::of("bio1");
  const std::string key = PrivateKey::generate().fingerprint();
  CHECK(world.sync(key).status == 403);
  REQUIRE(world.approve(key).status == 200);
  world.World::sync("bio1");
  const auto addresses = [&](const SiteId& site) {
    return world.control->storage(site, {.address = "127.0.0.1:7100"});
  };
  REQUIRE(addresses(bilbao));
  REQUIRE(world.control->step());
  CHECK(world.control->snapshot()->gateways.contains("bio1"));
  CHECK(addresses(SiteId::of("mad1"))->orders->sites.contains("bio1"));
  REQUIRE(world.control->revoke_keys(bilbao));
  CHECK(!world.control->snapshot()->gateways.contains("bio1"));
  const auto told = addresses(SiteId::of("mad1"))->orders->sites;
  CHECK(!told.contains("bio1"));
  CHECK(told.contains("mad1"));
  const std::string another = PrivateKey::generate().fingerprint();
  CHECK(world.sync(another).status == 403);
  REQUIRE(world.approve(another).status == 200);
  CHECK(world.control->snapshot()->gateways.contains("bio1"));
}

TEST_CASE("a key is decided on by what the store holds, not by what this member has read before") {
  Joining world;
  const SiteId bilbao = SiteId::of("bio1");
  const std::string first = PrivateKey::generate().fingerprint();
  const std::string second = PrivateKey::generate().fingerprint();
  const PrivateKey third = PrivateKey::generate();
  const auto approve = [&](const std::string& key) {
    CHECK(!world.control->admit_key(bilbao, key));
    REQUIRE(world.control->approve_key(bilbao, key));
  };
  const auto write = [&](const std::function<void(SiteKeys&)>& edit) {
    const std::string at = key::site_keys(bilbao);
    auto keys = from_json<SiteKeys>(*parse_json(world.memory.get(at).value()->value));
    REQUIRE(keys);
    edit(*keys);
    REQUIRE(world.memory.commit({}, {write_json(at, *keys), {key::changed, "elsewhere"}}));
  };
  approve(first);
  approve(second);
  write([&](SiteKeys& keys) { CHECK(revoke(keys, second, world.runtime.wall()).value()); });
  const auto late = world.control->admit_key(bilbao, second);  // `next`, as far as was known
  CHECK_MESSAGE(late.error().code == Code::denied, late.error().text());
  CHECK(world.control->admit_key(bilbao, first));
  write([&](SiteKeys& keys) { keys.used = {third.fingerprint(), world.runtime.wall()}; });
  const auto joined = world.control->join(bilbao, {third.signing_request("bio1")});
  REQUIRE(joined);
  CHECK(joined->approved);
}

TEST_CASE("a revoked site is let in with another key alone") {
  Joining world;
  const std::string key = PrivateKey::generate().fingerprint();
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/revoke", "ops", "{}") == 409);
  CHECK(world.sync(key).status == 403);
  REQUIRE(world.approve(key).status == 200);
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/revoke", "traffic", "{}") == 403);
  CHECK(world.control->snapshot()->revoked_keys.empty());
  CHECK(world.status("POST", "/barrio/v1/sites/bilbao/revoke", "ops", "{}") == 200);
  CHECK(world.control->snapshot()->revoked_keys == Texts{key});  // other sites refuse it, too
  CHECK(world.sync(key).status == 403);
  CHECK(world.approve(key).status == 409);
  CHECK(world.states() == Texts{"ended"});
  const std::string other = PrivateKey::generate().fingerprint();
  CHECK(world.sync(other).status == 403);
  CHECK(world.approve(other).status == 200);
  CHECK(world.sync(other).status == 200);
}

TEST_CASE(
    "a site joins with a request alone; control signs its certificate once it is approved, and again to renew it") {
  Joining world;
  const auto authority = CertificateAuthority::make("Barrio test", world.runtime.wall());
  world.config.site_authority = authority;
  world.restart();
  const PrivateKey key = PrivateKey::generate();
  const auto join = [&] { return world.control->join(SiteId::of("bio1"), {key.signing_request("mad1")}); };
  const auto waits = join();
  REQUIRE(waits);
  CHECK(!waits->approved);
  CHECK(waits->certificate.empty());
  CHECK(waits->fingerprint == key.fingerprint());
  REQUIRE(world.control->approve_key(SiteId::of("bio1"), key.fingerprint()));
  for (int times = 0; times < 2; ++times) {
    const auto joined = join();
    REQUIRE(joined);
    const auto made = Certificate::read_all(joined->certificate);
    REQUIRE(made);
    CHECK(authority.certificate().issued(made->front()));
    CHECK(key.belongs_to(made->front()));
    CHECK(made->front().info().uris == Texts{"barrio://site/bio1"});
    CHECK(made->front().info().dns == Texts{"bio1.site.barrio.internal"});
  }
  REQUIRE(world.control->revoke_keys(SiteId::of("bio1")));
  CHECK(join().error().code == Code::denied);
}

TEST_CASE("who joins needs the site's token; a control without an authority of its own approves and signs nothing") {
  Joining world;
  const PrivateKey key = PrivateKey::generate();
  const net::Response waits = world.join(key);
  REQUIRE(waits.status == 200);
  CHECK(json_of(waits).at("approved") == false);
  REQUIRE(world.approve(key.fingerprint()).status == 200);
  CHECK(json_of(world.join(key)).at("approved") == true);
  CHECK(json_of(world.join(key)).at("certificate") == "");
  CHECK(world.sync(key.fingerprint()).status == 200);  // by whomever its certificate is signed
  const std::string body = print_json(to_json(api::JoinRequest{key.signing_request("bio1")}));
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/join", "", body) == 401);
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/join", "ops", body) == 403);
  CHECK(world.status("POST", "/barrio/v1/sites/mad1/join", "bio1", body) == 403);
  CHECK(
      json_of(world.ask("POST", "/barrio/v1/sites/bio1/join", "bio1", R"({"certificate_request":"x"})")).at("where") ==
      "certificate_request");
  for (int i = 0; i < 4; ++i) CHECK(world.join(PrivateKey::generate()).status == 200);
  CHECK(world.join(PrivateKey::generate()).status == 507);
  HttpWorld in_clear;
  CHECK(in_clear.status("POST", "/barrio/v1/sites/bio1/join", "bio1", body) == 422);
}

TEST_CASE("a key whose approval the store refuses is not let in") {
  Joining world;
  const std::string key = PrivateKey::generate().fingerprint();
  world.store.failures = 1;
  world.store.failure = Code::unavailable;
  CHECK(world.sync(key).status == 503);
  CHECK(world.sync(key).status == 403);
  world.store.failures = 1;
  CHECK(world.approve(key).status == 503);
  CHECK(world.sync(key).status == 403);
  world.store.failures = 1;
  world.store.failure = Code::conflict;
  CHECK(world.approve(key).status == 200);
  CHECK(world.sync(key).status == 200);
}

}  // namespace barrio::control::site_keys_test
