#include "adapters/ort/onnx_runtime_backend.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "adapters/ort/batch_probe.h"
#include "adapters/ort/ort_library.h"
#include "ports/batch.h"
#include "ports/tensor.h"

namespace barrio::adapters {

using ort::Element;
using ort::Library;
using ort::Owned;
using ports::DataType;
using ports::Tensor;
using ports::TensorSpec;

namespace {

constexpr std::pair<DataType, Element> types[] = {
    {DataType::BOOL, Element::boolean},  {DataType::UINT8, Element::uint8},   {DataType::UINT16, Element::uint16},
    {DataType::UINT32, Element::uint32}, {DataType::UINT64, Element::uint64}, {DataType::INT8, Element::int8},
    {DataType::INT16, Element::int16},   {DataType::INT32, Element::int32},   {DataType::INT64, Element::int64},
    {DataType::FP16, Element::fp16},     {DataType::FP32, Element::fp32},     {DataType::FP64, Element::fp64},
    {DataType::BYTES, Element::string}};

Element element_of(DataType type) {
  for (auto [ours, theirs] : types) {
    if (ours == type) return theirs;
  }
  return Element::undefined;
}

std::optional<DataType> type_of(Element element) {
  for (auto [ours, theirs] : types) {
    if (theirs == element) return ours;
  }
  return std::nullopt;
}

/// Type and shape; the name is left empty.
Result<TensorSpec> read_info(const Library& library, const ort::TensorInfo* info) {
  const ort::Api& api = library.api();
  Element element = Element::undefined;
  TRY_DO(library.check(api.element_type(info, &element), Code::invalid));
  const auto type = type_of(element);
  if (!type)
    return fail(Code::invalid, "has an element type that the protocol cannot carry (" +
                                   std::to_string(static_cast<int>(element)) + ")");
  size_t rank = 0;
  TRY_DO(library.check(api.dimension_count(info, &rank), Code::invalid));
  TensorSpec spec{{}, *type, std::vector<int64_t>(rank)};
  TRY_DO(library.check(api.dimensions(info, spec.shape.data(), rank), Code::invalid));
  return spec;
}

class OnnxModel final : public ports::Model {
 public:
  OnnxModel(std::shared_ptr<const Library> library, Owned<ort::Session> session)
      : library_(std::move(library)), session_(std::move(session)) {}

  Result<void> read_specs(const std::string& name);
  /// Finds out whether requests can run together, by running some.
  void find_max_batch(size_t most);
  const ports::ModelInfo& info() const override { return info_; }
  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override;

 private:
  using Answers = std::vector<Result<ports::Outputs>>;
  /// The inputs have been checked.
  Result<ports::Outputs> run_one(const ports::InferenceRequest& request);
  void run_group(std::span<const ports::InferenceRequest> batch, const ports::Joined& group, Answers& answers);
  using OwnedValue = Owned<ort::Value>;
  Result<TensorSpec> read_spec(size_t index, bool is_input);
  Result<OwnedValue> make_value(const Tensor& tensor) const;
  Result<OwnedValue> make_strings(const Tensor& tensor) const;
  Result<Tensor> read_value(const std::string& name, ort::Value* value) const;
  Result<std::string> read_strings(ort::Value* value, size_t count) const;

