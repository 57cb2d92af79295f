#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/http_world_test.h"

namespace barrio::control::http_console_test {

namespace {

const std::string neighbour = "https://control-2.example";

HttpConfig open_to_neighbour() {
  HttpConfig http;
  http.open_console = true;
  http.consoles = {{"control", "https://control-1.example"}, {"control-2", neighbour}};
  return http;
}

net::Response ask_from(HttpWorld& world, const std::string& path, const std::string& origin,
                       const std::string& method = "GET") {
  net::Request request{.method = method, .target = path};
  request.headers = {{"Origin", origin}};
  return world.api.handle(request);
}

bool may_read(const net::Response& response) {
  return net::find_header(response.headers, "Access-Control-Allow-Origin").has_value();
}

}  // namespace

TEST_CASE("a page of another member may read what the console shows, and no page of anybody else") {
  HttpWorld world(open_to_neighbour());
  for (const std::string path : {"/barrio/v1/live", "/barrio/v1/storage", "/barrio/v1/consoles"}) {
    const auto answer = ask_from(world, path, neighbour);
    CHECK(answer.status == 200);
    CHECK(net::find_header(answer.headers, "Access-Control-Allow-Origin") == neighbour);
    CHECK(net::find_header(answer.headers, "Access-Control-Expose-Headers") == not_leading);
    CHECK(net::find_header(answer.headers, "Vary") == "Origin");
    for (const std::string other : {"https://control-2.example:8443", "http://control-2.example", "null", ""})
      CHECK(!may_read(ask_from(world, path, other)));
    CHECK(!may_read(world.ask("GET", path)));
    // No preflight is answered: no page of another origin asks with a token.
    CHECK(ask_from(world, path, neighbour, "OPTIONS").status == 405);
    CHECK(!may_read(ask_from(world, path, neighbour, "OPTIONS")));
  }
  for (const std::string path : {"/barrio/v1/sites", "/healthz", "/metrics", "/barrio/v1/none"})
    CHECK(!may_read(ask_from(world, path, neighbour)));
}

TEST_CASE("where the console is not open, pages of other members may read nothing") {
  HttpConfig http = open_to_neighbour();
  http.open_console = false;
  HttpWorld world(http);
  for (const std::string path : {"/barrio/v1/live", "/barrio/v1/storage", "/barrio/v1/consoles"}) {
    CHECK(ask_from(world, path, neighbour).status == 401);
    CHECK(!may_read(ask_from(world, path, neighbour)));
  }
  CHECK(world.status("GET", "/barrio/v1/consoles", "ops") == 200);
}

TEST_CASE("who answers and where all members are is told; a control that is alone names no one") {
  HttpWorld world(open_to_neighbour());
  const Json told = json_of(world.ask("GET", "/barrio/v1/consoles"));
  CHECK(told.at("member") == "control");
  CHECK(told.at("consoles").at(1).at("member") == "control-2");
  CHECK(told.at("consoles").at(1).at("origin") == neighbour.c_str());
  HttpWorld alone;
  CHECK(json_of(alone.ask("GET", "/barrio/v1/consoles", "ops")).at("consoles").as_array().empty());
}

TEST_CASE("an origin is told as browsers tell theirs, or it is said what is wrong") {
  CHECK(*parse_origin("10.0.0.1:8080") == "http://10.0.0.1:8080");
  CHECK(*parse_origin("https://10.0.0.1:8443") == "https://10.0.0.1:8443");
  CHECK(*parse_origin("https://control-1.example:443") == "https://control-1.example");
  CHECK(*parse_origin("http://control-1.example:80") == "http://control-1.example");
  CHECK(*parse_origin("https://control-1.example:80") == "https://control-1.example:80");
  for (const std::string text :
       {"", "https://", "https://a/", "https://a b", "https://a;script-src *", "ftp://a", "https://A", "https://a:0",
        "https://a:65536", "https://a:", "https://a:8:9", "unix:/run/control.sock"}) {
    CAPTURE(text);
    CHECK(parse_origin(text).error().code == Code::invalid);
  }
  CHECK(has_text(parse_origin("[::1]:8080").error().what, "is an IPv6 address"));
  CHECK(!parse_origin(std::string(300, 'a')));
}

TEST_CASE("a page's policy lets it ask the other members, and nobody else") {
  const std::string policy = "default-src 'none'; connect-src 'self'; base-uri 'none'";
  CHECK(with_consoles(policy, open_to_neighbour().consoles) ==
        "default-src 'none'; connect-src 'self' https://control-1.example https://control-2.example; base-uri 'none'");
  CHECK(with_consoles(policy, {}) == policy);
}

}  // namespace barrio::control::http_console_test
