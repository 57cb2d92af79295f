// The routes about tenants: accounts, quotas, API keys and secrets.

#include "control/http_answer.h"
#include "control/http_api.h"

namespace barrio::control {

using net::Response;

Response HttpApi::add_tenant(const Call& call) {
  auto tenant = body<api::NewTenant>(call);
  if (!tenant) return answer(tenant.error());
  auto credentials = control_.add_tenant(tenant->name, author(call));
  return credentials ? answer_json(201, *credentials) : answer(credentials.error());
}

Response HttpApi::list_tenants(const Call& call) {
  auto tenants = control_.tenants();
  if (!tenants) return answer(tenants.error());
  api::TenantList list;
  auto some = page<api::TenantView>(
      call, std::move(*tenants), [](const api::TenantView& tenant) { return tenant.name.str(); }, list.next);
  if (!some) return answer(some.error());
  list.tenants = std::move(*some);
  return answer_json(200, list);
}

Result<TenantId> HttpApi::tenant_in_path(const Call& call) {
  TRY(auto tenant, TenantId::parse(call.params[0]));
  if (call.who.role == api::role::network_operator || call.who.subject == tenant.str()) return tenant;
  return fail(Code::denied, "the token is for " + call.who.role + " " + call.who.subject);
}

Response HttpApi::put_quota(const Call& call) {
  auto tenant = tenant_in_path(call);
  if (!tenant) return answer(tenant.error());
  auto quota = body<TenantQuota>(call);
  if (!quota) return answer(quota.error());
  auto set = control_.set_quota(*tenant, *quota, author(call));
  return set ? answer_json(200, *set) : answer(set.error());
}

Response HttpApi::change_quota(const Call& call) {
  auto tenant = tenant_in_path(call);
  if (!tenant) return answer(tenant.error());
  auto change = body<QuotaChange>(call);
  if (!change) return answer(change.error());
  auto set = control_.change_quota(*tenant, *change, author(call));
  return set ? answer_json(200, *set) : answer(set.error());
}

Response HttpApi::create_key(const Call& call) {
  auto tenant = tenant_in_path(call);
  if (!tenant) return answer(tenant.error());
  auto wanted = body<api::NewKey>(call);
  if (!wanted) return answer(wanted.error());
  auto issued = control_.create_key(*tenant, *wanted, author(call));
  return issued ? answer_json(201, *issued) : answer(issued.error());
}

Response HttpApi::list_keys(const Call& call) {
  auto tenant = tenant_in_path(call);
  if (!tenant) return answer(tenant.error());
  api::KeyList list;
  auto some =
      page<api::KeyView>(call, control_.keys(*tenant), [](const api::KeyView& key) { return key.id; }, list.next);
  if (!some) return answer(some.error());
  list.keys = std::move(*some);
  return answer_json(200, list);
}

Response HttpApi::revoke_key(const Call& call) {
  auto tenant = tenant_in_path(call);
  if (!tenant) return answer(tenant.error());
  auto revoked = control_.revoke_key(*tenant, call.params[1], author(call));
  if (!revoked) return answer(revoked.error());
  Response response;
  response.status = 204;
  return response;
}

Response HttpApi::put_secret(const Call& call) {
  auto secret = body<api::NewSecret>(call);
  if (!secret) return answer(secret.error());
  auto set = control_.set_secret(call.tenant, call.params[0], secret->value, author(call));
  return set ? answer_json(200, api::SecretView{call.params[0]}) : answer(set.error());
}

Response HttpApi::list_secrets(const Call& call) {
  return answer_json(200, api::SecretList{control_.secrets(call.tenant)});
}

Response HttpApi::delete_secret(const Call& call) {
  auto removed = control_.remove_secret(call.tenant, call.params[0], author(call));
  if (!removed) return answer(removed.error());
  Response response;
  response.status = 204;
  return response;
}

}  // namespace barrio::control
