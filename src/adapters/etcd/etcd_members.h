#pragma once
// Calls to whichever member of an etcd cluster answers: one after another, each with a deadline of its own.

#include <functional>
#include <vector>

#include "base/json.h"
#include "net/client.h"
#include "ports/runtime.h"

namespace barrio::adapters::etcd {

/// One HTTP call that parks the calling fiber; main() binds adapters/reactor_runtime's exchange to a client.
using CallEtcd =
    std::function<tl::expected<net::Response, net::CallError>(const net::Endpoint&, net::Request, Time deadline)>;

/// How a call failed. `unknown`: what was asked for may have been done, or may still be.
struct CallFailure {
  Error error;
  bool unknown = false;
  bool compacted = false;  // the revision asked for is not kept any more
};
using Answer = tl::expected<JsonObject, CallFailure>;

class Members {
 public:
  Members(ports::Runtime& runtime, CallEtcd call, std::vector<net::Endpoint> endpoints, Duration timeout);

  /// Asks the member that answered last; the next one each time that one cannot have done anything, until each was
  /// asked. `path` under /v3.
  Answer once(const std::string& path, const JsonObject& body);
  /// The same until `latest`, whatever became of it: for what may be done twice. Errors: as once()'s last.
  Answer until(Time latest, const std::string& path, const JsonObject& body);
  void rotate() { current_ = (current_ + 1) % endpoints_.size(); }

 private:
  Answer ask(const std::string& path, const std::string& body);
  Answer read(const net::Response& response);

  ports::Runtime& runtime_;
  CallEtcd call_;
  const std::vector<net::Endpoint> endpoints_;
  const Duration timeout_;
  size_t current_ = 0;
  std::string cluster_;  // its id: endpoints of two clusters must not be mixed
};

}  // namespace barrio::adapters::etcd
