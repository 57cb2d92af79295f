#pragma once
// One remote model, over REST or gRPC. Calls block.

#include <memory>

#include "adapters/oip/oip_settings.h"

namespace barrio::adapters::oip {

struct RemoteFailure {
  Error error;
  bool of_request = false;  // the server ran or read the request and failed it: sent alone, others may work
};
template <class T>
using RemoteResult = tl::expected<T, RemoteFailure>;

/// Bytes of an answer about a model.
inline constexpr size_t most_metadata = 1u << 20;

/// How long an answer is of use, and how long it is waited for: until then the server is at it, and would be at it
/// still when it got the next request.
struct Until {
  Time deadline{};
  Time given_up{};
};

class Remote {
 public:
  virtual ~Remote() = default;
  /// Name, platform, tensors; max_batch is the server's own limit, 0: it does not say (Triton does, in its model
  /// configuration extension).
  virtual RemoteResult<ports::ModelInfo> describe(Time deadline) = 0;
  /// Tells the server what is left until the deadline. Not sent if nothing is.
  virtual RemoteResult<ports::Outputs> infer(const ports::InferenceRequest& request, const Until& until) = 0;
};

std::unique_ptr<Remote> make_rest_remote(const OipSettings& settings);
std::unique_ptr<Remote> make_grpc_remote(const OipSettings& settings);

/// A request's parameters with Triton's `timeout`: what is left, in microseconds; it bounds the wait in its queue.
ports::Parameters with_timeout(ports::Parameters parameters, Duration left);

/// What a server said, cut to a line: "model resnet at 127.0.0.1:8000 answered 500: out of memory".
std::string said(const OipSettings& settings, const std::string& status, std::string_view text);

}  // namespace barrio::adapters::oip
