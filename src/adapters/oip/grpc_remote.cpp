#include <algorithm>

#include "adapters/oip/blocking_client.h"
#include "adapters/oip/grpc_description.h"
#include "adapters/oip/remote.h"
#include "api/grpc/framing.h"
#include "api/grpc/status.h"
#include "api/oip/grpc_infer.h"
#include "api/oip/grpc_messages.h"
#include "api/oip/wire.h"
#include "base/text.h"
#include "ports/tensor.h"

namespace barrio::adapters::oip {

namespace {

constexpr size_t most_answer = ports::max_tensor_bytes + (1u << 20);

std::string name_request(const OipSettings& settings) {
  std::string message;
  api::append_bytes_field(message, 1, settings.model);
  if (!settings.version.empty()) api::append_bytes_field(message, 2, settings.version);
  return message;
}

/// As it stands in grpc-status; a number that we do not know is one more unknown.
Code code_of(uint64_t status) {
  switch (static_cast<api::GrpcStatus>(status)) {
    case api::GrpcStatus::invalid_argument: return Code::invalid;
    case api::GrpcStatus::deadline_exceeded: return Code::timed_out;
    case api::GrpcStatus::not_found: return Code::not_found;
    case api::GrpcStatus::permission_denied:
    case api::GrpcStatus::unauthenticated: return Code::denied;
    case api::GrpcStatus::resource_exhausted: return Code::exhausted;
    case api::GrpcStatus::unimplemented: return Code::unsupported;
    default: return Code::unavailable;
  }
}

/// Statuses that come from looking at the request or running it.
bool is_of_request(uint64_t status) {
  const auto known = static_cast<api::GrpcStatus>(status);
  return known == api::GrpcStatus::invalid_argument || known == api::GrpcStatus::internal ||
         known == api::GrpcStatus::unknown;
}

class GrpcRemote final : public Remote {
 public:
  explicit GrpcRemote(const OipSettings& settings) : settings_(settings) {}

  RemoteResult<ports::ModelInfo> describe(Time deadline) override {
    auto metadata = call("ModelMetadata", name_request(settings_), deadline, most_metadata);
    if (!metadata) return tl::unexpected(std::move(metadata).error());
    auto info = parse_metadata(*metadata);
    if (!info) return broken(info.error());
    const auto config = call("ModelConfig", name_request(settings_), deadline, most_metadata);
    const auto rows = config ? parse_max_batch_size(*config) : Result<size_t>(0);
    info->max_batch = rows.value_or(0);
    return std::move(*info);
  }

  RemoteResult<ports::Outputs> infer(const ports::InferenceRequest& request, const Until& until) override {
    const Duration left = until.deadline - net::read_clock();
    if (left <= Duration::zero())
      return tl::unexpected(RemoteFailure{{Code::timed_out, "no time is left", settings_.where()}});
    api::GrpcInferRequest infer{settings_.model, settings_.version, true, {}};
    infer.request.stream = request.stream;
    infer.request.inputs = request.inputs;
    infer.request.parameters = with_timeout(request.parameters, left);
    std::string message;
    auto printed = api::append_grpc_infer_request(infer, message);
    if (!printed) return tl::unexpected(RemoteFailure{std::move(printed).error(), true});
    // grpc-timeout ends the call at the server, too, and says nothing of the run: Triton's `timeout` has what is left.
    auto answer = call("ModelInfer", message, until.given_up, most_answer);
    if (!answer) return tl::unexpected(std::move(answer).error());
    auto response = api::parse_grpc_infer_response(*answer);
    if (!response) return broken(response.error());
    return std::move(response->outputs);
  }

 private:
  /// The message that came back.
  RemoteResult<std::string> call(const std::string& method, std::string_view message, Time deadline, size_t most) {
    net::Request request{
        .method = "POST",
        .target = settings_.url.path + std::string(api::grpc_service_prefix) + method,
        .headers = {{"content-type", "application/grpc"},
                    {std::string(api::grpc_timeout_header), api::grpc_timeout(deadline - net::read_clock())}},
        .body = api::grpc_frame(message)};
    auto answer = client_.call(settings_.url.endpoint, request, deadline, most);
    if (!answer) {
      Error error = std::move(answer).error();
      if (error.code == Code::invalid) error.code = Code::unavailable;
      return tl::unexpected(RemoteFailure{std::move(error).within(settings_.where())});
    }
    const auto status_text = net::find_header(answer->headers, "grpc-status");
    if (!status_text) {
      const std::string status = "HTTP " + std::to_string(answer->status) + " without a gRPC status";
      return tl::unexpected(RemoteFailure{{Code::unavailable, said(settings_, status, answer->body)}});
    }
    const auto status = parse_uint(*status_text);
    if (status != 0u) return tl::unexpected(failed(status, *answer));
    auto read = first_message(answer->body, most);
    if (!read) return broken(read.error());
    return std::move(*read);
  }

  RemoteFailure failed(std::optional<uint64_t> status, const RawAnswer& answer) const {
    const uint64_t number = status.value_or(static_cast<uint64_t>(api::GrpcStatus::unknown));
    const auto encoded = net::find_header(answer.headers, "grpc-message").value_or("");
    const std::string text = net::percent_decode(encoded).value_or(std::string(encoded));
    return {{code_of(number), said(settings_, "gRPC status " + std::to_string(number), text)}, is_of_request(number)};
  }

  static Result<std::string> first_message(std::string_view body, size_t most) {
    api::GrpcReader reader(most);
    TRY(bool complete, reader.read(body));
    if (!complete) return fail(Code::invalid, "the body ends inside a message");
    return std::move(reader.message());
  }

  tl::unexpected<RemoteFailure> broken(const Error& error) const {
    return tl::unexpected(RemoteFailure{{Code::unavailable, said(settings_, "what cannot be read", error.text())}});
  }

  OipSettings settings_;
  BlockingClient client_;
};

}  // namespace

std::unique_ptr<Remote> make_grpc_remote(const OipSettings& settings) {
  return std::make_unique<GrpcRemote>(settings);
}

}  // namespace barrio::adapters::oip
