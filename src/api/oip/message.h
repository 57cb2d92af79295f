#pragma once
// The Open Inference Protocol v2 over HTTP/REST (kserve open-inference-protocol, inference_rest.md) with Triton's
// binary tensor data extension. Bytes in, values out, and back; no sockets. Both sides are here: the engine parses
// requests and prints responses, `barrio infer` does the reverse.
//
// A message is a JSON object, followed by the binary tensors where there are any; then the header field
// Inference-Header-Content-Length carries the length of the JSON part (`json_length` here).
// Unknown members are skipped, as other clients of the protocol send members of their own.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ports/inference_backend.h"

namespace barrio::api {

inline constexpr std::string_view json_length_header = "Inference-Header-Content-Length";

/// As the server metadata of REST and gRPC have it, at engines and gateways.
inline constexpr std::string_view server_version = "0.1.0";
/// Of Triton's extensions, those that are spoken here.
inline constexpr std::string_view server_extensions[] = {"binary_tensor_data", "generate",   "model_configuration",
                                                         "model_repository",   "parameters", "statistics"};

struct RequestedOutput {
  std::string name;
  std::optional<bool> binary;  // none: as InferRequest::binary_output says
};

struct InferRequest {
  std::string id;
  std::string stream;          // parameters.stream: requests of one camera share it
  bool binary_output = false;  // parameters.binary_data_output
  std::vector<ports::Tensor> inputs;
  std::vector<RequestedOutput> outputs;  // empty: all of the model
  ports::Parameters parameters = {};     // without those above

  bool wants_binary(std::string_view output) const;
};

struct InferResponse {
  std::string model_name;
  std::string id;
  std::vector<ports::Tensor> outputs;
  std::string model_version = {};  // may be empty
};

/// A body as it goes over the wire.
struct Message {
  std::string body;
  std::optional<size_t> json_length;  // none: all of it is JSON
};

/// A request's body whose parts were told apart as they arrived, so that a large tensor is not copied once more.
struct SplitBody {
  std::string json;
  std::string tail;                   // the binary data behind it
  std::optional<size_t> json_length;  // as announced; none: all of it is JSON
};

constexpr size_t max_tensors = 64;
constexpr size_t max_text = 256;  // bytes of a name, an id, a stream

/// `json_length` 0 is a raw binary request: the body is the data of the only input of `model` (a BYTES input takes it
/// as its one element) and all outputs are wanted in binary. Errors: invalid, naming the tensor.
Result<InferRequest> parse_infer_request(std::string_view body, std::optional<size_t> json_length,
                                         const ports::ModelInfo& model);
/// The same; binary data that is one tensor's alone is moved into it.
Result<InferRequest> parse_infer_request(SplitBody body, const ports::ModelInfo& model);
/// Inputs go as binary data if `binary_inputs`. Errors: invalid (see print_infer_response).
Result<Message> print_infer_request(const InferRequest& request, bool binary_inputs);

Result<InferResponse> parse_infer_response(std::string_view body, std::optional<size_t> json_length);
/// `request` says which outputs go as binary data. Errors: invalid for what JSON cannot carry (FP16, NaN, infinities,
/// BYTES that are not UTF-8), naming the tensor.
Result<Message> print_infer_response(const InferResponse& response, const InferRequest& request);

std::string print_server_metadata();
std::string print_model_metadata(const ports::ModelInfo& model, std::span<const std::string> versions);
/// Triton's model configuration, as far as a model has one here.
std::string print_model_config(const ports::ModelInfo& model);
Result<ports::ModelInfo> parse_model_metadata(std::string_view body);
std::string print_model_ready(std::string_view model, bool ready);
std::string print_error(std::string_view what);
/// The text of an error object; the body itself where it is none.
std::string parse_error(std::string_view body);

}  // namespace barrio::api
