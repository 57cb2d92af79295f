#include "api/oip/grpc_infer.h"

#include <inference.pb.h>

#include <map>

#include "api/oip/grpc_parse.h"
#include "api/oip/parameters.h"
#include "api/oip/tensor_contents.h"
#include "api/oip/wire.h"
#include "ports/tensor.h"

namespace barrio::api {

using ports::DataType;
using ports::Tensor;

namespace {

constexpr uint32_t raw_inputs_field = 7;
constexpr uint32_t raw_outputs_field = 6;
/// A dimension takes ten bytes at most, and more are not read anyway.
constexpr WireLimit contents_limits[] = {{8, max_bytes_elements, "bytes_contents"}};
constexpr WireLimit tensor_limits[] = {
    {3, ports::max_tensor_rank, "shape"}, {4, max_parameters, "parameters"}, {5, 1, "contents", contents_limits}};
constexpr WireLimit requested_limits[] = {{2, max_parameters, "parameters"}};
constexpr WireLimit request_limits[] = {{4, max_parameters, "parameters"},
                                        {5, max_tensors, "inputs", tensor_limits},
                                        {6, max_tensors, "outputs", requested_limits},
                                        {raw_inputs_field, max_tensors, "raw_input_contents"}};
constexpr WireLimit response_limits[] = {{4, max_parameters, "parameters"},
                                         {5, max_tensors, "outputs", tensor_limits},
                                         {raw_outputs_field, max_tensors, "raw_output_contents"}};

/// A message without its raw tensors, and these.
struct Split {
  std::string kept;       // used if anything was taken out
  std::string_view rest;  // what protobuf parses
  std::vector<std::string_view> raw;
};

Result<void> split_message(std::string_view message, std::span<const WireLimit> limits, uint32_t raw_field,
                           Split& into) {
  TRY_DO(check_wire(message, limits));
  WireReader reader(message);
  WireField field;
  size_t taken_out = 0;
  for (;;) {
    TRY(const bool more, reader.next(field));
    if (!more) break;
    if (field.number != raw_field || field.type != WireType::bytes) continue;
    into.raw.push_back(field.bytes);
    taken_out += field.whole.size();
  }
  into.rest = message;
  if (taken_out == 0) return {};
  into.kept.reserve(message.size() - taken_out);
  WireReader again(message);
  for (;;) {
    TRY(const bool more, again.next(field));
    if (!more) break;
    if (field.number != raw_field || field.type != WireType::bytes) into.kept += field.whole;
  }
  into.rest = into.kept;
  return {};
}

Result<void> check_text(std::string_view text, std::string_view where) {
  if (text.size() <= max_text) return {};
  return fail(Code::invalid, "is longer than " + std::to_string(max_text) + " bytes", std::string(where));
}

template <class Map>
Result<ports::Parameters> parameters_of(const Map& map) {
  using inference::InferParameter;
  std::map<std::string, ports::Parameter> sorted;  // the map of the message has no order
  for (const auto& [name, value] : map) {
    switch (value.parameter_choice_case()) {
      case InferParameter::kBoolParam: sorted[name] = value.bool_param(); break;
      case InferParameter::kInt64Param: sorted[name] = int64_t{value.int64_param()}; break;
      case InferParameter::kStringParam: sorted[name] = value.string_param(); break;
      case InferParameter::kDoubleParam: sorted[name] = value.double_param(); break;
      case InferParameter::kUint64Param:
        if (value.uint64_param() > INT64_MAX)
          return fail(Code::invalid, "is beyond 9223372036854775807", "parameters." + name);
        sorted[name] = static_cast<int64_t>(value.uint64_param());
        break;
      case InferParameter::PARAMETER_CHOICE_NOT_SET: break;
    }
  }
  return ports::Parameters(sorted.begin(), sorted.end());
}

void set(inference::InferParameter& to, const ports::Parameter& from) {
  if (const auto* flag = std::get_if<bool>(&from)) to.set_bool_param(*flag);
  if (const auto* number = std::get_if<int64_t>(&from)) to.set_int64_param(*number);
  if (const auto* number = std::get_if<double>(&from)) to.set_double_param(*number);
  if (const auto* text = std::get_if<std::string>(&from)) to.set_string_param(*text);
}

/// `raw`: its data; null: it is typed.
template <class Message>
Result<Tensor> read_tensor(const Message& message, const std::string_view* raw, std::string_view kind, int index) {
  const std::string place = std::string(kind) + "s[" + std::to_string(index) + "]";
  if (message.name().empty()) return fail(Code::invalid, "'name' is missing", place);
  TRY_DO(check_text(message.name(), place + ".name"));
  const std::string where = std::string(kind) + " '" + message.name() + "'";
  Tensor tensor;
  tensor.name = message.name();
  TRY(tensor.type, from_json<DataType>(to_json(message.datatype()), where + ": datatype"));
  if (static_cast<size_t>(message.shape_size()) > ports::max_tensor_rank)
    return fail(Code::invalid, "more than " + std::to_string(ports::max_tensor_rank) + " dimensions", where);
  tensor.shape.assign(message.shape().begin(), message.shape().end());
  Result<void> good;
  if (raw == nullptr) {
    good = read_tensor_contents(message.contents(), tensor);
  } else if (message.has_contents()) {
    good = fail(Code::invalid, "has 'contents' besides raw contents");
  } else {
    tensor.data = *raw;
    good = ports::check_size(tensor);
  }
  if (!good) return fail(std::move(good).error().within(where));
  return tensor;
}

template <class Tensors>
Result<std::vector<Tensor>> read_tensors(const Tensors& messages, std::span<const std::string_view> raw,
                                         std::string_view kind) {
  if (!raw.empty() && raw.size() != static_cast<size_t>(messages.size())) {
    return fail(Code::invalid, "there are " + std::to_string(messages.size()) + " " + std::string(kind) + "s, but " +
                                   std::to_string(raw.size()) + " raw contents");
  }
  std::vector<Tensor> tensors;
  for (int i = 0; i < messages.size(); ++i) {
    const std::string_view* data = raw.empty() ? nullptr : &raw[static_cast<size_t>(i)];
    TRY(auto tensor, read_tensor(messages[i], data, kind, i));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

Result<std::vector<RequestedOutput>> read_requested(const inference::ModelInferRequest& message) {
  std::vector<RequestedOutput> outputs;
  for (const auto& output : message.outputs()) {
    const std::string where = "outputs[" + std::to_string(outputs.size()) + "]";
    if (output.name().empty()) return fail(Code::invalid, "'name' is missing", where);
    TRY_DO(check_text(output.name(), where + ".name"));
    outputs.push_back({output.name(), std::nullopt});
  }
  return outputs;
}

/// Everything of a tensor but its data.
template <class Message>
void describe(const Tensor& tensor, Message& message) {
  message.set_name(tensor.name);
  message.set_datatype(to_name(tensor.type));
  message.mutable_shape()->Assign(tensor.shape.begin(), tensor.shape.end());
}

template <class Messages>
Result<void> describe_all(const std::vector<Tensor>& tensors, TensorForm form, Messages& messages) {
  for (const Tensor& tensor : tensors) {
    auto& message = *messages.Add();
    describe(tensor, message);
    auto good = ports::check_size(tensor);
    if (good && form == TensorForm::typed) good = fill_tensor_contents(tensor, *message.mutable_contents());
    if (!good) return fail(std::move(good).error().within("'" + tensor.name + "'"));
  }
  return {};
}

/// Raw tensors follow the rest of their message, as fields may stand in any order.
template <class Message>
void append(const Message& message, const std::vector<Tensor>& tensors, TensorForm form, uint32_t raw_field,
            std::string& out) {
  constexpr size_t most_head = 12;
  size_t size = message.ByteSizeLong();
  for (const Tensor& tensor : tensors) size += form == TensorForm::raw ? tensor.data.size() + most_head : 0;
  out.reserve(out.size() + size);
  message.AppendPartialToString(&out);
  if (form == TensorForm::typed) return;
  for (const Tensor& tensor : tensors) append_bytes_field(out, raw_field, tensor.data);
}

}  // namespace

Result<GrpcInferRequest> parse_grpc_infer_request(std::string_view message) {
  Split parts;
  TRY_DO(split_message(message, request_limits, raw_inputs_field, parts));
  inference::ModelInferRequest read;
  TRY_DO(parse_grpc(parts.rest, read));
  TRY_DO(check_text(read.model_name(), "model_name"));
  TRY_DO(check_text(read.model_version(), "model_version"));
  TRY_DO(check_text(read.id(), "id"));
  GrpcInferRequest result{read.model_name(), read.model_version(), !parts.raw.empty(), {}};
  InferRequest& request = result.request;
  request.id = read.id();
  TRY(request.parameters, parameters_of(read.parameters()));
  TRY(auto stream, take_parameter<std::string>(request.parameters, "stream"));
  request.stream = stream.value_or("");
  TRY_DO(check_text(request.stream, "parameters.stream"));
  TRY(const auto binary, take_parameter<bool>(request.parameters, "binary_data_output"));
  request.binary_output = binary.value_or(false);
  TRY(request.outputs, read_requested(read));
  TRY(request.inputs, read_tensors(read.inputs(), parts.raw, "input"));
  return result;
}

Result<void> append_grpc_infer_request(const GrpcInferRequest& request, std::string& out) {
  const InferRequest& values = request.request;
  inference::ModelInferRequest message;
  message.set_model_name(request.model);
  message.set_model_version(request.version);
  message.set_id(values.id);
  for (const auto& [name, value] : values.parameters) set((*message.mutable_parameters())[name], value);
  if (!values.stream.empty()) (*message.mutable_parameters())["stream"].set_string_param(values.stream);
  if (values.binary_output) (*message.mutable_parameters())["binary_data_output"].set_bool_param(true);
  for (const RequestedOutput& output : values.outputs) message.add_outputs()->set_name(output.name);
  const TensorForm form = request.raw ? TensorForm::raw : TensorForm::typed;
  TRY_DO(describe_all(values.inputs, form, *message.mutable_inputs()));
  append(message, values.inputs, form, raw_inputs_field, out);
  return {};
}

Result<InferResponse> parse_grpc_infer_response(std::string_view message) {
  Split parts;
  TRY_DO(split_message(message, response_limits, raw_outputs_field, parts));
  inference::ModelInferResponse read;
  TRY_DO(parse_grpc(parts.rest, read));
  InferResponse response{read.model_name(), read.id(), {}, read.model_version()};
  TRY(response.outputs, read_tensors(read.outputs(), parts.raw, "output"));
  return response;
}

Result<void> append_grpc_infer_response(const InferResponse& response, TensorForm form, std::string& out) {
  inference::ModelInferResponse message;
  message.set_model_name(response.model_name);
  message.set_model_version(response.model_version);
  message.set_id(response.id);
  for (const Tensor& tensor : response.outputs) {
    if (tensor.type == DataType::FP16) form = TensorForm::raw;
  }
  TRY_DO(describe_all(response.outputs, form, *message.mutable_outputs()));
  append(message, response.outputs, form, raw_outputs_field, out);
  return {};
}

void append_grpc_stream_response(std::string_view infer_response, std::string& out) {
  append_bytes_field(out, 2, infer_response);
}

void append_grpc_stream_error(std::string_view what, std::string_view id, std::string& out) {
  inference::ModelStreamInferResponse message;
  message.set_error_message(std::string(what));
  message.mutable_infer_response()->set_id(std::string(id));
  message.AppendPartialToString(&out);
}

}  // namespace barrio::api
