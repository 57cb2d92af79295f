#pragma once
// Which app a request names: by its host, APP.TENANT.apps.SITE[.suffix], or by its path, /apps/APP/... (of the caller's
// tenant) and /apps/APP.TENANT/... Pure text; whether there is such an app is another question.

#include <optional>
#include <string>
#include <string_view>

#include "model/ids.h"
#include "net/http.h"

namespace barrio::gateway {

struct AppAddress {
  AppName app;
  TenantId tenant;          // empty: the caller's
  std::string_view prefix;  // of the path, not part of what the app sees: "/apps/street"; empty where the host names it
  std::string_view rest;    // path and query as the app sees them; may lack the leading '/'
};

/// None: not the name of an app. Any case, with or without port and final dot.
std::optional<AppAddress> app_by_host(std::string_view host, std::string_view target);
/// None: not under /apps/, or not followed by names.
std::optional<AppAddress> app_by_path(std::string_view target);
/// APP or APP.TENANT, as the field Barrio-App has it, where neither host nor path can tell: gRPC services that many
/// apps have in common. None: not the name of an app.
std::optional<AppAddress> app_by_name(std::string_view name, std::string_view target);
/// By whatever of these the request has, or /v2/models/APP/...; none: it is for no app.
std::optional<AppAddress> address_of(const net::RequestHead& head);
/// The target that names the app to any gateway, appended to `out`.
void append_gateway_target(const AppKey& app, std::string_view rest, std::string& out);
/// The target as the app sees it.
void append_app_target(std::string_view rest, std::string& out);

inline constexpr std::string_view models_prefix = "/v2/models/";
inline constexpr std::string_view apps_prefix = "/apps/";
inline constexpr std::string_view app_header = "Barrio-App";

}  // namespace barrio::gateway
