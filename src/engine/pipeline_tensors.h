#pragma once
// How tensors flow between the steps of a pipeline: by name, apart for a step that runs once for each element, and
// together again. Knows nothing of time.

#include <map>
#include <string>
#include <vector>

#include "model/app.h"
#include "ports/inference_backend.h"

namespace barrio::engine {

/// The elements along the first dimension, at most `most`, each with a first dimension of 1. Errors: invalid (a
/// scalar). The tensor's data must have the size that its shape asks for.
Result<std::vector<ports::Tensor>> split_tensor(const ports::Tensor& tensor, size_t most);
/// The opposite: one after the other along the first dimension. Errors: invalid (types or other dimensions differ, a
/// scalar). `parts` must not be empty.
Result<ports::Tensor> join_tensors(std::vector<ports::Tensor> parts);
/// What a step that had no element to run for answers: a first dimension of 0.
ports::Tensor no_elements(const ports::TensorSpec& spec);

/// The tensors of one request on its way through a pipeline.
class TensorStore {
 public:
  /// Errors: invalid (a tensor's data does not have the size that its shape asks for), naming the input.
  static Result<TensorStore> of_request(std::vector<ports::Tensor> inputs);

  /// What step `index` is run with: one request, or as many as its for_each has elements. Moves out what no later step
  /// and no output takes. Errors: invalid (an input of the pipeline is missing; for_each on a scalar).
  Result<std::vector<std::vector<ports::Tensor>>> inputs_for(const PipelineSpec& spec, size_t index,
                                                             const ports::ModelInfo& model);
  /// Keeps what a step has answered, one for each run. Errors: invalid (an output that is not what its shape says, or
  /// answers that cannot be put together), naming the step.
  Result<void> keep(const PipelineStep& step, const ports::ModelInfo& model, std::vector<ports::Outputs> answers);
  /// The answer of the whole. Errors: invalid (a step's model has no such output).
  Result<ports::Outputs> outputs_of(const PipelineSpec& spec);

 private:
  Result<ports::Tensor> take(const TensorName& name, bool last_use, const std::string& as);

  std::map<std::string, ports::Tensor> tensors_;  // by TensorName::str()
  std::vector<TensorName> last_;                  // outputs of the last step so far, in its order
};

/// Where the input called `input` of this step comes from.
TensorName source_of(const PipelineStep& step, const std::string& input);
/// What a pipeline takes and answers, from what its steps' models do, in their order. Errors: invalid (names the step:
/// an input or output that its model has not, two steps that take one input differently).
Result<ports::ModelInfo> describe_pipeline(const std::string& name, const PipelineSpec& spec,
                                           const std::vector<const ports::ModelInfo*>& models);

}  // namespace barrio::engine
