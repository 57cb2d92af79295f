#include "api/oip/message.h"

#include <algorithm>
#include <iterator>

#include "api/oip/parameters.h"
#include "api/oip/tensor_data.h"
#include "ports/tensor.h"

namespace barrio::api {

using ports::DataType;
using ports::ModelInfo;
using ports::Tensor;

namespace {

std::string quoted(std::string_view text) {
  return print_json(Json(boost::json::string_view(text.data(), text.size())));
}

/// Takes the binary tensors off the end of a body, in order.
struct BinaryTail {
  std::string_view rest;
  std::string* whole = nullptr;  // may be moved away, where one tensor takes all of it

  std::string take(size_t size) {
    std::string data;
    if (whole != nullptr && size == rest.size() && size == whole->size())
      data = std::move(*whole);
    else
      data = rest.substr(0, size);
    rest.remove_prefix(size);
    return data;
  }
};

struct Parts {
  Json json;
  BinaryTail tail;
};

Result<Json> parse_object(std::string_view text) {
  TRY(auto json, parse_json(text));
  if (!json.is_object()) return fail(Code::invalid, "the message must be a JSON object");
  return json;
}

Result<void> check_length(std::optional<size_t> announced, size_t size) {
  if (!announced || *announced <= size) return {};
  return fail(Code::invalid, std::string(json_length_header) + " is " + std::to_string(*announced) +
                                 ", but the body has " + std::to_string(size) + " bytes");
}

Result<Parts> split_message(std::string_view body, std::optional<size_t> json_length) {
  TRY_DO(check_length(json_length, body.size()));
  const size_t length = json_length.value_or(body.size());
  TRY(auto json, parse_object(body.substr(0, length)));
  return Parts{std::move(json), {body.substr(length)}};
}

const Json* member(const Json& object, std::string_view name) {
  return object.get_object().if_contains(boost::json::string_view(name.data(), name.size()));
}

Result<std::string> text_member(const Json& object, std::string_view name, const std::string& where) {
  const Json* found = member(object, name);
  if (found == nullptr) return std::string();
  TRY(auto text, from_json<std::string>(*found, where + std::string(name)));
  if (text.size() > max_text)
    return fail(Code::invalid, "is longer than " + std::to_string(max_text) + " bytes", where + std::string(name));
  return text;
}

/// parameters.NAME of a message, tensor or output, if it is there.
template <class T>
Result<std::optional<T>> parameter(const Json& owner, std::string_view name, const std::string& where) {
  const Json* parameters = member(owner, "parameters");
  if (parameters == nullptr) return std::optional<T>();
  if (!parameters->is_object()) return fail(Code::invalid, "'parameters' must be an object", where);
  const Json* found = member(*parameters, name);
  if (found == nullptr) return std::optional<T>();
  TRY(T value, from_json<T>(*found, where + ": parameters." + std::string(name)));
  return std::optional<T>(std::move(value));
}

Result<void> read_data(const Json& json, BinaryTail& tail, Tensor& tensor, const std::string& where) {
  TRY(auto size, parameter<int64_t>(json, "binary_data_size", where));
  const Json* data = member(json, "data");
  if ((data != nullptr) == size.has_value())
    return fail(Code::invalid, "must have either 'data' or parameters.binary_data_size");
  if (data != nullptr) return read_tensor_data(*data, tensor);
  if (*size < 0 || static_cast<uint64_t>(*size) > tail.rest.size()) {
    return fail(Code::invalid, "binary_data_size is " + std::to_string(*size) + ", but " +
                                   std::to_string(tail.rest.size()) + " bytes of binary data are left (is " +
                                   std::string(json_length_header) + " right?)");
  }
  tensor.data = tail.take(static_cast<size_t>(*size));
  return ports::check_size(tensor);
}

/// "input 'image'", or "inputs[0]" for one without a usable name.
Result<Tensor> read_tensor(const Json& json, BinaryTail& tail, const std::string& place, std::string_view kind) {
  if (!json.is_object()) return fail(Code::invalid, "must be an object", place);
  Tensor tensor;
  TRY(tensor.name, text_member(json, "name", place + "."));
  if (tensor.name.empty()) return fail(Code::invalid, "'name' is missing", place);
  const std::string where = std::string(kind) + " '" + tensor.name + "'";
  const Json* type = member(json, "datatype");
  if (type == nullptr) return fail(Code::invalid, "'datatype' is missing", where);
  TRY(tensor.type, from_json<DataType>(*type, where + ": datatype"));
  const Json* shape = member(json, "shape");
  if (shape == nullptr) return fail(Code::invalid, "'shape' is missing", where);
  TRY(tensor.shape, from_json<std::vector<int64_t>>(*shape, where + ": shape"));
  auto data = read_data(json, tail, tensor, where);
  if (!data) return fail(std::move(data).error().within(where));
  return tensor;
}

Result<std::vector<Tensor>> read_tensors(Parts& parts, std::string_view list, std::string_view kind) {
  const Json* found = member(parts.json, list);
  if (found == nullptr || !found->is_array())
    return fail(Code::invalid, "a list of tensors is missing", std::string(list));
  const JsonArray& items = found->get_array();
  if (items.size() > max_tensors)
    return fail(Code::invalid, "more than " + std::to_string(max_tensors) + " tensors", std::string(list));
  BinaryTail& tail = parts.tail;
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < items.size(); ++i) {
    TRY(auto tensor, read_tensor(items[i], tail, std::string(list) + "[" + std::to_string(i) + "]", kind));
    tensors.push_back(std::move(tensor));
  }
  if (!tail.rest.empty()) {
    return fail(Code::invalid, std::to_string(tail.rest.size()) + " bytes of binary data belong to no tensor",
                std::string(list));
  }
  return tensors;
}

Result<std::vector<RequestedOutput>> read_requested(const Json& request) {
  std::vector<RequestedOutput> outputs;
  const Json* found = member(request, "outputs");
  if (found == nullptr) return outputs;
  if (!found->is_array() || found->get_array().size() > max_tensors) {
    return fail(Code::invalid, "must be a list of at most " + std::to_string(max_tensors), "outputs");
  }
  for (const Json& item : found->get_array()) {
    const std::string where = "outputs[" + std::to_string(outputs.size()) + "]";
    if (!item.is_object()) return fail(Code::invalid, "must be an object", where);
    TRY(auto name, text_member(item, "name", where + "."));
    if (name.empty()) return fail(Code::invalid, "'name' is missing", where);
    TRY(auto binary, parameter<bool>(item, "binary_data", "output '" + name + "'"));
    outputs.push_back({std::move(name), binary});
  }
  return outputs;
}

Result<InferRequest> raw_request(std::string body, const ModelInfo& model) {
  const auto unfit = [&](const std::string& why) {
    return fail(Code::invalid, "model " + model.name + " takes no raw binary request (" +
                                   std::string(json_length_header) + ": 0): " + why);
  };
  if (model.inputs.size() != 1) return unfit("it has " + std::to_string(model.inputs.size()) + " inputs");
  const ports::TensorSpec& spec = model.inputs.front();
  Tensor tensor{spec.name, spec.datatype, spec.shape, {}};
  if (spec.datatype == DataType::BYTES) {
    if (spec.shape != std::vector<int64_t>{1}) return unfit("its BYTES input is not of shape [1]");
    tensor.data = ports::pack_bytes(body);
  } else {
    const auto free = std::count(spec.shape.begin(), spec.shape.end(), -1);
    if (free > 1) return unfit("more than one dimension is variable");
    const auto variable = std::find(tensor.shape.begin(), tensor.shape.end(), -1);
    if (variable != tensor.shape.end()) *variable = 1;
    TRY(size_t fixed, ports::element_count(tensor.shape));
    const size_t step = fixed * ports::element_size(spec.datatype);
    if (variable != tensor.shape.end() && step > 0) *variable = static_cast<int64_t>(body.size() / step);
    tensor.data = std::move(body);
    auto size = ports::check_size(tensor);
    if (!size) return fail(std::move(size).error().within("input '" + spec.name + "'"));
  }
  InferRequest request;
  request.inputs.push_back(std::move(tensor));
  request.binary_output = true;
  return request;
}

Result<InferRequest> read_request(Parts parts) {
  InferRequest request;
  TRY(request.id, text_member(parts.json, "id", ""));
  TRY(request.parameters, read_parameters(member(parts.json, "parameters")));
  TRY(auto stream, take_parameter<std::string>(request.parameters, "stream"));
  request.stream = stream.value_or("");
  if (request.stream.size() > max_text)
    return fail(Code::invalid, "is longer than " + std::to_string(max_text) + " bytes", "parameters.stream");
  TRY(auto binary, take_parameter<bool>(request.parameters, "binary_data_output"));
  request.binary_output = binary.value_or(false);
  TRY(request.outputs, read_requested(parts.json));
  TRY(request.inputs, read_tensors(parts, "inputs", "input"));
  return request;
}

Result<void> append_tensor(const Tensor& tensor, bool binary, std::string& json, std::string& tail) {
  json += "{\"name\":" + quoted(tensor.name) + ",\"datatype\":\"" + to_name(tensor.type) +
          "\",\"shape\":" + ports::shape_text(tensor.shape);
  auto size = ports::check_size(tensor);
  if (size && binary) {
    json += ",\"parameters\":{\"binary_data_size\":" + std::to_string(tensor.data.size()) + "}}";
    tail += tensor.data;
    return {};
  }
  json += ",\"data\":";
  if (size) size = print_tensor_data(tensor, json);
  if (!size) return fail(std::move(size).error().within("'" + tensor.name + "'"));
  json += '}';
  return {};
}

Message finish(std::string json, std::string tail, bool any_binary) {
  Message message;
  if (any_binary) message.json_length = json.size();
  message.body = std::move(json);
  message.body += tail;
  return message;
}

void append_requested(const InferRequest& request, std::string& json) {
  if (request.outputs.empty()) return;
  json += ",\"outputs\":[";
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    const RequestedOutput& output = request.outputs[i];
    json += (i == 0 ? "{\"name\":" : ",{\"name\":") + quoted(output.name);
    if (output.binary) json += std::string(",\"parameters\":{\"binary_data\":") + (*output.binary ? "true}" : "false}");
    json += '}';
  }
  json += ']';
}

}  // namespace

