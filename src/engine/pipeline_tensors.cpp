#include "engine/pipeline_tensors.h"

#include <algorithm>

#include "base/check.h"
#include "ports/tensor.h"

namespace barrio::engine {

using ports::DataType;
using ports::ModelInfo;
using ports::Outputs;
using ports::Tensor;
using ports::TensorSpec;

namespace {

bool same_but_first(const Tensor& a, const Tensor& b) {
  return a.type == b.type && a.shape.size() == b.shape.size() &&
         std::equal(a.shape.begin() + 1, a.shape.end(), b.shape.begin() + 1);
}

template <class List>
auto find_named(List& list, const std::string& name) {
  return std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.name == name; });
}

/// Does anything after step `index` take it?
bool used_later(const PipelineSpec& spec, size_t index, const TensorName& name) {
  const std::string text = name.str();
  for (const auto& [output, source] : spec.outputs) {
    if (source.str() == text) return true;
  }
  for (size_t later = index + 1; later < spec.steps.size(); ++later) {
    // A later step may take an input of the pipeline without saying so.
    if (name.step.empty()) return true;
    for (const auto& [input, source] : spec.steps[later].inputs) {
      if (source.str() == text) return true;
    }
  }
  return false;
}

/// One answer for each element, put together output by output.
Result<Outputs> join_answers(std::vector<Outputs> answers, const std::string& where) {
  Outputs whole;
  for (size_t output = 0; output < answers.front().size(); ++output) {
    const std::string name = answers.front()[output].name;
    std::vector<Tensor> parts;
    for (Outputs& answer : answers) {
      if (answer.size() <= output || answer[output].name != name)
        return fail(Code::invalid, "answers different outputs for different elements", where);
      parts.push_back(std::move(answer[output]));
    }
    auto joined = join_tensors(std::move(parts));
    if (!joined) return fail(std::move(joined).error().within(where + ": output '" + name + "'"));
    whole.push_back(std::move(*joined));
  }
  return whole;
}

}  // namespace

Result<std::vector<Tensor>> split_tensor(const Tensor& tensor, size_t most) {
  if (tensor.shape.empty()) return fail(Code::invalid, "is a scalar, which has no elements to run for");
  const auto all = static_cast<size_t>(tensor.shape.front());
  const size_t count = std::min(all, most);
  std::vector<Tensor> parts(count, Tensor{tensor.name, tensor.type, tensor.shape, {}});
  for (Tensor& part : parts) part.shape.front() = 1;
  if (count == 0) return parts;
  if (tensor.type != DataType::BYTES) {
    const size_t size = tensor.data.size() / all;
    for (size_t i = 0; i < count; ++i) parts[i].data = tensor.data.substr(i * size, size);
    return parts;
  }
  TRY(const size_t elements, ports::element_count(tensor.shape));
  TRY(const auto texts, ports::unpack_bytes(tensor.data, elements));
  const size_t each = elements / all;
  for (size_t i = 0; i < count * each; ++i) parts[i / each].data += ports::pack_bytes(texts[i]);
  return parts;
}

Result<Tensor> join_tensors(std::vector<Tensor> parts) {
  Tensor whole = std::move(parts.front());
  if (whole.shape.empty()) return fail(Code::invalid, "is a scalar, which cannot stand beside others");
  size_t bytes = whole.data.size();
  for (size_t i = 1; i < parts.size(); ++i) bytes += parts[i].data.size();
  if (bytes > ports::max_tensor_bytes) return fail(Code::invalid, "is too large together");
  whole.data.reserve(bytes);
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].shape.size() != whole.shape.size() || !same_but_first(parts[i], whole)) {
      return fail(Code::invalid, "has shape " + ports::shape_text(parts[i].shape) + " for one element and " +
                                     ports::shape_text(whole.shape) + " for another");
    }
    whole.shape.front() += parts[i].shape.front();
    whole.data += parts[i].data;
  }
  return whole;
}

Tensor no_elements(const TensorSpec& spec) {
  Tensor tensor{spec.name, spec.datatype, spec.shape, {}};
  if (tensor.shape.empty()) tensor.shape.push_back(0);
  tensor.shape.front() = 0;
  for (int64_t& dimension : tensor.shape) dimension = std::max<int64_t>(dimension, 0);
  return tensor;
}

Result<TensorStore> TensorStore::of_request(std::vector<Tensor> inputs) {
  TensorStore store;
  for (Tensor& tensor : inputs) {
    auto size = ports::check_size(tensor);
    if (!size) return fail(std::move(size).error().within("input '" + tensor.name + "'"));
    const std::string name = tensor.name;
    if (!store.tensors_.emplace(name, std::move(tensor)).second)
      return fail(Code::invalid, "is given twice", "input '" + name + "'");
  }
  return store;
}

Result<Tensor> TensorStore::take(const TensorName& name, bool last_use, const std::string& as) {
  const auto found = tensors_.find(name.str());
  if (found == tensors_.end()) {
    if (name.step.empty()) return fail(Code::invalid, "is missing", "input '" + name.tensor + "'");
    return fail(Code::invalid, "the model has no output '" + name.tensor + "'", "step " + name.step);
  }
  Tensor tensor = last_use ? std::move(found->second) : found->second;
  if (last_use) tensors_.erase(found);
  tensor.name = as;
  return tensor;
}

