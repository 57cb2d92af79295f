// The routes about what is charged, and what a tenant may spend.

#include "control/http_answer.h"
#include "control/http_api.h"

namespace barrio::control {

using net::Response;
namespace scope = api::scope;

namespace {

template <class T>
Json price_schema(JsonSchemas& schemas) {
  return schemas.of<T>();
}

}  // namespace

std::vector<HttpApi::Route> HttpApi::price_routes() {
  return {
      {"GET",
       "/barrio/v1/prices",
       scope::usage_read,
       Whose::anybody,
       &HttpApi::list_prices,
       {"What is charged, since when", {}, {}, price_schema<api::PriceLists>}},
      {"PUT",
       "/barrio/v1/prices",
       scope::tenants_write,
       Whose::anybody,
       &HttpApi::put_prices,
       {"What is charged from an hour on", {}, price_schema<PriceList>, price_schema<PriceList>}},
  };
}

std::vector<HttpApi::Route> HttpApi::spending_routes() {
  return {
      {"GET",
       "/barrio/v1/tenants/{tenant}",
       scope::usage_read,
       Whose::anybody,
       &HttpApi::show_tenant,
       {"A tenant, its quota, and what it has spent of its cap", {}, {}, price_schema<api::TenantView>}},
      {"PUT",
       "/barrio/v1/tenants/{tenant}/spend-cap",
       scope::tenants_write,
       Whose::anybody,
       &HttpApi::put_spend_cap,
       {"What a tenant may spend in a calendar month (UTC)",
        {},
        price_schema<api::NewSpendCap>,
        price_schema<api::TenantView>}},
      {"DELETE",
       "/barrio/v1/tenants/{tenant}/spend-cap",
       scope::tenants_write,
       Whose::anybody,
       &HttpApi::remove_spend_cap,
       {.summary = "Let a tenant spend without a cap", .success = 204}},
  };
}

Response HttpApi::show_tenant(const Call& call) {
  auto name = tenant_in_path(call);
  if (!name) return answer(name.error());
  const auto tenant = control_.tenant(*name);
  return tenant ? answer_json(200, *tenant) : answer(tenant.error());
}

Response HttpApi::put_spend_cap(const Call& call) {
  auto name = tenant_in_path(call);
  if (!name) return answer(name.error());
  auto wanted = body<api::NewSpendCap>(call);
  if (!wanted) return answer(wanted.error());
  auto set = control_.set_spend_cap(*name, wanted->cap, author(call));
  return set ? show_tenant(call) : answer(set.error());
}

Response HttpApi::remove_spend_cap(const Call& call) {
  auto name = tenant_in_path(call);
  if (!name) return answer(name.error());
  auto removed = control_.remove_spend_cap(*name, author(call));
  if (!removed) return answer(removed.error());
  Response response;
  response.status = 204;
  return response;
}

Response HttpApi::put_prices(const Call& call) {
  auto list = body<PriceList>(call);
  if (!list) return answer(list.error());
  auto set = control_.set_prices(*list, author(call));
  return set ? answer_json(200, *list) : answer(set.error());
}

Response HttpApi::list_prices(const Call&) {
  return answer_json(200, api::PriceLists{control_.prices()});
}

}  // namespace barrio::control