bool InferRequest::wants_binary(std::string_view output) const {
  for (const RequestedOutput& requested : outputs) {
    if (requested.name == output) return requested.binary.value_or(binary_output);
  }
  return binary_output;
}

Result<InferRequest> parse_infer_request(std::string_view body, std::optional<size_t> json_length,
                                         const ModelInfo& model) {
  if (json_length == 0u) return raw_request(std::string(body), model);
  TRY(auto parts, split_message(body, json_length));
  return read_request(std::move(parts));
}

Result<InferRequest> parse_infer_request(SplitBody body, const ModelInfo& model) {
  TRY_DO(check_length(body.json_length, body.json.size() + body.tail.size()));
  if (body.json_length == 0u) return raw_request(std::move(body.tail), model);
  TRY(auto json, parse_object(body.json));
  return read_request({std::move(json), {body.tail, &body.tail}});
}

Result<Message> print_infer_request(const InferRequest& request, bool binary_inputs) {
  std::string json = "{";
  std::string tail;
  if (!request.id.empty()) json += "\"id\":" + quoted(request.id) + ",";
  JsonObject parameters = print_parameters(request.parameters);
  if (!request.stream.empty()) parameters["stream"] = request.stream;
  if (request.binary_output) parameters["binary_data_output"] = true;
  if (!parameters.empty()) json += "\"parameters\":" + print_json(Json(parameters)) + ",";
  json += "\"inputs\":[";
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    if (i > 0) json += ',';
    TRY_DO(append_tensor(request.inputs[i], binary_inputs, json, tail));
  }
  json += ']';
  append_requested(request, json);
  json += '}';
  return finish(std::move(json), std::move(tail), binary_inputs);
}