  std::shared_ptr<const Library> library_;
  Owned<ort::Session> session_;
  ports::ModelInfo info_;
  std::set<std::string> rows_named_;  // what the file calls the first dimensions: "batch"; empty: nothing
};

Result<void> OnnxModel::read_specs(const std::string& name) {
  info_.name = name;
  info_.platform = "onnxruntime_onnx";
  for (bool is_input : {true, false}) {
    size_t count = 0;
    const ort::Api& api = library_->api();
    TRY_DO(library_->check((is_input ? api.input_count : api.output_count)(session_.get(), &count), Code::invalid));
    for (size_t i = 0; i < count; ++i) {
      TRY(auto spec, read_spec(i, is_input));
      (is_input ? info_.inputs : info_.outputs).push_back(std::move(spec));
    }
  }
  return {};
}

Result<TensorSpec> OnnxModel::read_spec(size_t index, bool is_input) {
  const ort::Api& api = library_->api();
  char* name = nullptr;
  TRY_DO(library_->check(
      (is_input ? api.input_name : api.output_name)(session_.get(), index, library_->allocator(), &name),
      Code::invalid));
  const std::string copy = name;
  TRY_DO(library_->check(api.allocator_free(library_->allocator(), name), Code::invalid));
  ort::TypeInfo* raw = nullptr;
  TRY_DO(library_->check((is_input ? api.input_type_info : api.output_type_info)(session_.get(), index, &raw),
                         Code::invalid));
  const Owned<ort::TypeInfo> info(raw, api.release_type_info);
  const ort::TensorInfo* tensor = nullptr;  // borrowed from info
  TRY_DO(library_->check(api.cast_to_tensor_info(info.get(), &tensor), Code::invalid));
  const std::string where = std::string(is_input ? "input '" : "output '") + copy + "'";
  if (tensor == nullptr)
    return fail(Code::invalid, "is not a tensor: sequences, maps and optionals are not served", where);
  auto spec = read_info(*library_, tensor);
  if (!spec) return fail(std::move(spec).error().within(where));
  spec->name = copy;
  std::vector<const char*> names(spec->shape.size(), "");
  TRY_DO(library_->check(api.dimension_names(tensor, names.data(), names.size()), Code::invalid));
  if (!names.empty() && names.front() != nullptr && *names.front() != '\0') rows_named_.insert(names.front());
  return spec;
}

Result<OnnxModel::OwnedValue> OnnxModel::make_value(const Tensor& tensor) const {
  if (tensor.type == DataType::BYTES) return make_strings(tensor);
  const ort::Api& api = library_->api();
  ort::Value* value = nullptr;
  // Inputs are read only; the C API has no const form. std::string's buffer is aligned for every element type.
  TRY_DO(library_->check(
      api.create_tensor_with_data(library_->memory(), const_cast<char*>(tensor.data.data()), tensor.data.size(),
                                  tensor.shape.data(), tensor.shape.size(), element_of(tensor.type), &value),
      Code::invalid));
  return OwnedValue(value, api.release_value);
}

Result<OnnxModel::OwnedValue> OnnxModel::make_strings(const Tensor& tensor) const {
  const ort::Api& api = library_->api();
  TRY(size_t count, ports::element_count(tensor.shape));
  TRY(auto elements, ports::unpack_bytes(tensor.data, count));
  std::vector<std::string> texts(elements.begin(), elements.end());
  std::vector<const char*> pointers;
  for (const std::string& text : texts) {
    if (text.find('\0') != std::string::npos)
      return fail(Code::invalid, "has an element with a zero byte, which an ONNX string cannot carry");
    pointers.push_back(text.c_str());
  }
  ort::Value* raw = nullptr;
  TRY_DO(library_->check(
      api.create_tensor(library_->allocator(), tensor.shape.data(), tensor.shape.size(), Element::string, &raw),
      Code::exhausted));
  OwnedValue value(raw, api.release_value);
  TRY_DO(library_->check(api.fill_strings(value.get(), pointers.data(), pointers.size()), Code::invalid));
  return value;
}

Result<std::string> OnnxModel::read_strings(ort::Value* value, size_t count) const {
  const ort::Api& api = library_->api();
  size_t length = 0;
  TRY_DO(library_->check(api.strings_length(value, &length), Code::unavailable));
  std::string all(length, '\0');
  std::vector<size_t> offsets(count);
  TRY_DO(library_->check(api.strings_content(value, all.data(), length, offsets.data(), count), Code::unavailable));
  offsets.push_back(length);
  std::string data;
  for (size_t i = 0; i < count; ++i)
    data += ports::pack_bytes(std::string_view(all).substr(offsets[i], offsets[i + 1] - offsets[i]));
  return data;
}

Result<Tensor> OnnxModel::read_value(const std::string& name, ort::Value* value) const {
  const ort::Api& api = library_->api();
  int is_tensor = 0;
  TRY_DO(library_->check(api.is_tensor(value, &is_tensor), Code::unavailable));
  if (is_tensor == 0) return fail(Code::unsupported, "the model's answer is not a tensor");
  ort::TensorInfo* raw = nullptr;
  TRY_DO(library_->check(api.tensor_info_of_value(value, &raw), Code::unavailable));
  const Owned<ort::TensorInfo> info(raw, api.release_tensor_info);
  TRY(auto spec, read_info(*library_, info.get()));
  Tensor tensor{name, spec.datatype, spec.shape, {}};
  TRY(size_t count, ports::element_count(tensor.shape));
  if (tensor.type == DataType::BYTES) {
    TRY(tensor.data, read_strings(value, count));
    return tensor;
  }
  void* data = nullptr;
  TRY_DO(library_->check(api.tensor_data(value, &data), Code::unavailable));
  if (count > 0) tensor.data.assign(static_cast<const char*>(data), count * ports::element_size(tensor.type));
  return tensor;
}

void OnnxModel::find_max_batch(size_t most) {
  const auto run_once = [this](const ports::InferenceRequest& request) { return run_one(request); };
  // Of other names, they are not meant to be the same.
  if (most > 1 && rows_named_.size() <= 1 && ort::rows_are_independent(info_, run_once, Rng(1))) info_.max_batch = most;
}

std::vector<Result<ports::Outputs>> OnnxModel::run(std::span<const ports::InferenceRequest> batch) {
  Answers answers(batch.size());
  const std::vector<size_t> good = ports::check_batch(info_, batch, answers);
  const auto rows = static_cast<int64_t>(info_.max_batch);
  for (const ports::Joined& group : ports::join(info_, batch, good, rows)) run_group(batch, group, answers);
  return answers;
}

void OnnxModel::run_group(std::span<const ports::InferenceRequest> batch, const ports::Joined& group,
                          Answers& answers) {
  if (group.members.size() > 1) {
    const auto together = run_one(group.request);
    auto parts = together ? ports::split(*together, group.rows) : std::nullopt;
    if (parts) {
      for (size_t i = 0; i < group.members.size(); ++i) answers[group.members[i]] = std::move((*parts)[i]);
      return;
    }
  }
  // Also what failed together: one of them may be to blame, the others are not.
  for (const size_t member : group.members) answers[member] = run_one(batch[member]);
}

Result<ports::Outputs> OnnxModel::run_one(const ports::InferenceRequest& request) {
  std::vector<OwnedValue> inputs;
  std::vector<const char*> input_names;
  std::vector<const ort::Value*> input_values;
  for (const TensorSpec& spec : info_.inputs) {
    auto value = make_value(ports::input_named(request, spec.name));
    if (!value) return fail(std::move(value).error().within("input '" + spec.name + "'"));
    input_names.push_back(spec.name.c_str());
    input_values.push_back(value->get());
    inputs.push_back(std::move(*value));
  }
  std::vector<const char*> output_names;
  for (const TensorSpec& spec : info_.outputs) output_names.push_back(spec.name.c_str());
  std::vector<ort::Value*> raw(info_.outputs.size(), nullptr);
  ort::Status* status = library_->api().run(session_.get(), nullptr, input_names.data(), input_values.data(),
                                            input_values.size(), output_names.data(), output_names.size(), raw.data());
  std::vector<OwnedValue> values;
  for (ort::Value* value : raw) values.emplace_back(value, library_->api().release_value);
  // What fits the specs can still not fit together: two inputs whose free dimensions must agree.
  if (auto ran = library_->check(status, Code::invalid); !ran) {
    Error why = std::move(ran).error();
    return fail(why.code == Code::invalid ? std::move(why).within("the model does not run on these inputs") : why);
  }
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < values.size(); ++i) {
    auto output = read_value(info_.outputs[i].name, values[i].get());
    if (!output) return fail(std::move(output).error().within("output '" + info_.outputs[i].name + "'"));
    outputs.push_back(std::move(*output));
  }
  return outputs;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Code::not_found, "cannot read the model file: " + std::string(std::strerror(errno)), path);
  std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return fail(Code::unavailable, "reading the model file failed", path);
  return content;
}

