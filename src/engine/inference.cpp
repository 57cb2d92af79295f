#include "engine/inference.h"

#include <algorithm>

#include "base/text.h"
#include "ports/tensor.h"

namespace barrio::engine {

using ports::Tensor;

namespace {

constexpr size_t max_warm_bytes = 16u << 20;

Result<std::optional<size_t>> json_length_of(const net::Request& request) {
  const auto header = net::find_header(request.headers, api::json_length_header);
  if (!header) return std::optional<size_t>();
  const auto length = parse_uint(*header);
  if (!length)
    return fail(Code::invalid, "'" + std::string(*header) + "' is not a length", std::string(api::json_length_header));
  return std::optional<size_t>(static_cast<size_t>(*length));
}

/// The outputs that were asked for, in the order they were asked for; all of them if none was named.
Result<std::vector<Tensor>> select(std::vector<Tensor> outputs, const std::vector<api::RequestedOutput>& wanted) {
  if (wanted.empty()) return outputs;
  std::vector<Tensor> selected;
  for (const auto& output : wanted) {
    const auto found =
        std::find_if(outputs.begin(), outputs.end(), [&](const Tensor& tensor) { return tensor.name == output.name; });
    if (found == outputs.end())
      return fail(Code::invalid, "is not an output of the model, or was asked for twice",
                  "output '" + output.name + "'");
    selected.push_back(std::move(*found));
    outputs.erase(found);
  }
  return selected;
}

Result<void> check_wanted(const ports::ModelInfo& model, const std::vector<api::RequestedOutput>& wanted) {
  for (const auto& output : wanted) {
    const bool known = std::any_of(model.outputs.begin(), model.outputs.end(),
                                   [&](const auto& spec) { return spec.name == output.name; });
    if (!known) return fail(Code::invalid, "is not an output of model " + model.name, "output '" + output.name + "'");
  }
  return {};
}

Result<api::Message> run(ports::Model& model, const net::Request& http) {
  TRY(auto json_length, json_length_of(http));
  TRY(auto request, api::parse_infer_request(http.body, json_length, model.info()));
  // Before the model runs, which costs more than all the rest.
  TRY_DO(check_wanted(model.info(), request.outputs));
  const ports::InferenceRequest inference{std::move(request.inputs), request.stream};
  TRY(auto outputs, ports::run_alone(model, inference));
  TRY(auto selected, select(std::move(outputs), request.outputs));
  return api::print_infer_response({model.info().name, request.id, std::move(selected)}, request);
}

}  // namespace

int status_of(Code code) {
  switch (code) {
    case Code::invalid: return 400;
    case Code::not_found: return 404;
    case Code::unsupported: return 501;
    case Code::exhausted:
    case Code::timed_out:
    case Code::cancelled: return 503;
    default: return 500;
  }
}

net::Response error_response(int status, std::string_view what) {
  net::Response response{status, {{"Content-Type", "application/json"}}, api::print_error(what)};
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

net::Response infer(ports::Model& model, const net::Request& request) {
  auto message = run(model, request);
  if (!message) return error_response(status_of(message.error().code), message.error().text());
  net::Response response;
  response.headers.emplace_back("Content-Type", message->json_length ? "application/octet-stream" : "application/json");
  if (message->json_length)
    response.headers.emplace_back(api::json_length_header, std::to_string(*message->json_length));
  response.body = std::move(message->body);
  return response;
}

void warm(ports::Model& model) {
  ports::InferenceRequest request;
  for (const ports::TensorSpec& spec : model.info().inputs) {
    if (spec.datatype == ports::DataType::BYTES) return;
    Tensor tensor{spec.name, spec.datatype, spec.shape, {}};
    for (int64_t& dimension : tensor.shape) dimension = dimension < 0 ? 1 : dimension;
    const auto count = ports::element_count(tensor.shape);
    if (!count || *count * ports::element_size(spec.datatype) > max_warm_bytes) return;
    tensor.data.assign(*count * ports::element_size(spec.datatype), '\0');
    request.inputs.push_back(std::move(tensor));
  }
  // A model may well refuse zeros; that is no fault.
  (void)ports::run_alone(model, request);
}

}  // namespace barrio::engine
