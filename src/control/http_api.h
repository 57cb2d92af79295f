#pragma once
// Control's HTTP surface as a function of a request: /oauth2, /.well-known, /barrio/v1, /metrics, /healthz and the
// console. Needs no socket; control/http_front.h puts one in front.

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/operator/problem.h"
#include "base/json_schema.h"
#include "base/metrics.h"
#include "base/text.h"
#include "control/consoles.h"
#include "control/control.h"
#include "control/forwarding.h"
#include "net/http.h"

namespace barrio::control {

/// A file of the console; views into the binary.
struct ConsoleFile {
  std::string content_type;
  std::string_view bytes;
  std::string etag;  // with its quotes
};

struct HttpConfig {
  bool open_console = false;                  // what the console reads, without a token
  std::map<std::string, ConsoleFile> assets;  // by path: "/index.html" (also served at "/"), "/assets/..."
  std::string content_security_policy;        // of the console's pages
  Consoles consoles = {};                     // all members'; empty: this control is alone
  size_t most_json_bytes = 1024 * 1024;
  Forwarding* forwarding = nullptr;  // null: this control is alone
  /// A site's token counts only on a connection with that site's certificate (model/site_identity.h), whose key the
  /// operator has approved.
  bool sites_have_certificates = false;
};

class HttpApi {
 public:
  HttpApi(Control& control, Registry& metrics, HttpConfig config);
  /// How the request came.
  enum class Over { clear, tls };
  /// In a fiber; may park. Never fails: errors are answers.
  net::Response handle(const net::Request& request, Over over = Over::clear) {
    std::optional<Watch> watch;
    return handle(request, watch, over);
  }
  /// Of an answer that goes on: what has yet to be sent.
  struct Watch {
    int64_t after = 0;  // an event's id
    TenantId viewer;
    WallTime expires;  // the token that allowed it
  };
  /// The same, where an answer can go on: if `watch` is set, the response is its beginning.
  net::Response handle(const net::Request& request, std::optional<Watch>& watch, Over over);
  /// The events behind `watch`, which moves on, as text; waits for one until then. Empty: there is none.
  std::string next_events(Watch& watch, Time until);
  /// Its token has not expired, and this member still leads: only who leads hears of sites.
  bool may_go_on(const Watch& watch) const;

 private:
  /// One request after its route was found and its token was checked.
  struct Call {
    const net::Request& request;
    std::vector<std::string> params;  // the route's {...}, decoded
    api::Identity who;
    TenantId tenant;  // whose apps: the caller's, or the one that an operator names; empty: the operator itself
    std::optional<Once> once = {};
    std::optional<Watch>* watch = nullptr;
    Over over = Over::clear;
  };
  using Action = net::Response (HttpApi::*)(const Call&);
  /// Needs no token; over TLS an operator's; may name a tenant; must have one.
  enum class Whose { nobody, operator_over_tls, anybody, tenant };
  using Schema = Json (*)(JsonSchemas&);
  /// What the OpenAPI document says of a route beside its path.
  struct About {
    std::string_view summary;
    std::string_view query = {};  // parameters, separated by spaces; http_openapi.cpp explains each
    Schema takes = nullptr;       // the body's; none: as takes_media says, or no body
    Schema gives = nullptr;
    int success = 200;
    std::string_view takes_media = {};
    std::string_view gives_media = {};  // where it is not JSON
    bool gives_secret = false;          // told once: no answer of it is kept
  };
  struct Route {
    std::string_view method;
    std::string_view pattern;  // a segment {name} takes anything
    std::string_view scope;
    Whose whose;
    Action action;
    About about;
  };
  static std::span<const Route> routes();  // http_routes.cpp
  static std::vector<Route> open_routes();
  static std::vector<Route> site_routes();
  static std::vector<Route> site_key_routes();  // http_site_keys.cpp
  static std::vector<Route> new_site_routes();  // http_sites.cpp
  static std::vector<Route> price_routes();     // http_prices.cpp
  static std::vector<Route> spending_routes();  // there, too
  static std::vector<Route> app_routes();
  static std::vector<Route> member_routes();  // among members of control
  static std::vector<Route> tenant_routes();
  static std::vector<Route> secret_routes();
  static std::vector<Route> storage_routes();         // http_storage.cpp
  static std::vector<Route> tenant_storage_routes();  // there, too
  static std::vector<Route> config_routes();          // http_config.cpp
  static JsonObject operation(const Route& route, JsonSchemas& schemas);
  static JsonArray parameters_of(const Route& route);

  net::Response dispatch(const net::Request& request, std::optional<Watch>& watch, Over over);
  static Result<void> check_query(const Route& route, const net::Request& request);
  static bool answered_by_each(const Route& route);
  net::Response events(const Call& call);
  net::Response perform(const Route& route, Call call);
  static bool may_come_again(const Route& route);
  net::Response act(const Route& route, Call& call);
  std::optional<net::Response> admit(const Route& route, Call& call);
  Result<void> admit_site(const Route& route, const SiteId& site, const net::Request& request);
  Result<std::string> key_of(const SiteId& site, const net::Request& request);
  std::optional<net::Response> console(const net::Request& request) const;  // http_console.cpp
  static bool is_of_console(const Route& route);
  void share_with_consoles(const net::Request& request, net::Response& response) const;

