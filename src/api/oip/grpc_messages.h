#pragma once
// The messages of GRPCInferenceService beside inference (grpc_infer.h). Each print is one whole message.

#include <span>
#include <string>
#include <string_view>

#include "api/oip/repository.h"

namespace barrio::api {

inline constexpr std::string_view grpc_service_prefix = "/inference.GRPCInferenceService/";

/// What ModelReady, ModelMetadata, ModelConfig and ModelStatistics ask about.
struct GrpcModelName {
  std::string name;
  std::string version;
};
/// Errors: invalid.
Result<GrpcModelName> parse_grpc_model_name(std::string_view message);

/// ServerLive, ServerReady and ModelReady answer with one flag.
std::string print_grpc_flag(bool value);
std::string print_grpc_server_metadata();
std::string print_grpc_model_metadata(const ports::ModelInfo& model, std::span<const std::string> versions);
std::string print_grpc_model_config(const ports::ModelInfo& model);
std::string print_grpc_statistics(std::span<const VersionStatistics> statistics);

/// RepositoryIndex: only models that are ready? Errors: invalid.
Result<bool> parse_grpc_index_request(std::string_view message);
std::string print_grpc_index(std::span<const RepositoryEntry> entries);

/// RepositoryModelLoad and RepositoryModelUnload; their answers are empty.
struct GrpcRepositoryRequest {
  std::string model;
  ports::Parameters parameters;
};
Result<GrpcRepositoryRequest> parse_grpc_repository_request(std::string_view message);

}  // namespace barrio::api
