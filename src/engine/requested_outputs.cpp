#include "engine/requested_outputs.h"

#include <algorithm>

#include "ports/tensor.h"

namespace barrio::engine {

Result<void> check_requested(const ports::ModelInfo& model, const ports::InferenceRequest& request,
                             const std::vector<api::RequestedOutput>& wanted) {
  TRY_DO(ports::check_inputs(model, request));
  for (const auto& output : wanted) {
    const bool known = std::ranges::find(model.outputs, output.name, &ports::TensorSpec::name) != model.outputs.end();
    if (!known) return fail(Code::invalid, "is not an output of model " + model.name, "output '" + output.name + "'");
  }
  return {};
}

Result<ports::Outputs> select_outputs(ports::Outputs outputs, const std::vector<api::RequestedOutput>& wanted) {
  if (wanted.empty()) return outputs;
  ports::Outputs selected;
  for (const auto& output : wanted) {
    const auto found = std::ranges::find(outputs, output.name, &ports::Tensor::name);
    if (found == outputs.end())
      return fail(Code::invalid, "is not an output of the model, or was asked for twice",
                  "output '" + output.name + "'");
    selected.push_back(std::move(*found));
    outputs.erase(found);
  }
  return selected;
}

}  // namespace barrio::engine
