#pragma once
// The Open Inference Protocol v2 over REST, before an InferenceService. Takes every request that no other front does.
//
//   GET  /v2, /v2/health/live, /v2/health/ready, /v2/models/NAME[/versions/V][/ready], /metrics
//   POST /v2/models/NAME[/versions/V]/infer
//
// Request fields: Barrio-Deadline-Ms: 120.5    what is left of its time at its first byte
//                 Barrio-Class: hard | soft | best_effort
//                 Barrio-Tenant: NAME
// Answer fields:  Server-Timing: queue;dur=1.234, compute;dur=30.100        milliseconds
//                 Barrio-Load: waiting=2           requests that wait for the model, without those that run
//                 Retry-After, Barrio-Earliest-Ms  with 429: when, or with how much time, it would have been taken
//
// 429: declined at arrival; 503: given up in the queue, or not ready. Live as soon as it listens; ready when every
// model that is to be served is. Large JSON is parsed and printed on threads; binary tensors are moved, not copied.
// Lives on the loop.

#include <memory>
#include <string>
#include <unordered_map>

#include "api/oip/message.h"
#include "base/metrics.h"
#include "engine/front.h"
#include "engine/front_metrics.h"
#include "engine/inference_service.h"
#include "engine/model_repository.h"
#include "engine/work_queue.h"

namespace barrio::engine {

struct RestLimits {
  uint64_t body_bytes = 16 * 1024 * 1024;  // of one body; over it: 413
  size_t json_on_loop = 16 * 1024;         // bytes of JSON that are parsed or printed on the loop
  size_t held_bytes = 512 * 1024 * 1024;   // of all bodies; over it: 503
};

class RestFront final : public Front {
 public:
  /// All outlive it. `codec` does what would keep the loop.
  RestFront(net::Reactor& reactor, InferenceService& service, const ModelRepository& models, WorkQueue& codec,
            Registry& registry, RestLimits limits = {});
  ~RestFront();
  RestFront(const RestFront&) = delete;
  RestFront& operator=(const RestFront&) = delete;

  bool takes(const net::RequestHead&) const override { return true; }
  void on_head(net::Exchange& exchange) override;
  void on_body(net::Exchange& exchange, std::string_view piece) override;
  void on_end(net::Exchange& exchange) override;
  void on_writable(net::Exchange&) override {}
  void on_closed(net::Exchange& exchange, bool aborted) override;

  /// Every model that is to be served is.
  bool ready() const;
  /// No request is open.
  bool idle() const { return calls_.empty(); }

 private:
  struct Call;
  using CallPtr = std::shared_ptr<Call>;

  void model_request(Call& call, std::string_view rest);
  void infer(const CallPtr& call);
  Result<void> read_fields(Call& call) const;
  void parsed(const CallPtr& call, Result<api::InferRequest> request);
  void served(const CallPtr& call, Served served);
  void print(const CallPtr& call, ports::Outputs outputs);
  void answer(Call& call, net::Response response);
  void refuse_held(Call& call);
  void refuse_long(Call& call);
  std::optional<net::Response> server_response(std::string_view path) const;

  net::Reactor& reactor_;
  InferenceService& service_;
  const ModelRepository& models_;
  WorkQueue& codec_;
  Registry& registry_;
  FrontMetrics metrics_;
  RestLimits limits_;
  std::unordered_map<net::Exchange*, CallPtr> calls_;
  size_t held_ = 0;
  Gauge& held_gauge_;
};

}  // namespace barrio::engine
