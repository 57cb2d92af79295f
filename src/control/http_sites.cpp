// The routes by which the network grows: a site more, what a site has, and the account that it speaks to control with.

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
      {"PUT",
       "/barrio/v1/sites/{site}/equipment",
       scope::sites_write,
       Whose::anybody,
       &HttpApi::set_site,
       {"Change what a site has: its power at any time, the rest while nothing runs there",
        {},
        new_site_schema<Site>,
        new_site_schema<api::SiteView>}},
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

/// The site that the body describes, which is that of the path.
Result<Site> HttpApi::site_of(const Call& call) const {
  const auto id = SiteId::parse(call.params[0]);
  if (!id) return fail(Code::invalid, id.error().what, "site");
  TRY(auto site, body<Site>(call));
  if (site.id != *id) return fail(Code::invalid, "is " + site.id.str() + ", but the path names " + id->str(), "id");
  return site;
}

Response HttpApi::put_site(const Call& call) {
  auto site = site_of(call);
  if (!site) return answer(site.error());
  auto added = control_.add_site(*site, author(call));
  if (!added) return answer(added.error());
  auto view = control_.site(site->id, call.tenant);
  return view ? answer_json(*added ? 201 : 200, *view) : answer(view.error());
}

Response HttpApi::set_site(const Call& call) {
  auto site = site_of(call);
  if (!site) return answer(site.error());
  auto changed = control_.set_site(*site, author(call));
  if (!changed) return answer(changed.error());
  auto view = control_.site(site->id, call.tenant);
  return view ? answer_json(200, *view) : answer(view.error());
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