Result<InferResponse> parse_infer_response(std::string_view body, std::optional<size_t> json_length) {
  TRY(auto parts, split_message(body, json_length));
  InferResponse response;
  TRY(response.model_name, text_member(parts.json, "model_name", ""));
  TRY(response.model_version, text_member(parts.json, "model_version", ""));
  TRY(response.id, text_member(parts.json, "id", ""));
  TRY(response.outputs, read_tensors(parts, "outputs", "output"));
  return response;
}

Result<Message> print_infer_response(const InferResponse& response, const InferRequest& request) {
  std::string json = "{\"model_name\":" + quoted(response.model_name);
  if (!response.model_version.empty()) json += ",\"model_version\":" + quoted(response.model_version);
  if (!response.id.empty()) json += ",\"id\":" + quoted(response.id);
  json += ",\"outputs\":[";
  std::string tail;
  bool any_binary = false;
  for (size_t i = 0; i < response.outputs.size(); ++i) {
    const bool binary = request.wants_binary(response.outputs[i].name);
    any_binary = any_binary || binary;
    if (i > 0) json += ',';
    TRY_DO(append_tensor(response.outputs[i], binary, json, tail));
  }
  json += "]}";
  return finish(std::move(json), std::move(tail), any_binary);
}

std::string print_server_metadata() {
  JsonArray extensions;
  for (const std::string_view extension : server_extensions) extensions.push_back(to_json(std::string(extension)));
  return print_json(JsonObject{{"name", "barrio"}, {"version", server_version}, {"extensions", std::move(extensions)}});
}