Result<std::vector<std::vector<Tensor>>> TensorStore::inputs_for(const PipelineSpec& spec, size_t index,
                                                                 const ModelInfo& model) {
  const PipelineStep& step = spec.steps[index];
  std::vector<Tensor> whole;
  std::optional<std::vector<Tensor>> elements;
  for (const TensorSpec& input : model.inputs) {
    const TensorName source = source_of(step, input.name);
    const auto again = std::count_if(model.inputs.begin(), model.inputs.end(), [&](const TensorSpec& other) {
      return source_of(step, other.name).str() == source.str();
    });
    TRY(auto tensor, take(source, again == 1 && !used_later(spec, index, source), input.name));
    if (step.for_each && step.for_each->str() == source.str()) {
      auto parts = split_tensor(tensor, static_cast<size_t>(step.most));
      if (!parts) return fail(std::move(parts).error().within("step " + step.name + ": " + source.str()));
      elements = std::move(*parts);
      continue;
    }
    whole.push_back(std::move(tensor));
  }
  std::vector<std::vector<Tensor>> runs;
  if (!elements) {
    runs.push_back(std::move(whole));
    return runs;
  }
  for (Tensor& element : *elements) {
    runs.push_back(whole);
    runs.back().push_back(std::move(element));
  }
  return runs;
}

Result<void> TensorStore::keep(const PipelineStep& step, const ModelInfo& model, std::vector<Outputs> answers) {
  Outputs outputs;
  if (answers.empty()) {
    for (const TensorSpec& spec : model.outputs) outputs.push_back(no_elements(spec));
  } else if (!step.for_each) {
    outputs = std::move(answers.front());
  } else {
    TRY(outputs, join_answers(std::move(answers), "step " + step.name));
  }
  last_.clear();
  for (Tensor& tensor : outputs) {
    // A model is a stranger's code.
    auto size = ports::check_size(tensor);
    if (!size) return fail(std::move(size).error().within("step " + step.name + ": output '" + tensor.name + "'"));
    last_.push_back({step.name, tensor.name});
    tensors_.insert_or_assign(last_.back().str(), std::move(tensor));
  }
  return {};
}

Result<Outputs> TensorStore::outputs_of(const PipelineSpec& spec) {
  Outputs outputs;
  if (spec.outputs.empty()) {
    for (const TensorName& name : last_) {
      TRY(auto tensor, take(name, true, name.tensor));
      outputs.push_back(std::move(tensor));
    }
  }
  for (const auto& [name, source] : spec.outputs) {
    TRY(auto tensor, take(source, false, name));
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

TensorName source_of(const PipelineStep& step, const std::string& input) {
  const auto named = step.inputs.find(input);
  return named != step.inputs.end() ? named->second : TensorName{{}, input};
}

namespace {

/// Adds what this step takes from the pipeline's caller.
Result<void> add_inputs(const PipelineStep& step, const ModelInfo& model, std::vector<TensorSpec>& inputs) {
  const std::string where = "step " + step.name;
  for (const auto& [input, source] : step.inputs) {
    if (find_named(model.inputs, input) == model.inputs.end())
      return fail(Code::invalid, "the model has no input '" + input + "'", where);
  }
  for (const TensorSpec& input : model.inputs) {
    const TensorName source = source_of(step, input.name);
    if (!source.step.empty()) continue;
    TensorSpec spec{source.tensor, input.datatype, input.shape};
    const bool each = step.for_each && step.for_each->str() == source.str();
    if (each && !spec.shape.empty()) spec.shape.front() = -1;
    const auto known = find_named(inputs, spec.name);
    if (known == inputs.end()) {
      inputs.push_back(std::move(spec));
    } else if (known->datatype != spec.datatype || known->shape.size() != spec.shape.size()) {
      return fail(Code::invalid, "takes '" + spec.name + "' as another type or rank than an earlier step", where);
    }
  }
  return {};
}

Result<TensorSpec> output_spec(const PipelineStep& step, const ModelInfo& model, const TensorName& source,
                               const std::string& name) {
  const auto found = find_named(model.outputs, source.tensor);
  if (found == model.outputs.end())
    return fail(Code::invalid, "the model has no output '" + source.tensor + "'", "step " + step.name);
  TensorSpec spec{name, found->datatype, found->shape};
  if (step.for_each && !spec.shape.empty()) spec.shape.front() = -1;
  return spec;
}

}  // namespace

Result<ModelInfo> describe_pipeline(const std::string& name, const PipelineSpec& spec,
                                    const std::vector<const ModelInfo*>& models) {
  CHECK(models.size() == spec.steps.size());
  ModelInfo info{.name = name, .platform = "barrio_pipeline", .inputs = {}, .outputs = {}};
  for (size_t i = 0; i < models.size(); ++i) {
    TRY_DO(add_inputs(spec.steps[i], *models[i], info.inputs));
    for (const auto& [input, source] : spec.steps[i].inputs) {
      if (source.step.empty()) continue;
      const auto from = static_cast<size_t>(find_named(spec.steps, source.step) - spec.steps.begin());
      TRY(auto known, output_spec(spec.steps[from], *models[from], source, input));
      (void)known;
    }
  }
  if (spec.outputs.empty()) {
    for (const TensorSpec& output : models.back()->outputs) {
      TRY(auto described, output_spec(spec.steps.back(), *models.back(), {{}, output.name}, output.name));
      info.outputs.push_back(std::move(described));
    }
  }
  for (const auto& [output, source] : spec.outputs) {
    const auto from = static_cast<size_t>(find_named(spec.steps, source.step) - spec.steps.begin());
    TRY(auto described, output_spec(spec.steps[from], *models[from], source, output));
    info.outputs.push_back(std::move(described));
  }
  return info;
}

}  // namespace barrio::engine
