#pragma once
// Inference in GRPCInferenceService (kserve open-inference-protocol, inference_grpc.md; inference.proto): messages in,
// values out, and back; no sockets and no framing (api/grpc). Both sides are here.
//
// Tensors travel raw or typed, one way for all of a message. Raw ones are copied once, whatever protobuf does.

#include <string>
#include <string_view>

#include "api/oip/message.h"

namespace barrio::api {

constexpr size_t max_bytes_elements = 1 << 20;  // of typed BYTES inputs

struct GrpcInferRequest {
  std::string model;
  std::string version;  // empty: the server's choice
  bool raw = true;      // how the tensors came
  InferRequest request;

  /// An answer takes the request's way, unless parameters.binary_data_output says raw.
  bool wants_raw() const { return raw || request.binary_output; }
};

/// Errors: invalid, naming the tensor or field.
Result<GrpcInferRequest> parse_grpc_infer_request(std::string_view message);
/// Appended to `out`. Errors: invalid (not raw, and FP16), naming the tensor.
Result<void> append_grpc_infer_request(const GrpcInferRequest& request, std::string& out);

Result<InferResponse> parse_grpc_infer_response(std::string_view message);
enum class TensorForm { raw, typed };
/// Appended to `out`. FP16 has no typed form: all outputs are raw where one is FP16.
Result<void> append_grpc_infer_response(const InferResponse& response, TensorForm form, std::string& out);

/// One answer on a ModelStreamInfer stream, appended to `out`: a message of append_grpc_infer_response, or an error
/// with the request's id.
void append_grpc_stream_response(std::string_view infer_response, std::string& out);
void append_grpc_stream_error(std::string_view what, std::string_view id, std::string& out);

}  // namespace barrio::api
