// Control's routes: who may call what, and what its OpenAPI document says of each.

#include "control/http_api.h"

namespace barrio::control {

namespace {

template <class T>
Json of(JsonSchemas& schemas) {
  return schemas.of<T>();
}

constexpr std::string_view event_stream = "text/event-stream";

}  // namespace

namespace scope = api::scope;

std::vector<HttpApi::Route> HttpApi::open_routes() {
  return {
      {"GET", "/barrio/v1/openapi.json", "", Whose::nobody, &HttpApi::openapi, {"This document", {}, {}, of<Json>}},
      {"POST",
       "/oauth2/token",
       "",
       Whose::nobody,
       &HttpApi::token,
       {.summary = "A token for client credentials (RFC 6749 section 4.4)",
        .gives = of<api::TokenAnswer>,
        .takes_media = "application/x-www-form-urlencoded"}},
      {"GET",
       "/.well-known/jwks.json",
       "",
       Whose::nobody,
       &HttpApi::keys,
       {"The keys that tokens are signed with (RFC 7517)", {}, {}, of<Json>}},
      {"GET", "/healthz", "", Whose::nobody, &HttpApi::health, {"Is control ready", {}, {}, of<api::HealthView>}},
      {"GET",
       "/metrics",
       "",
       Whose::operator_over_tls,
       &HttpApi::exposition,
       {.summary = "Figures in Prometheus text format", .gives_media = "text/plain"}},
  };
}

std::vector<HttpApi::Route> HttpApi::site_routes() {
  return {
      {"GET",
       "/barrio/v1/sites",
       scope::sites_read,
       Whose::anybody,
       &HttpApi::list_sites,
       {"All sites, in the network's order", "limit after tenant", {}, of<api::SiteList>}},
      {"GET",
       "/barrio/v1/sites/{site}",
       scope::sites_read,
       Whose::anybody,
       &HttpApi::show_site,
       {"One site, by id or city", "tenant", {}, of<api::SiteView>}},
      {"POST",
       "/barrio/v1/sites/{site}/activate",
       scope::sites_write,
       Whose::anybody,
       &HttpApi::activate,
       {"Let a site take replicas", {}, {}, of<api::SiteView>}},
      {"POST",
       "/barrio/v1/sites/{site}/drain",
       scope::sites_write,
       Whose::anybody,
       &HttpApi::drain,
       {"Move a site's replicas elsewhere without a lost request", {}, {}, of<api::SiteView>}},
      {"POST",
       "/barrio/v1/sites/{site}/retire",
       scope::sites_write,
       Whose::anybody,
       &HttpApi::retire,
       {"End a drained site's service for good", {}, {}, of<api::SiteView>}},
      {"POST",
       "/barrio/v1/sites/{site}/sync",
       scope::site_sync,
       Whose::anybody,
       &HttpApi::sync,
       {"A site's agent reports and is told what to run", {}, of<SiteReport>, of<SiteOrders>}},
      {"GET",
       "/barrio/v1/live",
       scope::sites_read,
       Whose::anybody,
       &HttpApi::live,
       {"What happens now, as the console shows it", "tenant", {}, api::live_schema}},
      {"GET",
       "/barrio/v1/events",
       scope::sites_read,
       Whose::anybody,
       &HttpApi::events,
       {.summary = "What happens, as it happens: server-sent events", .query = "tenant", .gives_media = event_stream}},
      {"GET",
       "/barrio/v1/usage",
       scope::usage_read,
       Whose::anybody,
       &HttpApi::usage,
       {"What was used, by hour", "tenant app bucket site from to by cost format", {}, of<api::UsageAnswer>}},
      {"GET",
       "/barrio/v1/audit",
       scope::audit_read,
       Whose::anybody,
       &HttpApi::audit,
       {"Who changed what, the oldest first; without from and to the last 24 hours",
        "limit after tenant from to",
        {},
        of<api::AuditList>}},
  };
}

std::vector<HttpApi::Route> HttpApi::app_routes() {
  return {
      {"GET",
       "/barrio/v1/apps",
       scope::apps_read,
       Whose::anybody,
       &HttpApi::list_apps,
       {"A tenant's apps; all of them for the operator", "limit after tenant", {}, of<api::AppList>}},
      {"GET",
       "/barrio/v1/apps/{app}",
       scope::apps_read,
       Whose::tenant,
       &HttpApi::show_app,
       {"One app and where it is placed", "tenant", {}, of<api::AppAnswer>}},
      {"PUT",
       "/barrio/v1/apps/{app}",
       scope::apps_write,
       Whose::tenant,
       &HttpApi::put_app,
       {"Deploy an app, or change it", "tenant", of<AppSpec>, of<api::AppAnswer>}},
      {"DELETE",
       "/barrio/v1/apps/{app}",
       scope::apps_write,
       Whose::tenant,
       &HttpApi::delete_app,
       {.summary = "Delete an app", .query = "tenant", .success = 204}},
      {"GET",
       "/barrio/v1/apps/{app}/explain",
       scope::apps_read,
       Whose::tenant,
       &HttpApi::explain,
       {"Why each replica is where it is, and why not elsewhere", "tenant", {}, of<api::ExplainView>}},
      {"GET",
       "/barrio/v1/apps/{app}/releases",
       scope::apps_read,
       Whose::tenant,
       &HttpApi::list_releases,
       {"What was deployed under an app's name, the newest first", "tenant", {}, of<api::ReleaseList>}},
      {"POST",
       "/barrio/v1/apps/{app}/rollback",
       scope::apps_write,
       Whose::tenant,
       &HttpApi::roll_back,
       {"Deploy an earlier release again", "tenant", of<api::RollBack>, of<api::AppAnswer>}},
      {"PUT",
       "/barrio/v1/blobs/{sha256}",
       scope::apps_write,
       Whose::tenant,
       &HttpApi::put_blob,
       {.summary = "Keep a file of an app under its hash",
        .query = "tenant",
        .gives = of<api::BlobView>,
        .success = 201,
        .takes_media = "application/octet-stream"}},
      // Checked in the action: a site may read all, a tenant its own.
      {"GET",
       "/barrio/v1/blobs/{sha256}",
       "",
       Whose::anybody,
       &HttpApi::get_blob,
       {.summary = "A file of an app", .query = "tenant", .gives_media = "application/octet-stream"}},
  };
}

std::vector<HttpApi::Route> HttpApi::member_routes() {
  return {
      {"GET",
       "/barrio/v1/consoles",
       scope::sites_read,
       Whose::anybody,
       &HttpApi::consoles,
       {"Where browsers reach the members of control, and which one answers", {}, {}, of<api::ConsoleList>}},
      {"PUT",
       "/barrio/v1/members/blobs/{sha256}",
       scope::member,
       Whose::anybody,
       &HttpApi::take_copy,
       {.summary = "Among members of control: keep a copy of a file",
        .gives = of<api::BlobView>,
        .success = 201,
        .takes_media = "application/octet-stream"}},
      {"GET",
       "/barrio/v1/members/blobs/{sha256}",
       scope::member,
       Whose::anybody,
       &HttpApi::give_copy,
       {.summary = "Among members of control: a file that this one has", .gives_media = "application/octet-stream"}},
  };
}

std::vector<HttpApi::Route> HttpApi::tenant_routes() {
  return {
      {"POST",
       "/barrio/v1/tenants",
       scope::tenants_write,
       Whose::anybody,
       &HttpApi::add_tenant,
       {.summary = "A new tenant; its secret is shown once",
        .takes = of<api::NewTenant>,
        .gives = of<api::TenantCredentials>,
        .success = 201,
        .gives_secret = true}},
      {"GET",
       "/barrio/v1/tenants",
       scope::tenants_write,
       Whose::anybody,
       &HttpApi::list_tenants,
       {"All tenants", "limit after", {}, of<api::TenantList>}},
      {"PUT",
       "/barrio/v1/tenants/{tenant}/quota",
       scope::tenants_write,
       Whose::anybody,
       &HttpApi::put_quota,
       {"What a tenant may use; what is left out is the default", {}, of<TenantQuota>, of<TenantQuota>}},
      {"PATCH",
       "/barrio/v1/tenants/{tenant}/quota",
       scope::tenants_write,
       Whose::anybody,
       &HttpApi::change_quota,
       {"A part of what a tenant may use; what is left out stays as it is", {}, of<QuotaChange>, of<TenantQuota>}},
      {"POST",
       "/barrio/v1/tenants/{tenant}/keys",
       scope::apps_write,
       Whose::anybody,
       &HttpApi::create_key,
       {.summary = "A new API key; it is shown once",
        .takes = of<api::NewKey>,
        .gives = of<api::IssuedKey>,
        .success = 201,
        .gives_secret = true}},
      {"GET",
       "/barrio/v1/tenants/{tenant}/keys",
       scope::apps_read,
       Whose::anybody,
       &HttpApi::list_keys,
       {"A tenant's API keys", "limit after", {}, of<api::KeyList>}},
      {"DELETE",
       "/barrio/v1/tenants/{tenant}/keys/{key}",
       scope::apps_write,
       Whose::anybody,
       &HttpApi::revoke_key,
       {.summary = "Revoke an API key", .success = 204}},
  };
}

std::vector<HttpApi::Route> HttpApi::secret_routes() {
  return {
      {"PUT",
       "/barrio/v1/secrets/{secret}",
       scope::apps_write,
       Whose::tenant,
       &HttpApi::put_secret,
       {"A value that a tenant's containers and programs name, and nobody reads back", "tenant", of<api::NewSecret>,
        of<api::SecretView>}},
      {"GET",
       "/barrio/v1/secrets",
       scope::apps_read,
       Whose::tenant,
       &HttpApi::list_secrets,
       {"The names of a tenant's secrets", "tenant", {}, of<api::SecretList>}},
      {"DELETE",
       "/barrio/v1/secrets/{secret}",
       scope::apps_write,
       Whose::tenant,
       &HttpApi::delete_secret,
       {.summary = "Delete a secret that no app uses", .query = "tenant", .success = 204}},
  };
}

std::span<const HttpApi::Route> HttpApi::routes() {
  static const std::vector<Route> table = [] {
    std::vector<Route> all;
    for (auto part : {open_routes(), site_routes(), new_site_routes(), site_key_routes(), price_routes(),
                      spending_routes(), app_routes(), member_routes(), tenant_routes(), secret_routes(),
                      storage_routes(), tenant_storage_routes(), config_routes()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return table;
}

}  // namespace barrio::control
