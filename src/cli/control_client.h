#pragma once
// Calls to control's API as one context: token, JSON both ways, problems as Errors.

#include <optional>
#include <string>

#include "base/json.h"
#include "cli/context.h"
#include "cli/http.h"

namespace barrio::cli {

/// "?a=1&b=2" of those that are not empty.
std::string query_of(std::initializer_list<std::pair<const char*, std::string>> parameters);

class ControlClient {
 public:
  ControlClient(Http& http, Context context) : http_(http), context_(std::move(context)) {}
  const Context& context() const { return context_; }
  /// `path` under /barrio/v1, such as "/sites". Errors: as problem() tells them, and the connection's.
  Result<Json> get(const std::string& path) { return call("GET", path, {}); }
  /// All pages of a list: an object whose member `items`, such as "sites", holds every one of them.
  Result<Json> list(const std::string& path, const std::string& items);
  /// Server-sent events, until then: `connected` is called when it begins to listen, and with false when it lost the
  /// connection; `told` with each one's kind and data. Goes on after that for as long as it takes, at another member
  /// where there is one, behind the last event that was told. Errors: unavailable (nobody answered in five seconds, to
  /// begin with), denied, as problem() tells them.
  Result<void> watch(const std::string& path, Time until, const std::function<void(bool)>& connected,
                     const std::function<void(std::string_view kind, const Json& event)>& told);
  /// The body as it comes.
  Result<std::string> get_text(const std::string& path) { return call_text("GET", path, {}); }
  Result<Json> put(const std::string& path, const Json& body) { return call("PUT", path, print_json(body)); }
  Result<Json> patch(const std::string& path, const Json& body) { return call("PATCH", path, print_json(body)); }
  Result<Json> post(const std::string& path, const Json& body) { return call("POST", path, print_json(body)); }
  Result<Json> remove(const std::string& path) { return call("DELETE", path, {}); }
  Result<void> put_blob(const std::string& sha256, std::string content);
  /// A bearer token, asked for once and kept.
  Result<std::string> token();

 private:
  Result<std::string> call_text(const std::string& method, const std::string& path, std::string body);
  Result<Json> call(const std::string& method, const std::string& path, std::string body);
  Result<void> choose_member();
  Result<net::Response> follow(const std::string& path, const std::string& last_id, Time until,
                               const std::function<void(std::string_view)>& piece);
  Result<net::Endpoint> leader_of(const net::Response& answer) const;
  Result<net::Response> send(net::Request request, Duration within);

  Http& http_;
  Context context_;
  std::optional<net::Endpoint> member_;  // of control, that answers
  std::string token_;
};

}  // namespace barrio::cli
