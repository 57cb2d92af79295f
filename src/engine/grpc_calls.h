#pragma once
// The calls that GrpcFront has open: one object for each, from its head to its end.

#include <memory>

#include "engine/grpc_exchange.h"
#include "engine/grpc_front.h"
#include "engine/grpc_inference.h"
#include "engine/request_fields.h"

namespace barrio::engine {

/// What all calls of a front share.
struct GrpcParts {
  net::Reactor& reactor;
  InferenceService& service;
  ModelRepository& repository;
  FrontMetrics& metrics;
  const GrpcFrontConfig& config;

  GrpcInferenceParts inference() const { return {reactor, service, metrics}; }
};

class GrpcCall {
 public:
  virtual ~GrpcCall() = default;
  virtual void on_body(std::string_view piece) = 0;
  virtual void on_end() = 0;
  virtual void on_writable() {}
};

/// For the method that the exchange's path names; one that is not known, or a head that is refused, is answered here.
std::shared_ptr<GrpcCall> open_grpc_call(net::Exchange& exchange, const GrpcParts& parts);

/// ModelStreamInfer: requests in, answers out in the same order; an error is an answer, and the stream goes on.
std::shared_ptr<GrpcCall> open_grpc_stream(net::Exchange& exchange, const GrpcParts& parts, RequestFields fields);

}  // namespace barrio::engine
