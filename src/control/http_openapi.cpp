// The OpenAPI document, made from the routes and from the structs that they read and answer.

#include "base/check.h"
#include "base/text.h"
#include "control/http_answer.h"
#include "control/http_api.h"

namespace barrio::control {

namespace {

struct Parameter {
  std::string_view name;
  std::string_view what;
};
constexpr Parameter query_parameters[] = {
    {"limit", "At most so many, from 1 to 1000 (without it: 1000)"},
    {"after", "Begin behind this one: the answer's `next`"},
    {"tenant", "Whose; a tenant's token says so itself"},
    {"app", "Of this app only"},
    {"bucket", "Of this bucket only"},
    {"site", "Of this site only"},
    {"from", "From this time on (RFC 3339); of usage whole hours"},
    {"to", "Before this time (RFC 3339); of usage whole hours"},
    {"by", "What to group by: tenant, app, bucket, site, to (where bytes went), and hour, day or month, with commas"},
    {"cost", "true: tell what it costs, too"},
    {"format", "json or csv"},
    {"Idempotency-Key",
     "Of the caller's own making: within 24 hours the same request with the same key changes nothing "
     "more, and is told the same"},
};

std::string_view explain_parameter(std::string_view name) {
  for (const Parameter& parameter : query_parameters) {
    if (parameter.name == name) return parameter.what;
  }
  CHECK(false);  // a route names a parameter that nothing explains
  return {};
}

JsonObject parameter(std::string_view name, std::string_view in) {
  JsonObject made{{"name", name}, {"in", in}, {"required", in == "path"}};
  made["schema"] = JsonObject{{"type", name == "limit" ? "integer" : "string"}};
  if (in != "path") made["description"] = explain_parameter(name);
  return made;
}

JsonObject content(std::string_view media, Json schema) {
  return {{media, JsonObject{{"schema", std::move(schema)}}}};
}

/// get /barrio/v1/apps/{app}/explain is get_apps_app_explain.
std::string operation_id(std::string_view method, std::string_view pattern) {
  std::string id = to_lower(method);
  if (pattern.starts_with("/barrio/v1")) pattern.remove_prefix(10);
  for (const char c : pattern) {
    if (c == '/' || c == '.' || c == '-') id += '_';
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') id += c;
  }
  return id;
}

}  // namespace

JsonArray HttpApi::parameters_of(const Route& route) {
  JsonArray parameters;
  for (const std::string_view segment : split(route.pattern, '/')) {
    if (segment.starts_with('{')) parameters.push_back(parameter(segment.substr(1, segment.size() - 2), "path"));
  }
  for (const std::string_view name : split(route.about.query, ' ')) {
    if (!name.empty()) parameters.push_back(parameter(name, "query"));
  }
  if (may_come_again(route)) parameters.push_back(parameter("Idempotency-Key", "header"));
  return parameters;
}

JsonObject HttpApi::operation(const Route& route, JsonSchemas& schemas) {
  const About& about = route.about;
  JsonObject made{{"operationId", operation_id(route.method, route.pattern)}, {"summary", about.summary}};
  if (JsonArray parameters = parameters_of(route); !parameters.empty()) made["parameters"] = std::move(parameters);
  if (about.takes != nullptr || !about.takes_media.empty()) {
    const Json schema = about.takes != nullptr ? about.takes(schemas) : JsonObject{};
    const std::string_view media = about.takes_media.empty() ? "application/json" : about.takes_media;
    made["requestBody"] = JsonObject{{"required", true}, {"content", content(media, schema)}};
  }
  JsonObject good{{"description", about.summary}};
  if (about.success != 204) {
    const std::string_view media = about.gives_media.empty() ? "application/json" : about.gives_media;
    good["content"] = content(media, about.gives != nullptr ? about.gives(schemas) : JsonObject{});
  }
  const bool token = route.action == &HttpApi::token;  // RFC 6749 section 5.2 says how its errors look
  Json wrong = token ? content("application/json", JsonObject{{"type", "object"}, {"required", JsonArray{"error"}}})
                     : content(api::problem_content_type, schemas.of<api::Problem>());
  JsonObject responses{{std::to_string(about.success), std::move(good)}};
  // What was there is answered with 200, what is made with 201.
  if (route.action == &HttpApi::put_app || route.action == &HttpApi::put_site) responses["201"] = responses["200"];
  responses["default"] = JsonObject{{"description", "Why not"}, {"content", std::move(wrong)}};
  made["responses"] = std::move(responses);
  if (route.whose == Whose::operator_over_tls) {
    made["security"] = JsonArray{JsonObject{}, JsonObject{{"client_credentials", JsonArray{}}}};
  } else if (route.whose != Whose::nobody) {
    JsonArray scopes;
    if (!route.scope.empty()) scopes.emplace_back(route.scope);
    made["security"] = JsonArray{JsonObject{{"client_credentials", std::move(scopes)}}};
  } else {
    made["security"] = JsonArray{};
  }
  return made;
}

net::Response HttpApi::openapi(const Call&) {
  JsonSchemas schemas;
  JsonObject paths;
  JsonObject scopes;
  for (const Route& route : routes()) {
    Json& path = paths[route.pattern];
    if (!path.is_object()) path = JsonObject{};
    path.get_object()[to_lower(route.method)] = operation(route, schemas);
    if (!route.scope.empty()) scopes[route.scope] = "";
  }
  const JsonObject flow{
      {"clientCredentials", JsonObject{{"tokenUrl", "/oauth2/token"}, {"scopes", std::move(scopes)}}}};
  const JsonObject security{{"client_credentials", JsonObject{{"type", "oauth2"}, {"flows", flow}}}};
  return answer_json(
      200,
      JsonObject{{"openapi", "3.1.0"},
                 {"info", JsonObject{{"title", "Barrio operator API"},
                                     {"version", "1"},
                                     {"license", JsonObject{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
                 {"paths", std::move(paths)},
                 {"components", JsonObject{{"schemas", schemas.named()}, {"securitySchemes", security}}}});
}

}  // namespace barrio::control
