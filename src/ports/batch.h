#pragma once
// Several requests as one run: their inputs put together along the first dimension, the outputs taken apart again.
// Pure; shared by the backends that batch (adapters/ort, adapters/oip).

#include <optional>
#include <span>
#include <vector>

#include "ports/inference_backend.h"

namespace barrio::ports {

/// The positions of those requests that are right for the model; of the others, `answers` (one per request) has the
/// error.
std::vector<size_t> check_batch(const ModelInfo& model, std::span<const InferenceRequest> batch,
                                std::span<Result<Outputs>> answers);

/// Some of the requests of a batch, as one.
struct Joined {
  std::vector<size_t> members;  // positions in the batch
  std::vector<int64_t> rows;    // the first dimension of each
  /// Of one member: the batch's own request is used, this stays empty.
  InferenceRequest request;
};

/// Can requests for this model be put together at all: it has inputs, and the first dimension of every input and output
/// is free. Whether its rows do not mix is for the backend to find out.
bool may_join(const ModelInfo& model);

/// Groups `wanted` (positions in `batch` of requests that passed check_inputs), in their order. Together go requests
/// whose parameters are the same and whose inputs agree in all but the first dimension, which all inputs of one share;
/// at most `most_rows` rows in a group, except that a request which is larger alone is a group. The group's deadline is
/// its earliest, its stream that of all members or empty.
std::vector<Joined> join(const ModelInfo& model, std::span<const InferenceRequest> batch,
                         std::span<const size_t> wanted, int64_t most_rows);

/// One answer per member. None: an output's first dimension is not the sum of the rows, so nobody can say whose is
/// what.
std::optional<std::vector<Outputs>> split(const Outputs& together, std::span<const int64_t> rows);

}  // namespace barrio::ports
