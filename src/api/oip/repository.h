#pragma once
// Triton's model repository and statistics extensions over REST: values, and their JSON. grpc_messages.h has the same
// over gRPC.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ports/inference_backend.h"

namespace barrio::api {

struct RepositoryEntry {
  std::string name;
  std::string version;
  std::string state;  // READY, LOADING, UNLOADING, UNAVAILABLE
  std::string reason;
};
BARRIO_DESCRIBE(RepositoryEntry, (), (name, version, state, reason))

struct StatisticDuration {
  uint64_t count = 0;
  uint64_t ns = 0;
};
BARRIO_DESCRIBE(StatisticDuration, (), (count, ns))

struct InferStatistics {
  StatisticDuration success = {};
  StatisticDuration fail = {};
  StatisticDuration queue = {};
  StatisticDuration compute_input = {};
  StatisticDuration compute_infer = {};
  StatisticDuration compute_output = {};
  StatisticDuration cache_hit = {};
  StatisticDuration cache_miss = {};
};
BARRIO_DESCRIBE(InferStatistics, (),
                (success, fail, queue, compute_input, compute_infer, compute_output, cache_hit, cache_miss))

struct BatchStatistics {
  uint64_t batch_size = 1;
  StatisticDuration compute_input = {};
  StatisticDuration compute_infer = {};
  StatisticDuration compute_output = {};
};
BARRIO_DESCRIBE(BatchStatistics, (), (batch_size, compute_input, compute_infer, compute_output))

struct VersionStatistics {
  std::string name;
  std::string version;
  uint64_t last_inference = 0;  // milliseconds since 1970; 0: none
  uint64_t inference_count = 0;
  uint64_t execution_count = 0;
  InferStatistics inference_stats = {};
  std::vector<BatchStatistics> batch_stats = {};
};
BARRIO_DESCRIBE(VersionStatistics, (),
                (name, version, last_inference, inference_count, execution_count, inference_stats, batch_stats))

/// Does the caller want only models that are ready? An empty body is an empty object. Errors: invalid.
Result<bool> parse_index_request(std::string_view body);
std::string print_index(std::span<const RepositoryEntry> entries);
/// The parameters of a load or unload request; the body may be empty. Errors: invalid.
Result<ports::Parameters> parse_repository_request(std::string_view body);
std::string print_statistics(std::span<const VersionStatistics> statistics);

}  // namespace barrio::api
