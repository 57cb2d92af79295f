// The routes about what is charged.

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
