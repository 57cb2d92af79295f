#pragma once
// The Open Inference Protocol over gRPC (service inference.GRPCInferenceService), on the same listener as REST: over
// HTTP/2, in clear or with TLS. With Triton's ModelStreamInfer, ModelConfig, ModelStatistics and Repository calls.
//
// A call's time is grpc-timeout (request_fields.h). What cannot make it is RESOURCE_EXHAUSTED at once, with
// grpc-retry-pushback-ms where it is known when it would work. Answers carry Server-Timing and Barrio-Load as metadata.
// Compressed messages are UNIMPLEMENTED.

#include <functional>

#include "engine/front.h"
#include "engine/front_metrics.h"
#include "engine/inference_service.h"
#include "engine/model_repository.h"
#include "engine/repository_answers.h"

namespace barrio::engine {

struct GrpcFrontConfig {
  size_t message_bytes = 16 * 1024 * 1024;  // over it: RESOURCE_EXHAUSTED
  size_t stream_requests = 32;              // of one ModelStreamInfer, not answered yet; over it: it is not read on
  RepositoryRights rights = RepositoryRights::show;
  std::function<WallTime()> wall = {};  // for ModelStatistics; none: last_inference is 0
};

class GrpcFront final : public Front {
 public:
  GrpcFront(net::Reactor& reactor, InferenceService& service, ModelRepository& repository, Registry& registry,
            GrpcFrontConfig config);

  bool takes(const net::RequestHead& head) const override;
  void on_head(net::Exchange& exchange) override;
  void on_body(net::Exchange& exchange, std::string_view piece) override;
  void on_end(net::Exchange& exchange) override;
  void on_writable(net::Exchange& exchange) override;
  void on_closed(net::Exchange& exchange, bool aborted) override;

  /// No call is open.
  bool idle() const { return open_ == 0; }

 private:
  net::Reactor& reactor_;
  InferenceService& service_;
  ModelRepository& repository_;
  FrontMetrics metrics_;
  GrpcFrontConfig config_;
  size_t open_ = 0;
};

}  // namespace barrio::engine
