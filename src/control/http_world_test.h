#pragma once
// Control's HTTP surface over the world of control's tests, with an operator, two tenants and a site that have tokens.

#include <cstdlib>
#include <fstream>

#include "adapters/reactor_runtime/reactor_runtime.h"
#include "base/crypto.h"
#include "control/http_api.h"
#include "control/http_front.h"
#include "control/world_test.h"

namespace barrio::control {

inline ControlConfig with_accounts() {
  ControlConfig config;
  config.accounts.bootstrap = {{"ops", "ops-secret", "operator", "operator"},
                               {"traffic", "traffic-secret", "tenant", "traffic"},
                               {"harbour", "harbour-secret", "tenant", "harbour"},
                               {"bio1", "bio1-secret", "site", "bio1"}};
  return config;
}

struct HttpWorld : World {
  explicit HttpWorld(HttpConfig http = {}, BlobStore* kept = nullptr)
      : World(with_accounts(), kept), api(*control, metrics, std::move(http)) {}

  net::Response ask(const std::string& method, const std::string& target, const std::string& as = "",
                    const std::string& body = "") {
    net::Request request;
    request.method = method;
    request.target = target;
    request.body = body;
    if (!as.empty()) request.headers.emplace_back("Authorization", "Bearer " + token(as));
    return send(request);
  }
  net::Response send(const net::Request& request) {
    net::Response response = api.handle(request);
    record(request, response);
    return response;
  }
  /// For tests/clients/operator_api.sh, which holds all answers against the OpenAPI document.
  static void record(const net::Request& request, const net::Response& response) {
    const char* file = std::getenv("BARRIO_RECORD_ANSWERS");
    if (file == nullptr) return;
    static std::ofstream answers(file);
    answers << print_json(JsonObject{
                   {"method", request.method},
                   {"path", request.path()},
                   {"status", response.status},
                   {"media", net::find_header(response.headers, "Content-Type").value_or("")},
                   {"request", request.body},
                   {"body", response.body},
               })
            << std::endl;
  }
  std::string token(const std::string& client) {
    if (!tokens.contains(client)) {
      auto granted = control->accounts().grant({client, client + "-secret", {}});
      REQUIRE(granted);
      tokens[client] = granted->access_token;
    }
    return tokens[client];
  }
  int status(const std::string& method, const std::string& target, const std::string& as = "",
             const std::string& body = "") {
    return ask(method, target, as, body).status;
  }
  std::string app_json(const std::string& name, const std::string& area) {
    return print_json(to_json(people_app(name, area)));
  }

  Registry metrics;
  HttpApi api;
  std::map<std::string, std::string> tokens;
};

/// Control behind a socket, on a reactor. Not started.
struct SocketWorld {
  SocketWorld() {
    auto bound = front.listen(*net::SocketAddress::parse("127.0.0.1:0"));
    REQUIRE(bound);
    address = *bound;
  }
  static ControlConfig config() {
    ControlConfig config = with_accounts();
    config.network = spain();
    return config;
  }

  net::Reactor reactor;
  adapters::ReactorRuntime runtime{reactor};
  adapters::MemoryStateStore store{runtime};
  Control control{runtime, store, config()};
  Registry metrics;
  HttpApi api{control, metrics, {}};
  HttpFront front{runtime, reactor, api, {}};
  net::SocketAddress address;
};

inline Json json_of(const net::Response& response) {
  auto json = parse_json(response.body);
  REQUIRE_MESSAGE(json, response.body);
  return *json;
}

inline bool has_text(const std::string& text, std::string_view piece) {
  return text.find(piece) != std::string::npos;
}

}  // namespace barrio::control
