#pragma once
// What a browser needs to hear before it lets a page call an app, as the app's file says (model/cors.h): answers to its
// preflights, and fields of every answer. Pages send a token or key by themselves, never what the browser keeps, so
// nothing is said of credentials. Views live as long as the exchange.

#include <vector>

#include "model/app.h"
#include "net/http.h"

namespace barrio::gateway {

/// What holds for one request.
struct CorsGrant {
  bool said = false;             // its app's file says something; else it is the app's own business
  std::string_view origin = {};  // that may read the answer; empty: nobody else's
  Duration max_age{};
  bool by_origin() const { return origin != "*"; }
};

/// A browser's question, and not a call of the app.
bool is_preflight(const net::RequestHead& head);
/// `app` null: there is none.
CorsGrant cors_of(const App* app, const net::RequestHead& head);
/// For an answer, in place of what the app says of it.
void add_cors(const CorsGrant& grant, std::vector<net::Header>& headers);

}  // namespace barrio::gateway
