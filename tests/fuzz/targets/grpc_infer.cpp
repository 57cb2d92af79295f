// gRPC bodies and the messages in them, as requests and as answers of GRPCInferenceService.

#include <algorithm>

#include "api/grpc/framing.h"
#include "api/oip/grpc_infer.h"
#include "api/oip/grpc_messages.h"
#include "base/check.h"
#include "http1_transcript.h"
#include "ports/tensor.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

constexpr size_t most_message = 1 << 20;

struct Body {
  std::vector<std::string> messages;
  std::optional<Code> failure;
  bool inside = false;
  bool operator==(const Body&) const = default;
};

Body read_body(std::string_view body, Split split) {
  Body read;
  api::GrpcReader reader(most_message);
  while (!body.empty()) {
    std::string_view piece = body.substr(0, split.next(body.size()));
    body.remove_prefix(piece.size());
    for (;;) {
      const auto complete = reader.read(piece);
      if (!complete) {
        read.failure = complete.error().code;
        return read;
      }
      if (!*complete) break;
      CHECK(reader.message().size() <= most_message);
      read.messages.push_back(std::move(reader.message()));
    }
    CHECK(piece.empty());
  }
  read.inside = reader.inside();
  return read;
}

bool same_tensors(const std::vector<ports::Tensor>& a, const std::vector<ports::Tensor>& b) {
  return std::ranges::equal(a, b, [](const ports::Tensor& x, const ports::Tensor& y) {
    return x.name == y.name && x.type == y.type && x.shape == y.shape && x.data == y.data;
  });
}

void check_tensors(const std::vector<ports::Tensor>& tensors, size_t message) {
  CHECK(tensors.size() <= api::max_tensors);
  size_t bytes = 0;
  for (const ports::Tensor& tensor : tensors) {
    CHECK(ports::check_size(tensor).has_value());
    bytes += tensor.data.size();
  }
  // A byte of a typed number becomes eight at most, an empty text four.
  CHECK(bytes <= 8 * message);
}

void run_request(std::string_view message) {
  const auto request = api::parse_grpc_infer_request(message);
  if (!request) {
    CHECK(request.error().code == Code::invalid && !request.error().what.empty());
    return;
  }
  check_tensors(request->request.inputs, message.size());
  std::string printed;
  const auto good = api::append_grpc_infer_request(*request, printed);
  CHECK(good.has_value());
  const auto again = api::parse_grpc_infer_request(printed);
  CHECK(again.has_value());
  CHECK(again->model == request->model && again->version == request->version);
  CHECK(again->request.id == request->request.id && again->request.stream == request->request.stream);
  CHECK(again->request.parameters.size() == request->request.parameters.size());
  CHECK(same_tensors(again->request.inputs, request->request.inputs));
}

void run_response(std::string_view message) {
  const auto response = api::parse_grpc_infer_response(message);
  if (!response) {
    CHECK(response.error().code == Code::invalid);
    return;
  }
  check_tensors(response->outputs, message.size());
  for (const auto form : {api::TensorForm::raw, api::TensorForm::typed}) {
    std::string printed;
    CHECK(api::append_grpc_infer_response(*response, form, printed).has_value());
    const auto again = api::parse_grpc_infer_response(printed);
    CHECK(again.has_value());
    CHECK(same_tensors(again->outputs, response->outputs) || form == api::TensorForm::typed);
  }
}

void run_others(std::string_view message) {
  for (const auto& failure : {api::parse_grpc_model_name(message).map([](const auto&) {}),
                              api::parse_grpc_index_request(message).map([](const auto&) {}),
                              api::parse_grpc_repository_request(message).map([](const auto&) {})}) {
    CHECK(failure.has_value() || failure.error().code == Code::invalid);
  }
}

}  // namespace

void run_target(std::string_view input) {
  const Body whole = read_body(input, Split::whole());
  CHECK(read_body(input, Split::random(seed_of(input))) == whole);
  if (whole.failure) CHECK(*whole.failure != Code::unavailable);
  for (const std::string& message : whole.messages) {
    run_request(message);
    run_response(message);
    run_others(message);
  }
}

}  // namespace barrio::fuzz
