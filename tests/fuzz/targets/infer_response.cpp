// Inference answers and model metadata, as `barrio infer` reads them from a server it does not know. The first line is
// the length of the JSON part, or "-" for none.

#include "api/oip/message.h"
#include "base/check.h"
#include "base/text.h"
#include "ports/tensor.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

void read_answer(std::string_view body, std::optional<size_t> json_length) {
  const auto answer = api::parse_infer_response(body, json_length);
  if (!answer) return;
  api::InferRequest all_binary;
  all_binary.binary_output = true;
  const auto printed = api::print_infer_response(*answer, all_binary);
  CHECK(printed.has_value());
  const auto again = api::parse_infer_response(printed->body, printed->json_length);
  CHECK(again && again->outputs.size() == answer->outputs.size());
  for (size_t i = 0; i < again->outputs.size(); ++i) {
    CHECK(ports::check_size(again->outputs[i]).has_value());
    CHECK(again->outputs[i].data == answer->outputs[i].data);
  }
}

void read_metadata(std::string_view body) {
  const auto model = api::parse_model_metadata(body);
  if (!model) return;
  const auto again = api::parse_model_metadata(api::print_model_metadata(*model, {}));
  CHECK(again && again->name == model->name && again->inputs.size() == model->inputs.size());
}

}  // namespace

void run_target(std::string_view input) {
  const std::string_view line = input.substr(0, input.find('\n'));
  const std::string_view body = input.substr(std::min(input.size(), line.size() + 1));
  const auto number = parse_uint(line);
  read_answer(body, number ? std::optional<size_t>(*number) : std::nullopt);
  read_metadata(body);
  CHECK(!api::parse_error(body).empty() || body.empty() || body.find('{') != std::string_view::npos);
}

}  // namespace barrio::fuzz
