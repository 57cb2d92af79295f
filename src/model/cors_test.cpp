#include <doctest/doctest.h>

#include "model/app.h"

namespace barrio::cors_test {

namespace {

Result<AppSpec> app_with(const std::string& cors) {
  const auto json = parse_json(R"({"name":"street","model":{"backend":"opencv","builtin":"people"},
    "objective":{"latency":"100ms","percentile":99},"policy":{"jurisdictions":["ES"]},"resources":{"power":"40W","memory":"1GiB"},
    "cors":)" + cors + "}");
  REQUIRE(json);
  return from_json<AppSpec>(*json);
}

}  // namespace

TEST_CASE("an app says which pages may call it, and what to answer to each") {
  const auto app =
      app_with(R"({"origins":["https://app.example.com","http://localhost:5173","https://[2001:db8::1]:8443"]})");
  REQUIRE_MESSAGE(app, (app ? "" : app.error().text()));
  CHECK(app->cors->max_age == 10min);
  CHECK(app->cors->allowed("https://app.example.com") == "https://app.example.com");
  CHECK(app->cors->allowed("http://localhost:5173") == "http://localhost:5173");
  CHECK(app->cors->allowed("http://app.example.com").empty());
  CHECK(app->cors->allowed("https://app.example.com:8443").empty());
  CHECK(app->cors->allowed("null").empty());
  CHECK(app->cors->allowed("").empty());
  CHECK(app_with(R"({"origins":["*"],"max_age":"1h"})")->cors->allowed("https://any.example") == "*");
}

TEST_CASE("what no browser says as an origin is refused, with its place and what would be right") {
  for (const char* bad : {"https://app.example.com/", "https://app.example.com/page", "app.example.com", "https://",
                          "https://App.example.com", "https://*.example.com", "ftp://a", "null", "https://a:port",
                          "https://a:", "https://a b", "https://a:123456", "https://[::1", "https://user@a"}) {
    const auto app = app_with(std::string(R"({"origins":["*",")") + bad + "\"]}");
    CHECK_MESSAGE(!app, bad);
    if (!app) CHECK(app.error().where == "cors.origins[1]");
    if (!app) CHECK(app.error().what.find("https://app.example.com") != std::string::npos);
  }
  CHECK(app_with("{}").error().where == "cors.origins");
  CHECK(app_with(R"({"origins":[]})").error().where == "cors.origins");
  CHECK(app_with(R"({"origins":["*"],"max_age":"25h"})").error().where == "cors.max_age");
  CHECK(app_with(R"({"origin":["*"]})").error().where.find("cors") == 0);
  std::string many = "\"*\"";
  for (size_t i = 0; i < CorsSpec::most_origins; ++i) many += ",\"*\"";
  CHECK(app_with(R"({"origins":[)" + many + "]}").error().where == "cors.origins");
}

}  // namespace barrio::cors_test
