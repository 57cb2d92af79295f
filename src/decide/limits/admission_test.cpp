#include "decide/limits/admission.h"

#include <doctest/doctest.h>

namespace barrio::decide::admission_test {
namespace {

constexpr Time start{1000s};
const AppKey street{TenantId::of("acme"), AppName::of("street")};
const AppKey yard{TenantId::of("acme"), AppName::of("yard")};
const AppKey other{TenantId::of("rival"), AppName::of("street")};

std::string what(const std::variant<Admitted, Over>& entered) {
  const auto* over = std::get_if<Over>(&entered);
  return over == nullptr ? "in" : to_name(over->limit);
}

TEST_CASE("a tenant's rate, with its burst, and the time until the next one may come") {
  Admission admission(1000);
  admission.set_quotas({{"acme", {.requests_per_second = 4, .burst = 2}}});
  CHECK(what(admission.enter({.app = &street}, start)) == "in");
  CHECK(what(admission.enter({.app = &yard}, start)) == "in");
  const auto over = admission.enter({.app = &street}, start);
  CHECK(what(over) == "tenant_rate");
  CHECK(std::get<Over>(over).value == 4);
  CHECK(std::get<Over>(over).wait == 250ms);
  CHECK(what(admission.enter({.app = &other}, start)) == "in");
  CHECK(what(admission.enter({.app = &street}, start + 250ms)) == "in");
}

TEST_CASE("an app's own rate is on top, and its flood leaves its tenant's rate to the tenant's other apps") {
  Admission admission(1000);
  admission.set_quotas({{"acme", {.requests_per_second = 10, .burst = 10}}});
  const AppLimits limits{.requests_per_second = 2, .burst = {}, .body_bytes = {}};
  int in = 0;
  for (int i = 0; i < 100; ++i) in += what(admission.enter({.app = &street, .limits = &limits}, start)) == "in" ? 1 : 0;
  CHECK(in == 2);
  CHECK(what(admission.enter({.app = &street, .limits = &limits}, start)) == "app_rate");
  for (int i = 0; i < 8; ++i) CHECK(what(admission.enter({.app = &yard}, start)) == "in");
  CHECK(what(admission.enter({.app = &yard}, start)) == "tenant_rate");
}

TEST_CASE("requests in flight are limited per tenant, but those that another gateway forwarded were counted there") {
  Admission admission(1000);
  admission.set_quotas({{"acme", {.requests_per_second = 1, .burst = 2, .in_flight = 1}}});
  const auto first = admission.enter({.app = &street}, start);
  CHECK(what(first) == "in");
  const auto over = admission.enter({.app = &street}, start);
  CHECK(what(over) == "tenant_in_flight");
  CHECK(std::get<Over>(over).value == 1);
  for (int i = 0; i < 3; ++i) CHECK(what(admission.enter({.app = &street, .forwarded = true}, start)) == "in");
}

TEST_CASE("a finished request makes room for the next one") {
  Admission admission(1000);
  admission.set_quotas({{"acme", {.in_flight = 1}}});
  for (int i = 0; i < 3; ++i) {
    const auto entered = admission.enter({.app = &street}, start);
    REQUIRE(what(entered) == "in");
    CHECK(what(admission.enter({.app = &street}, start)) == "tenant_in_flight");
    admission.leave(std::get<Admitted>(entered));
  }
}

TEST_CASE("a new quota applies from the next request on") {
  Admission admission(1000);
  admission.set_quotas({{"acme", {.in_flight = 1}}});
  CHECK(what(admission.enter({.app = &street}, start)) == "in");
  CHECK(what(admission.enter({.app = &street}, start)) == "tenant_in_flight");
  admission.set_quotas({{"acme", {.in_flight = 2}}});
  CHECK(what(admission.enter({.app = &street}, start)) == "in");
  admission.set_quotas({});
  CHECK(what(admission.enter({.app = &street}, start)) == "in");
}

TEST_CASE("a busy gateway refuses what is over a tenant's share, forwarded or not") {
  Admission admission(20);
  std::string last;
  for (int i = 0; i < 30; ++i) last = what(admission.enter({.app = &street, .forwarded = i % 2 == 0}, start));
  CHECK(last == "fair_share");
  CHECK(what(admission.enter({.app = &other}, start)) == "in");
}

TEST_CASE("more tenants than the table holds: idle ones make room") {
  Admission admission(100'000);
  std::vector<AppKey> apps;
  for (size_t i = 0; i <= Admission::most_tenants; ++i) {
    apps.push_back({TenantId::of("t" + std::to_string(i)), AppName::of("a")});
  }
  const auto first = admission.enter({.app = &apps[0]}, start);
  CHECK(what(first) == "in");
  for (size_t i = 1; i < Admission::most_tenants; ++i) CHECK(what(admission.enter({.app = &apps[i]}, start)) == "in");
  CHECK(what(admission.enter({.app = &apps.back()}, start)) == "tenants");
  admission.leave(std::get<Admitted>(first));
  CHECK(what(admission.enter({.app = &apps.back()}, start)) == "in");
}

}  // namespace
}  // namespace barrio::decide::admission_test