  net::Response openapi(const Call& call);
  net::Response token(const Call& call);
  net::Response keys(const Call& call);
  net::Response health(const Call& call);
  net::Response exposition(const Call& call);
  net::Response list_sites(const Call& call);
  net::Response show_site(const Call& call);
  net::Response activate(const Call& call);
  net::Response drain(const Call& call);
  net::Response retire(const Call& call);
  net::Response set_status(const Call& call, SiteStatus status);
  Result<Site> site_of(const Call& call) const;
  net::Response put_site(const Call& call);
  net::Response set_site(const Call& call);
  net::Response add_site_account(const Call& call);
  net::Response sync(const Call& call);
  net::Response join(const Call& call);
  net::Response list_site_keys(const Call& call);
  net::Response approve_site(const Call& call);
  net::Response revoke_site(const Call& call);
  net::Response list_apps(const Call& call);
  net::Response show_app(const Call& call);
  net::Response put_app(const Call& call);
  net::Response delete_app(const Call& call);
  net::Response explain(const Call& call);
  net::Response list_releases(const Call& call);
  net::Response roll_back(const Call& call);
  net::Response tell(const tl::expected<Deployed, Rejected>& deployed) const;
  net::Response put_blob(const Call& call);
  net::Response take_copy(const Call& call);
  net::Response give_copy(const Call& call);
  net::Response get_blob(const Call& call);
  net::Response add_tenant(const Call& call);
  net::Response list_tenants(const Call& call);
  net::Response put_quota(const Call& call);
  net::Response change_quota(const Call& call);
  net::Response create_key(const Call& call);
  net::Response list_keys(const Call& call);
  net::Response revoke_key(const Call& call);
  net::Response put_secret(const Call& call);
  net::Response list_secrets(const Call& call);
  net::Response delete_secret(const Call& call);
  net::Response pull_storage(const Call& call);
  net::Response report_copy(const Call& call);
  net::Response site_creates_bucket(const Call& call);
  net::Response site_deletes_bucket(const Call& call);
  net::Response list_buckets(const Call& call);
  net::Response storage_sums(const Call& call);
  net::Response put_bucket(const Call& call);
  net::Response put_copies(const Call& call);
  net::Response show_bucket(const Call& call, const BucketName& name);
  net::Response create_s3_key(const Call& call);
  net::Response list_s3_keys(const Call& call);
  net::Response revoke_s3_key(const Call& call);
  net::Response erase_tenant(const Call& call);
  net::Response erasure(const Call& call);
  net::Response show_config(const Call& call);
  net::Response retry_config(const Call& call);
  net::Response force_config(const Call& call);
  net::Response show_network(const Call& call);
  net::Response put_network(const Call& call);
  net::Response live(const Call& call);
  net::Response consoles(const Call& call);
  net::Response usage(const Call& call);
  net::Response put_prices(const Call& call);
  net::Response list_prices(const Call& call);
  net::Response show_tenant(const Call& call);
  net::Response put_spend_cap(const Call& call);
  net::Response remove_spend_cap(const Call& call);
  net::Response audit(const Call& call);
  static Author author(const Call& call) { return {call.who.subject, call.who.role, call.once}; }
  /// The body as a described struct, or an error with the field's path.
  template <class T>
  Result<T> body(const Call& call) const {
    if (call.request.body.size() > config_.most_json_bytes) {
      return fail(Code::invalid, "is longer than " + std::to_string(config_.most_json_bytes) + " bytes", "body");
    }
    auto json = parse_json(call.request.body);
    if (!json) return fail(std::move(json).error().within("body"));
    auto read = from_json<T>(*json);
    if (!read && read.error().where.empty()) return fail(std::move(read).error().within("body"));
    return read;
  }
  /// `items` from behind the one that ?after= names, at most ?limit= of them, and in `next` what to ask for after them.
  /// Errors: invalid.
  template <class Item>
  static Result<std::vector<Item>> page(const Call& call, std::vector<Item> items, std::string (*name)(const Item&),
                                        std::optional<std::string>& next);
  /// The tenant in the path: a tenant's own, or any that an operator names.
  static Result<TenantId> tenant_in_path(const Call& call);
  static Result<SiteId> site_in_path(const Call& call);

  static constexpr size_t most_listed = 1000;

  Control& control_;
  Registry& metrics_;
  HttpConfig config_;
};

template <class Item>
Result<std::vector<Item>> HttpApi::page(const Call& call, std::vector<Item> items, std::string (*name)(const Item&),
                                        std::optional<std::string>& next) {
  const auto asked = net::query_value(call.request.query(), "limit");
  const auto limit = asked ? parse_uint(*asked) : most_listed;
  if (!limit || *limit < 1 || *limit > most_listed) {
    return fail(Code::invalid, "must be from 1 to " + std::to_string(most_listed), "limit");
  }
  if (const auto after = net::query_value(call.request.query(), "after")) {
    const auto found = std::ranges::find(items, *after, name);
    if (found == items.end()) {
      return fail(Code::invalid, "'" + after->substr(0, 80) + "' is not in the list any more: begin again", "after");
    }
    items.erase(items.begin(), found + 1);
  }
  if (items.size() > *limit) {
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(*limit), items.end());
    next = name(items.back());
  }
  return items;
}

}  // namespace barrio::control
