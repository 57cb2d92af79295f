#pragma once
// One inference of a gRPC call: from the bytes of a ModelInferRequest to those of its answer.

#include <functional>
#include <string>

#include "engine/front_metrics.h"
#include "engine/grpc_exchange.h"
#include "engine/inference_service.h"
#include "engine/request_fields.h"

namespace barrio::engine {

struct GrpcAnswer {
  std::string id;     // the request's, where it could be read
  std::string frame;  // room for the prefix, and a ModelInferResponse; or
  std::optional<GrpcFailure> failure = {};
  Times times = {};
  size_t waiting = 0;
};

/// Declined at arrival: RESOURCE_EXHAUSTED; given up later, or not ready: UNAVAILABLE; unknown: NOT_FOUND.
GrpcFailure grpc_failure(const Declined& declined);

struct GrpcInferenceParts {
  net::Reactor& reactor;
  InferenceService& service;
  FrontMetrics& metrics;
};

/// As InferenceService::submit: `done` is called once, possibly before this returns. 0: it has been called; nothing to
/// cancel.
uint64_t submit_grpc(const GrpcInferenceParts& parts, std::string_view message, const RequestFields& fields,
                     Time arrived, std::function<void(GrpcAnswer)> done);

}  // namespace barrio::engine
