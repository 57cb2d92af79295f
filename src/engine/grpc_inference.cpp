#include "engine/grpc_inference.h"

#include "api/oip/grpc_infer.h"
#include "engine/requested_outputs.h"

namespace barrio::engine {

namespace {

/// What of a request is needed for its answer.
struct Asked {
  std::string model;
  std::string version;
  std::string id;
  api::TensorForm form = api::TensorForm::raw;
  std::vector<api::RequestedOutput> outputs;
};

}  // namespace

GrpcFailure grpc_failure(const Declined& declined) {
  using Why = Declined::Why;
  GrpcFailure failure{.what = declined.what, .retry_after = declined.retry_after, .earliest = declined.earliest};
  switch (declined.why) {
    case Why::overloaded:
    case Why::too_late:
      failure.status = declined.waited ? api::GrpcStatus::unavailable : api::GrpcStatus::resource_exhausted;
      break;
    case Why::not_ready: failure.status = api::GrpcStatus::unavailable; break;
    case Why::unknown_model: failure.status = api::GrpcStatus::not_found; break;
  }
  return failure;
}

namespace {

Result<std::string> print(ports::Outputs outputs, const Asked& asked) {
  TRY(auto selected, select_outputs(std::move(outputs), asked.outputs));
  std::string frame = GrpcExchange::frame();
  const api::InferResponse response{asked.model, asked.id, std::move(selected), asked.version};
  TRY_DO(api::append_grpc_infer_response(response, asked.form, frame));
  return frame;
}

GrpcAnswer answer_of(Served served, Asked asked) {
  GrpcAnswer answer{.id = asked.id, .frame = {}, .times = served.times, .waiting = served.waiting};
  if (served.declined) {
    answer.failure = grpc_failure(*served.declined);
  } else if (served.error) {
    answer.failure = grpc_failure(*served.error);
  } else {
    if (!served.version.empty()) asked.version = std::move(served.version);
    auto frame = print(std::move(served.outputs), asked);
    if (frame)
      answer.frame = std::move(*frame);
    else
      answer.failure = grpc_failure(frame.error());
  }
  return answer;
}

/// `metrics`: of the model, once it is known.
Result<std::pair<Submission, Asked>> read(const GrpcInferenceParts& parts, std::string_view message,
                                          const RequestFields& fields, Time arrived, FrontMetrics::OfModel*& metrics) {
  TRY(auto read, api::parse_grpc_infer_request(message));
  api::InferRequest& request = read.request;
  const ports::ModelInfo* model = parts.service.find(read.model, read.version);
  if (model != nullptr) metrics = &parts.metrics.of(model->name);
  Submission submission{.model = read.model,
                        .version = read.version,
                        .tenant = fields.tenant,
                        .urgency = fields.urgency,
                        .arrived = arrived,
                        .deadline = fields.deadline,
                        .request = {}};
  TRY_DO(take_timeout(request.parameters, arrived, submission.deadline));
  submission.request.inputs = std::move(request.inputs);
  if (model != nullptr) TRY_DO(check_requested(*model, submission.request, request.outputs));
  const auto form = read.wants_raw() ? api::TensorForm::raw : api::TensorForm::typed;
  submission.request.stream = std::move(request.stream);
  submission.request.deadline = submission.deadline;
  submission.request.parameters = std::move(request.parameters);
  Asked asked{std::move(read.model), std::move(read.version), std::move(request.id), form, std::move(request.outputs)};
  return std::pair(std::move(submission), std::move(asked));
}

}  // namespace

uint64_t submit_grpc(const GrpcInferenceParts& parts, std::string_view message, const RequestFields& fields,
                     Time arrived, std::function<void(GrpcAnswer)> done) {
  const Time complete = parts.reactor.now();
  FrontMetrics::OfModel* metrics = nullptr;
  auto request = read(parts, message, fields, arrived, metrics);
  if (metrics != nullptr) metrics->front.observe(complete - arrived);
  if (!request) {
    if (metrics != nullptr) metrics->rejected.add();
    GrpcAnswer refused;
    refused.failure = grpc_failure(request.error());
    done(std::move(refused));
    return 0;
  }
  if (metrics != nullptr) metrics->decode.observe(parts.reactor.fresh_now() - complete);
  const auto called = std::make_shared<bool>(false);
  const uint64_t id = parts.service.submit(std::move(request->first),
                                           [called, asked = std::move(request->second), done = std::move(done), metrics,
                                            &reactor = parts.reactor](Served served) mutable {
                                             *called = true;
                                             const Time served_at = reactor.now();
                                             done(answer_of(std::move(served), std::move(asked)));
                                             if (metrics != nullptr)
                                               metrics->reply.observe(reactor.fresh_now() - served_at);
                                           });
  return *called ? 0 : id;
}

}  // namespace barrio::engine
