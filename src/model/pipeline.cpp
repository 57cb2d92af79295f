// What model/app.h says of pipelines.

#include <algorithm>
#include <span>

#include "model/app.h"

namespace barrio {

namespace {

constexpr size_t max_name = 200;  // of a tensor

/// A tensor that step `reader` (or the answer: steps.size()) takes must be there by then.
Result<void> check_source(const TensorName& source, std::span<const PipelineStep> steps, size_t reader,
                          std::string where) {
  if (source.step.empty()) return {};
  const auto found = std::ranges::find(steps, source.step, &PipelineStep::name);
  if (found == steps.end()) {
    return fail(Code::invalid, "'" + source.str() + "': there is no step '" + source.step + "'", std::move(where));
  }
  if (static_cast<size_t>(found - steps.begin()) < reader) return {};
  return fail(Code::invalid, "'" + source.str() + "' does not come from an earlier step", std::move(where));
}

}  // namespace

Result<TensorName> TensorName::parse(std::string_view text) {
  // The names of steps have no dots, those of tensors may.
  const size_t dot = text.find('.');
  TensorName name;
  name.tensor = text.substr(dot == std::string_view::npos ? 0 : dot + 1);
  if (dot != std::string_view::npos) name.step = text.substr(0, dot);
  if (name.tensor.empty() || name.tensor.size() > max_name || dot == 0) {
    return fail(Code::invalid,
                "must be an input of the pipeline, like image, or an output of a step, like detect.boxes");
  }
  return name;
}

Result<void> PipelineStep::check() const {
  auto label = check_label(name);
  if (!label) return fail(Code::invalid, label.error().what, "name");
  if (model.backend == Backend::pipeline) return fail(Code::invalid, "a step cannot be a pipeline", "model.backend");
  if (model.backend == Backend::none) return fail(Code::invalid, "a step needs a model", "model.backend");
  if (model.backend == Backend::openai)
    return fail(Code::invalid, "a step gives tensors, which models of OpenAI's API do not", "model.backend");
  if (most < 1 || most > PipelineSpec::max_elements) {
    return fail(Code::invalid, "must be from 1 to " + std::to_string(PipelineSpec::max_elements), "most");
  }
  if (!for_each) return {};
  const bool used =
      std::ranges::any_of(inputs, [&](const auto& input) { return input.second.str() == for_each->str(); });
  if (!used) return fail(Code::invalid, "no input takes " + for_each->str(), "for_each");
  return {};
}

std::vector<ModelSource> models_of(const ModelSource& model, const std::optional<PipelineSpec>& pipeline) {
  if (!pipeline && model.backend == Backend::none) return {};
  if (!pipeline) return {model};
  std::vector<ModelSource> models;
  for (const PipelineStep& step : pipeline->steps) models.push_back(step.model);
  return models;
}

Result<void> PipelineSpec::check() const {
  if (steps.empty() || steps.size() > max_steps) {
    return fail(Code::invalid, "must be 1 to " + std::to_string(max_steps) + " steps", "steps");
  }
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::string where = "steps[" + std::to_string(i) + "].";
    const auto earlier = std::span(steps).first(i);
    if (std::ranges::find(earlier, steps[i].name, &PipelineStep::name) != earlier.end())
      return fail(Code::invalid, "'" + steps[i].name + "' is the name of an earlier step", where + "name");
    for (const auto& [input, source] : steps[i].inputs) {
      TRY_DO(check_source(source, steps, i, where + "inputs." + input));
    }
    if (steps[i].for_each) TRY_DO(check_source(*steps[i].for_each, steps, i, where + "for_each"));
  }
  for (const auto& [output, source] : outputs) {
    if (source.step.empty()) {
      return fail(Code::invalid, "'" + source.str() + "' is not an output of a step", "outputs." + output);
    }
    TRY_DO(check_source(source, steps, steps.size(), "outputs." + output));
  }
  return {};
}

}  // namespace barrio
