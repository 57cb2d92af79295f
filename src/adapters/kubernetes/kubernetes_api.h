#pragma once
// What is asked of a cluster's API server, over HTTPS. Each call parks the calling fiber; the server's own words stand
// in the errors. Who asks is shown by a token from a file, which is read again when it changes, or by the certificate
// of the endpoint's TLS.

#include <functional>
#include <optional>
#include <string>

#include "base/json.h"
#include "net/endpoint.h"
#include "net/http.h"
#include "ports/runtime.h"

namespace barrio::adapters::kubernetes {

/// One HTTP call that parks the calling fiber; main() binds adapters/reactor_runtime's fetch and stream to a client.
/// (Adapters do not see one another.)
using Fetch = std::function<Result<net::Response>(const net::Endpoint&, net::Request, Time deadline)>;
using TakePiece = std::function<bool(int status, std::string_view piece)>;
using Stream = std::function<Result<net::Response>(const net::Endpoint&, net::Request, Time deadline, TakePiece)>;

struct ApiConfig {
  net::Endpoint server;
  std::string token_file = {};  // empty: the certificate says who asks
  Duration call_within = 10s;   // of one call
  Duration patience = 30s;      // of all tries together, where the server asks for a pause
  Duration token_kept = 60s;    // read again after that; at once when it is refused
};

class KubernetesApi {
 public:
  KubernetesApi(ports::Runtime& runtime, Fetch fetch, Stream stream, ApiConfig config)
      : runtime_(runtime), fetch_(std::move(fetch)), stream_(std::move(stream)), config_(std::move(config)) {}

  /// Errors of all: unavailable (no answer, or the server fails, or refuses this site's credentials or rights),
  /// exhausted (it asks for a pause, for too long), not_found, conflict, invalid (it refuses the object).
  Result<Json> get(const std::string& target);
  /// Text, as of logs.
  Result<std::string> get_text(const std::string& target);
  /// Server-side apply: the object is as `object` says from now on, whoever else changed these fields. The object as it
  /// now is. What the server says of a Secret is not repeated.
  Result<Json> apply(const std::string& path, const Json& object);
  /// What it owns goes first. One that is not there is success.
  Result<void> remove(const std::string& path);
  /// An answer without an end, in pieces. Errors: as above for an answer of 400 and more; gone is not_found.
  Result<void> watch(const std::string& target, Duration within, const std::function<bool(std::string_view)>& take);

  ports::Runtime& runtime() { return runtime_; }

 private:
  Result<net::Response> call(const net::Request& request);
  Result<net::Request> with_token(net::Request request);
  Result<std::string> token();

  ports::Runtime& runtime_;
  Fetch fetch_;
  Stream stream_;
  const ApiConfig config_;
  std::string token_;
  std::optional<Time> token_read_;  // none: to be read
};

}  // namespace barrio::adapters::kubernetes
