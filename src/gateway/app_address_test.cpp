#include "gateway/app_address.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace barrio::gateway::app_address_test {
namespace {

std::string by_host(std::string_view host) {
  const auto address = app_by_host(host, "/x?y");
  return address ? address->tenant.str() + "/" + address->app.str() + " " + std::string(address->rest) : "none";
}
std::string by_path(std::string_view target) {
  const auto address = app_by_path(target);
  if (!address) return "none";
  return address->tenant.str() + "/" + address->app.str() + " " + std::string(address->prefix) + " " +
         std::string(address->rest);
}

TEST_CASE("a host names app, tenant and site, whatever its case, port and suffix") {
  CHECK(by_host("street.acme.apps.bio1") == "acme/street /x?y");
  CHECK(by_host("Street.ACME.Apps.bio1.edge.example.com:8443") == "acme/street /x?y");
  CHECK(by_host("street.acme.apps.bio1.") == "acme/street /x?y");
}

TEST_CASE("other hosts name no app") {
  for (const std::string_view host : {"", "127.0.0.1:8080", "[::1]:80", "bio1", "street.acme.apps", "street.acme.apps.",
                                      "street.acme.apps..x", "acme.apps.bio1", "street..apps.bio1", ".acme.apps.bio1",
                                      "str_eet.acme.apps.bio1", "street.acme.app.bio1", "a.street.acme.apps.bio1"}) {
    CHECK_MESSAGE(by_host(host) == "none", host);
  }
}

TEST_CASE("a path names the app, and its tenant where it is not the caller's") {
  CHECK(by_path("/apps/street/a/b?c=d") == "/street /apps/street /a/b?c=d");
  CHECK(by_path("/apps/street") == "/street /apps/street ");
  CHECK(by_path("/apps/street?c") == "/street /apps/street ?c");
  CHECK(by_path("/apps/street.acme//x") == "acme/street /apps/street.acme //x");
  for (const std::string_view target : {"/apps", "/apps/", "/apps//x", "/apps/.acme/x", "/apps/street./x",
                                        "/apps/a.b.c/x", "/apps/..", "/apps/%2e", "/app/street", "/apps/Street/x"}) {
    CHECK_MESSAGE(by_path(target) == "none", target);
  }
}

TEST_CASE("what a gateway writes for another gateway is read there as the same app and rest") {
  CHECK(rc::check([] {
    const std::string rest = *rc::gen::element<std::string>("", "/", "/a/b?c", "?q=/apps/x", "//", "/../x");
    const AppKey app{TenantId::of("acme"), AppName::of("street")};
    std::string target;
    append_gateway_target(app, rest, target);
    const auto address = app_by_path(target);
    RC_ASSERT(address.has_value());
    RC_ASSERT((AppKey{address->tenant, address->app} == app));
    RC_ASSERT(address->rest == rest);
    std::string seen;
    append_app_target(rest, seen);
    RC_ASSERT(seen.starts_with('/'));
  }));
}

TEST_CASE("a field names an app with or without its tenant") {
  const auto named = app_by_name("street.acme", "/inference.GRPCInferenceService/ModelInfer");
  REQUIRE(named);
  CHECK(named->tenant.str() == "acme");
  CHECK(named->prefix.empty());
  CHECK(named->rest == "/inference.GRPCInferenceService/ModelInfer");
  CHECK(app_by_name("street", "/x")->tenant.str().empty());
  for (const char* bad : {"", "street.", ".acme", "a/b"}) CHECK_FALSE(app_by_name(bad, "/x"));
}

}  // namespace
}  // namespace barrio::gateway::app_address_test
