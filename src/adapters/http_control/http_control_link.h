#pragma once
// ports::ControlLink over HTTP: a site's token from control's own token endpoint, then sync and blobs. Runs on the
// agent's loop; several fibers may call it at once.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/operator/site_keys.h"
#include "net/endpoint.h"
#include "net/http.h"
#include "ports/control_link.h"
#include "ports/runtime.h"
#include "ports/storage_control.h"

namespace barrio::adapters {

/// One HTTP call that parks the calling fiber; main() binds adapters/reactor_runtime's fetch to a client. (Adapters do
/// not see one another.)
using FetchControl = std::function<Result<net::Response>(const net::Endpoint&, net::Request, Time deadline)>;

struct HttpControlConfig {
  std::vector<net::Endpoint> members;  // of control; any of them answers
  SiteId site;
  std::string client_id;
  std::string client_secret;
  Duration call_timeout = 5s;
  Duration blob_timeout = 60s;
  std::function<void(WallTime)> on_time = {};  // what time it is at control, with every answer of it
};

class HttpControlLink final : public ports::ControlLink, public ports::StorageControl {
 public:
  HttpControlLink(ports::Runtime& runtime, FetchControl fetch, HttpControlConfig config);

  Result<SiteOrders> sync(const SiteReport& report) override;
  Result<std::string> fetch_blob(const std::string& sha256) override;
  Result<StorageAnswer> pull(const StorageReport& report) override;
  Result<Bucket> create_bucket(const SiteBucketRequest& request) override;
  Result<Bucket> report_copy(const CopyReport& report) override;
  Result<void> delete_bucket(const Bucket& bucket) override;
  /// Asks to be let in with a key, and for its certificate. Errors: those of sync(), exhausted.
  Result<api::JoinAnswer> join(const api::JoinRequest& request);

 private:
  /// JSON both ways. `path` under the site's own.
  template <class Answer, class Body>
  Result<Answer> post(const std::string& path, const Body& body);
  Result<void> renew_token();
  /// Asks the member that answered last, and each other one when that is away.
  Result<net::Response> ask(const net::Request& request, Duration timeout);
  void tell_time(const net::Response& answer) const;
  /// Adds the token; gets a new one where needed, and once more when control answers 401.
  Result<net::Response> call(const net::Request& request, Duration timeout);

  ports::Runtime& runtime_;
  FetchControl fetch_;
  HttpControlConfig config_;
  size_t member_ = 0;
  std::string token_;
  Time renew_at_{};  // before the token expires
};

}  // namespace barrio::adapters
