#include "net/url.h"

#include <doctest/doctest.h>

namespace barrio::net::url_test {

TEST_CASE("a URL says where its server is and what comes before every target") {
  const auto plain = parse_url("http://127.0.0.1:8000");
  REQUIRE(plain);
  CHECK(plain->endpoint.address.str() == "127.0.0.1:8000");
  CHECK(plain->endpoint.protocol == Protocol::http1);
  CHECK(plain->endpoint.tls == nullptr);
  CHECK(plain->path.empty());
  CHECK(parse_url("http://[::1]:8000/a/b/")->path == "/a/b");
  CHECK(parse_url("http://[::1]:8000/")->path.empty());
  CHECK(parse_url("http://10.0.0.1")->endpoint.address.str() == "10.0.0.1:80");
  CHECK(parse_url("http://[::1]")->endpoint.address.port() == 80);
  CHECK(parse_url("unix:/tmp/x.sock")->endpoint.address.is_unix());
  const auto grpc = parse_url("grpc://127.0.0.1:8001");
  REQUIRE(grpc);
  CHECK(grpc->grpc);
  CHECK(grpc->endpoint.protocol == Protocol::http2);
}

TEST_CASE("https brings TLS to the host that is named") {
  const auto url = parse_url("https://127.0.0.1:8443/v");
  REQUIRE_MESSAGE(url, (url ? "" : url.error().text()));
  CHECK(url->endpoint.tls != nullptr);
  CHECK(url->endpoint.name == "127.0.0.1");
}

TEST_CASE("what is no URL of ours is refused") {
  for (const char* text :
       {"", "127.0.0.1:8000", "ftp://127.0.0.1:1", "http://", "http://example.com", "grpc://127.0.0.1",
        "http://127.0.0.1:8000/a b", "http://127.0.0.1:8000/?q", "http://127.0.0.1:99999", "http://unix:/x"}) {
    const auto url = parse_url(text);
    CHECK_MESSAGE(!url, text);
  }
}

}  // namespace barrio::net::url_test