std::string print_model_metadata(const ModelInfo& model, std::span<const std::string> versions) {
  JsonArray listed;
  for (const std::string& version : versions) listed.push_back(to_json(version));
  return print_json(JsonObject{{"name", model.name},
                               {"versions", std::move(listed)},
                               {"platform", model.platform},
                               {"inputs", to_json(model.inputs)},
                               {"outputs", to_json(model.outputs)}});
}

std::string print_model_config(const ModelInfo& model) {
  const auto tensors = [](const std::vector<ports::TensorSpec>& specs) {
    JsonArray list;
    for (const ports::TensorSpec& spec : specs) {
      const bool text = spec.datatype == ports::DataType::BYTES;
      list.push_back(JsonObject{{"name", spec.name},
                                {"data_type", std::string("TYPE_") + (text ? "STRING" : to_name(spec.datatype))},
                                {"dims", to_json(spec.shape)}});
    }
    return list;
  };
  // 0: the dimensions are all there are; none stands before them for a batch.
  return print_json(JsonObject{{"name", model.name},
                               {"platform", model.platform},
                               {"backend", ""},
                               {"max_batch_size", 0},
                               {"input", tensors(model.inputs)},
                               {"output", tensors(model.outputs)}});
}

Result<ModelInfo> parse_model_metadata(std::string_view body) {
  TRY(auto parts, split_message(body, std::nullopt));
  ModelInfo model;
  TRY(model.name, text_member(parts.json, "name", ""));
  TRY(model.platform, text_member(parts.json, "platform", ""));
  for (auto [list, into] : {std::pair{"inputs", &model.inputs}, std::pair{"outputs", &model.outputs}}) {
    const Json* found = member(parts.json, list);
    if (found == nullptr) return fail(Code::invalid, "is missing", list);
    TRY(*into, from_json<std::vector<ports::TensorSpec>>(*found, list));
  }
  return model;
}

std::string print_model_ready(std::string_view model, bool ready) {
  return "{\"name\":" + quoted(model) + ",\"ready\":" + (ready ? "true}" : "false}");
}

std::string print_error(std::string_view what) {
  return "{\"error\":" + quoted(what) + "}";
}

std::string parse_error(std::string_view body) {
  auto json = parse_json(body);
  if (json && json->is_object()) {
    const Json* error = member(*json, "error");
    if (error != nullptr && error->is_string()) return std::string(error->get_string());
  }
  return std::string(body);
}

}  // namespace barrio::api
