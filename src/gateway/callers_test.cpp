#include "gateway/callers.h"

#include <doctest/doctest.h>

#include "api/oauth/api_key.h"

namespace barrio::gateway::callers_test {
namespace {

const WallTime now{std::chrono::seconds(1'700'000'000)};

struct World {
  Callers callers;
  Es256Key signing = *Es256Key::generate();
  api::NewApiKey key = api::make_api_key();
  Snapshot snapshot;

  World() {
    snapshot.keys = {api::verifying_key(signing)};
    snapshot.api_keys = {{key.id, TenantId::of("acme"), key.sha256, {"barrio:infer"}, 0}};
    callers.set_snapshot(snapshot);
  }
  std::string ask(std::vector<net::Header> headers, WallTime at = now) {
    const auto caller = callers.tenant(headers, at);
    if (const auto* identity = std::get_if<const api::Identity*>(&caller)) return (*identity)->subject;
    const auto& problem = std::get<Problem>(caller);
    return std::to_string(problem.status) + " " + problem.reason;
  }
};

TEST_CASE("a key is accepted as a bearer and as x-api-key, the second time as the first") {
  World w;
  const std::string bearer = "Bearer " + w.key.text;
  for (int i = 0; i < 2; ++i) {
    CHECK(w.ask({{"Authorization", bearer}}) == "acme");
    CHECK(w.ask({{"X-API-Key", w.key.text}}) == "acme");
  }
}

TEST_CASE("a wrong secret is refused, also after the right one was seen") {
  World w;
  std::string wrong = w.key.text;
  wrong.back() = wrong.back() == 'A' ? 'Q' : 'A';
  CHECK(w.ask({{"x-api-key", wrong}}) == "401 invalid_token");
  CHECK(w.ask({{"x-api-key", w.key.text}}) == "acme");
  CHECK(w.ask({{"x-api-key", wrong}}) == "401 invalid_token");
  CHECK(w.ask({{"x-api-key", "brk_"}}) == "401 invalid_token");
  CHECK(w.ask({{"x-api-key", api::make_api_key().text}}) == "401 invalid_token");
}

TEST_CASE("a key ends when it expires, when it is revoked, and without the scope") {
  World w;
  w.snapshot.api_keys.front().expires = 1'700'000'010;
  w.callers.set_snapshot(w.snapshot);
  CHECK(w.ask({{"x-api-key", w.key.text}}) == "acme");
  CHECK(w.ask({{"x-api-key", w.key.text}}, now + 10s) == "401 invalid_token");
  w.snapshot.api_keys.front().scopes = {"barrio:apps:read"};
  w.callers.set_snapshot(w.snapshot);
  CHECK(w.ask({{"x-api-key", w.key.text}}) == "403 insufficient_scope");
  w.snapshot.api_keys.clear();
  w.callers.set_snapshot(w.snapshot);
  CHECK(w.ask({{"x-api-key", w.key.text}}) == "401 invalid_token");
}

TEST_CASE("an operator is told from others") {
  World w;
  const auto ask = [&](const std::string& role) {
    const std::string token =
        "Bearer " +
        api::issue_token(w.signing, api::verifying_key(w.signing).kid,
                         {.subject = "somebody", .role = role, .scopes = {"barrio:infer"}, .expires = now + 1h}, now);
    const std::vector<net::Header> headers = {{"Authorization", token}};
    const auto caller = w.callers.network_operator(headers, now);
    return std::holds_alternative<Problem>(caller) ? std::get<Problem>(caller).status : 200;
  };
  CHECK(ask("operator") == 200);
  CHECK(ask("tenant") == 403);
  CHECK(ask("site") == 403);
  CHECK(std::get<Problem>(w.callers.network_operator({}, now)).status == 401);
}

TEST_CASE("without credentials, or with another's x-api-key: 401; a token counts before a key") {
  World w;
  CHECK(w.ask({}) == "401 no_token");
  CHECK(w.ask({{"x-api-key", "somebody-elses"}}) == "401 no_token");
  CHECK(w.ask({{"Authorization", "Basic YTpi"}, {"x-api-key", w.key.text}}) == "401 invalid_token");
  const std::string token =
      "Bearer " +
      api::issue_token(w.signing, api::verifying_key(w.signing).kid,
                       {.subject = "rival", .role = "tenant", .scopes = {"barrio:infer"}, .expires = now + 1h}, now);
  CHECK(w.ask({{"Authorization", token}, {"x-api-key", w.key.text}}) == "rival");
}

}  // namespace
}  // namespace barrio::gateway::callers_test