Result<Owned<ort::Session>> make_session(const Library& library, std::string_view content) {
  const ort::Api& api = library.api();
  ort::SessionOptions* raw_options = nullptr;
  TRY_DO(library.check(api.create_session_options(&raw_options), Code::exhausted));
  const Owned<ort::SessionOptions> options(raw_options, api.release_session_options);
  TRY_DO(library.check(api.set_intra_threads(options.get(), 1), Code::unsupported));
  TRY_DO(library.check(api.set_inter_threads(options.get(), 1), Code::unsupported));
  TRY_DO(library.check(api.set_graph_optimization(options.get(), ort::optimize_all), Code::unsupported));
  ort::Session* raw = nullptr;
  TRY_DO(library.check(api.create_session(library.env(), content.data(), content.size(), options.get(), &raw),
                       Code::invalid));
  return Owned<ort::Session>(raw, api.release_session);
}

}  // namespace

OnnxRuntimeBackend::OnnxRuntimeBackend(OnnxRuntimeConfig config) : config_(std::move(config)) {}
OnnxRuntimeBackend::~OnnxRuntimeBackend() = default;

Result<void> OnnxRuntimeBackend::prepare() {
  TRY(prepared_, Library::load(config_.library));
  return {};
}

Result<std::unique_ptr<ports::Model>> OnnxRuntimeBackend::load(const ports::LoadSpec& spec) {
  if (spec.path.empty())
    return fail(Code::unsupported, "the onnx backend runs model files; it has no built-in '" + spec.builtin + "'");
  std::string read_here;
  if (!spec.content) {
    TRY(read_here, read_file(spec.path));
  }
  const std::string_view content = spec.content.value_or(read_here);
  if (content.empty()) return fail(Code::invalid, "the model file is empty", spec.path);
  auto library = prepared_;
  if (!library) {
    TRY(library, Library::load(config_.library));
  }
  auto session = make_session(*library, content);
  if (!session) return fail(std::move(session).error().within(spec.path));
  auto model = std::make_unique<OnnxModel>(std::move(library), std::move(*session));
  auto read = model->read_specs(spec.name);
  if (!read) return fail(std::move(read).error().within(spec.path));
  model->find_max_batch(config_.max_batch);
  return std::unique_ptr<ports::Model>(std::move(model));
}

}  // namespace barrio::adapters
