#include "api/oip/grpc_messages.h"

#include <inference.pb.h>

#include <map>

#include "api/oip/grpc_parse.h"
#include "api/oip/message.h"
#include "api/oip/parameters.h"
#include "api/oip/wire.h"

namespace barrio::api {

namespace {

constexpr WireLimit repository_limits[] = {{3, max_parameters, "parameters"}};

std::string bytes_of(const google::protobuf::MessageLite& message) {
  std::string out;
  message.AppendPartialToString(&out);
  return out;
}

template <class Specs, class Messages>
void describe(const Specs& specs, Messages& messages) {
  for (const ports::TensorSpec& spec : specs) {
    auto& message = *messages.Add();
    message.set_name(spec.name);
    message.set_datatype(to_name(spec.datatype));
    message.mutable_shape()->Assign(spec.shape.begin(), spec.shape.end());
  }
}

inference::DataType config_type(ports::DataType type) {
  using ports::DataType;
  switch (type) {
    case DataType::BOOL: return inference::TYPE_BOOL;
    case DataType::UINT8: return inference::TYPE_UINT8;
    case DataType::UINT16: return inference::TYPE_UINT16;
    case DataType::UINT32: return inference::TYPE_UINT32;
    case DataType::UINT64: return inference::TYPE_UINT64;
    case DataType::INT8: return inference::TYPE_INT8;
    case DataType::INT16: return inference::TYPE_INT16;
    case DataType::INT32: return inference::TYPE_INT32;
    case DataType::INT64: return inference::TYPE_INT64;
    case DataType::FP16: return inference::TYPE_FP16;
    case DataType::FP32: return inference::TYPE_FP32;
    case DataType::FP64: return inference::TYPE_FP64;
    case DataType::BYTES: return inference::TYPE_STRING;
  }
  return inference::TYPE_INVALID;
}

template <class Specs, class Messages>
void configure(const Specs& specs, Messages& messages) {
  for (const ports::TensorSpec& spec : specs) {
    auto& message = *messages.Add();
    message.set_name(spec.name);
    message.set_data_type(config_type(spec.datatype));
    message.mutable_dims()->Assign(spec.shape.begin(), spec.shape.end());
  }
}

void set(const StatisticDuration& from, inference::StatisticDuration& to) {
  to.set_count(from.count);
  to.set_ns(from.ns);
}

void set(const VersionStatistics& from, inference::ModelStatistics& to) {
  to.set_name(from.name);
  to.set_version(from.version);
  to.set_last_inference(from.last_inference);
  to.set_inference_count(from.inference_count);
  to.set_execution_count(from.execution_count);
  inference::InferStatistics& all = *to.mutable_inference_stats();
  set(from.inference_stats.success, *all.mutable_success());
  set(from.inference_stats.fail, *all.mutable_fail());
  set(from.inference_stats.queue, *all.mutable_queue());
  set(from.inference_stats.compute_input, *all.mutable_compute_input());
  set(from.inference_stats.compute_infer, *all.mutable_compute_infer());
  set(from.inference_stats.compute_output, *all.mutable_compute_output());
  set(from.inference_stats.cache_hit, *all.mutable_cache_hit());
  set(from.inference_stats.cache_miss, *all.mutable_cache_miss());
  for (const BatchStatistics& batch : from.batch_stats) {
    inference::InferBatchStatistics& each = *to.add_batch_stats();
    each.set_batch_size(batch.batch_size);
    set(batch.compute_input, *each.mutable_compute_input());
    set(batch.compute_infer, *each.mutable_compute_infer());
    set(batch.compute_output, *each.mutable_compute_output());
  }
}

}  // namespace

Result<GrpcModelName> parse_grpc_model_name(std::string_view message) {
  inference::ModelMetadataRequest read;  // the requests of all four have the same fields
  TRY_DO(parse_grpc(message, read));
  return GrpcModelName{read.name(), read.version()};
}

std::string print_grpc_flag(bool value) {
  inference::ModelReadyResponse message;  // and so have these answers
  message.set_ready(value);
  return bytes_of(message);
}

std::string print_grpc_server_metadata() {
  inference::ServerMetadataResponse message;
  message.set_name("barrio");
  message.set_version(std::string(server_version));
  for (const std::string_view extension : server_extensions) message.add_extensions(std::string(extension));
  return bytes_of(message);
}

std::string print_grpc_model_metadata(const ports::ModelInfo& model, std::span<const std::string> versions) {
  inference::ModelMetadataResponse message;
  message.set_name(model.name);
  message.set_platform(model.platform);
  for (const std::string& version : versions) message.add_versions(version);
  describe(model.inputs, *message.mutable_inputs());
  describe(model.outputs, *message.mutable_outputs());
  return bytes_of(message);
}

std::string print_grpc_model_config(const ports::ModelInfo& model) {
  inference::ModelConfigResponse message;
  inference::ModelConfig& config = *message.mutable_config();
  config.set_name(model.name);
  config.set_platform(model.platform);
  configure(model.inputs, *config.mutable_input());
  configure(model.outputs, *config.mutable_output());
  return bytes_of(message);
}

std::string print_grpc_statistics(std::span<const VersionStatistics> statistics) {
  inference::ModelStatisticsResponse message;
  for (const VersionStatistics& each : statistics) set(each, *message.add_model_stats());
  return bytes_of(message);
}

Result<bool> parse_grpc_index_request(std::string_view message) {
  inference::RepositoryIndexRequest read;
  TRY_DO(parse_grpc(message, read));
  return read.ready();
}

std::string print_grpc_index(std::span<const RepositoryEntry> entries) {
  inference::RepositoryIndexResponse message;
  for (const RepositoryEntry& entry : entries) {
    auto& each = *message.add_models();
    each.set_name(entry.name);
    each.set_version(entry.version);
    each.set_state(entry.state);
    each.set_reason(entry.reason);
  }
  return bytes_of(message);
}

Result<GrpcRepositoryRequest> parse_grpc_repository_request(std::string_view message) {
  using inference::ModelRepositoryParameter;
  TRY_DO(check_wire(message, repository_limits));
  inference::RepositoryModelLoadRequest read;  // unload has the same fields
  TRY_DO(parse_grpc(message, read));
  std::map<std::string, ports::Parameter> sorted;
  for (const auto& [name, value] : read.parameters()) {
    switch (value.parameter_choice_case()) {
      case ModelRepositoryParameter::kBoolParam: sorted[name] = value.bool_param(); break;
      case ModelRepositoryParameter::kInt64Param: sorted[name] = int64_t{value.int64_param()}; break;
      case ModelRepositoryParameter::kStringParam: sorted[name] = value.string_param(); break;
      case ModelRepositoryParameter::kBytesParam: sorted[name] = value.bytes_param(); break;
      case ModelRepositoryParameter::PARAMETER_CHOICE_NOT_SET: break;
    }
  }
  return GrpcRepositoryRequest{read.model_name(), ports::Parameters(sorted.begin(), sorted.end())};
}

}  // namespace barrio::api
