// The routes about keys of sites: how a site asks to be let in, and how the operator decides.

#include "control/http_answer.h"
#include "control/http_api.h"

namespace barrio::control {

using net::Response;
namespace scope = api::scope;

namespace {

template <class T>
Json site_key_schema(JsonSchemas& schemas) {
  return schemas.of<T>();
}

}  // namespace

std::vector<HttpApi::Route> HttpApi::site_key_routes() {
  return {
      {"POST",
       "/barrio/v1/sites/{site}/join",
       scope::site_sync,
       Whose::anybody,
       &HttpApi::join,
       {"A site asks to be let in with its key, and for a certificate once it is",
        {},
        site_key_schema<api::JoinRequest>,
        site_key_schema<api::JoinAnswer>}},
      {"GET",
       "/barrio/v1/site-keys",
       scope::sites_write,
       Whose::anybody,
       &HttpApi::list_site_keys,
       {"The keys of all sites: those that wait for approval, are approved, or have ended",
        "limit after",
        {},
        site_key_schema<api::SiteKeyList>}},
      {"POST",
       "/barrio/v1/sites/{site}/approve",
       scope::sites_write,
       Whose::anybody,
       &HttpApi::approve_site,
       {"Let a site in with the key that its machine shows",
        {},
        site_key_schema<api::SiteKeyApproval>,
        site_key_schema<api::SiteKeyView>}},
      {"POST",
       "/barrio/v1/sites/{site}/revoke",
       scope::sites_write,
       Whose::anybody,
       &HttpApi::revoke_site,
       {"End all keys of a site, which is not let in until another one is approved, or one key",
        {},
        site_key_schema<api::SiteKeyRevocation>,
        site_key_schema<api::SiteKeyList>}},
  };
}

Response HttpApi::join(const Call& call) {
  auto site = site_in_path(call);
  if (!site) return answer(site.error());
  if (!config_.sites_have_certificates) {
    return answer(Error{Code::unsupported, "this control asks sites for no certificate (tls.site_ca in its file)"});
  }
  auto wanted = body<api::JoinRequest>(call);
  if (!wanted) return answer(wanted.error());
  auto joined = control_.join(*site, *wanted);
  return joined ? answer_json(200, *joined) : answer(joined.error());
}

Response HttpApi::list_site_keys(const Call& call) {
  api::SiteKeyList list;
  auto some = page<api::SiteKeyView>(
      call, control_.site_keys(), [](const api::SiteKeyView& key) { return key.site.str() + "/" + key.fingerprint; },
      list.next);
  if (!some) return answer(some.error());
  list.keys = std::move(*some);
  return answer_json(200, list);
}

Response HttpApi::approve_site(const Call& call) {
  auto id = control_.find_site(call.params[0]);
  if (!id) return answer(id.error());
  auto wanted = body<api::SiteKeyApproval>(call);
  if (!wanted) return answer(wanted.error());
  auto approved = control_.approve_key(*id, wanted->fingerprint, author(call));
  return approved ? answer_json(200, *approved) : answer(approved.error());
}

Response HttpApi::revoke_site(const Call& call) {
  auto id = control_.find_site(call.params[0]);
  if (!id) return answer(id.error());
  auto wanted = body<api::SiteKeyRevocation>(call);
  if (!wanted) return answer(wanted.error());
  auto left = control_.revoke_keys(*id, *wanted, author(call));
  return left ? answer_json(200, *left) : answer(left.error());
}

}  // namespace barrio::control
