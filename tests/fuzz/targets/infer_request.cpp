// Inference requests (Open Inference Protocol, JSON and binary tensors). The input's first line is the length of the
// JSON part, or "-" for none; the rest is the body.

#include "api/oip/message.h"
#include "base/check.h"
#include "base/text.h"
#include "ports/tensor.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

using ports::DataType;

void run_for(std::string_view body, std::optional<size_t> json_length, const ports::ModelInfo& model) {
  const auto request = api::parse_infer_request(body, json_length, model);
  if (!request) {
    CHECK(request.error().code == Code::invalid && !request.error().what.empty());
    return;
  }
  CHECK(request->inputs.size() <= api::max_tensors && request->outputs.size() <= api::max_tensors);
  size_t bytes = 0;
  for (const ports::Tensor& tensor : request->inputs) {
    CHECK(ports::check_size(tensor).has_value());
    bytes += tensor.data.size();
  }
  // A number in JSON takes a digit and at most eight bytes, so a body cannot become much more than it was.
  CHECK(bytes <= 16 * (body.size() + 8));
  const auto printed = api::print_infer_request(*request, true);
  CHECK(printed.has_value());
  const auto again = api::parse_infer_request(printed->body, printed->json_length, model);
  CHECK(again.has_value());
  CHECK(again->id == request->id && again->stream == request->stream);
  CHECK(again->inputs.size() == request->inputs.size());
  for (size_t i = 0; i < again->inputs.size(); ++i) {
    CHECK(again->inputs[i].data == request->inputs[i].data && again->inputs[i].shape == request->inputs[i].shape);
  }
}

}  // namespace

void run_target(std::string_view input) {
  const std::string_view line = input.substr(0, input.find('\n'));
  const std::string_view body = input.substr(std::min(input.size(), line.size() + 1));
  const auto number = parse_uint(line);
  const auto json_length = number ? std::optional<size_t>(*number) : std::nullopt;
  run_for(body, json_length, {"people", "opencv_hog", {{"image", DataType::BYTES, {1}}}, {}});
  run_for(body, json_length, {"sobel", "onnxruntime_onnx", {{"x", DataType::FP32, {1, -1, 3}}}, {}});
}

}  // namespace barrio::fuzz
