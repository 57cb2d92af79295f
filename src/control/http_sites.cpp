// The routes by which the network grows: a site more, and the account that it speaks to control with.

#include "control/http_answer.h"
#include "control/http_api.h"

namespace barrio::control {

using net::Response;
namespace scope = api::scope;

namespace {

template <class T>
Json new_site_schema(JsonSchemas& schemas) {
  return schemas.of<T>();
}

}  // namespace

std::vector<HttpApi::Route> HttpApi::new_site_routes() {
  return {
      {"PUT",
       "/barrio/v1/sites/{site}",
       scope::sites_write,
       Whose::anybody,
       &HttpApi::put_site,
       {"Add a site, planned or testing, to the network", {}, new_site_schema<Site>, new_site_schema<api::SiteView>}},
      {"POST",
       "/barrio/v1/sites/{site}/account",
       scope::sites_write,
       Whose::anybody,
       &HttpApi::add_site_account,
       {.summary = "The account that a site speaks to control with; its secret is shown once",
        .takes = new_site_schema<api::NewSiteAccount>,
        .gives = new_site_schema<api::SiteCredentials>,
        .success = 201,
        .gives_secret = true}},
  };
}

Response HttpApi::put_site(const Call& call) {
  auto id = SiteId::parse(call.params[0]);
  if (!id) return answer(Error{Code::invalid, id.error().what, "site"});
  auto site = body<Site>(call);
  if (!site) return answer(site.error());
  if (site->id != *id) {
    return answer(Error{Code::invalid, "is " + site->id.str() + ", but the path names " + id->str(), "id"});
  }
  auto added = control_.add_site(*site, author(call));
  if (!added) return answer(added.error());
  auto view = control_.site(*id, call.tenant);
  return view ? answer_json(*added ? 201 : 200, *view) : answer(view.error());
}

Response HttpApi::add_site_account(const Call& call) {
  auto id = control_.find_site(call.params[0]);
  if (!id) return answer(id.error());
  auto wanted = body<api::NewSiteAccount>(call);
  if (!wanted) return answer(wanted.error());
  auto credentials = control_.add_site_account(*id, wanted->replace, author(call));
  return credentials ? answer_json(201, *credentials) : answer(credentials.error());
}

}  // namespace barrio::control
