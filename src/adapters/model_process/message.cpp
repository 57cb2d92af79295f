#include "adapters/model_process/message.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "ports/tensor.h"

namespace barrio::adapters {

using ports::DataType;
using ports::Tensor;
using ports::TensorSpec;

namespace {

constexpr size_t most_tensors = 1024;  // of a model, or of a request
constexpr size_t longest_name = 1024;
constexpr size_t longest_text = 2048;
constexpr size_t largest_batch = 4096;

class Writer {
 public:
  template <class T>
  void number(T value) {
    static_assert(std::is_integral_v<T>);
    const auto wide = static_cast<uint64_t>(value);
    head_.append(reinterpret_cast<const char*>(&wide), sizeof(wide));
  }
  void text(std::string_view value) {
    number(value.size());
    head_ += value;
  }
  std::string take() { return std::move(head_); }

 private:
  std::string head_;
};

/// Reads past the end give zeros and empty texts; whoever is done asks good().
class Reader {
 public:
  explicit Reader(std::string_view head) : rest_(head) {}

  uint64_t number() {
    uint64_t value = 0;
    if (rest_.size() < sizeof(value)) {
      good_ = false;
      return 0;
    }
    std::memcpy(&value, rest_.data(), sizeof(value));
    rest_.remove_prefix(sizeof(value));
    return value;
  }
  /// A number that counts or sizes something. Over `most`: not good, and 0.
  size_t count(size_t most) {
    const uint64_t value = number();
    if (value <= most) return static_cast<size_t>(value);
    good_ = false;
    return 0;
  }
  std::string_view text(size_t most) {
    const size_t length = count(most);
    if (length > rest_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view value = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return value;
  }
  std::vector<int64_t> shape() {
    std::vector<int64_t> shape(count(ports::max_tensor_rank));
    for (int64_t& dimension : shape) dimension = static_cast<int64_t>(number());
    return shape;
  }
  DataType type() { return static_cast<DataType>(count(static_cast<size_t>(DataType::BYTES))); }
  bool good() const { return good_; }
  bool done() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

tl::unexpected<Error> malformed(const std::string& what) {
  return fail(Code::invalid, what);
}

void write_shape(Writer& out, const std::vector<int64_t>& shape) {
  out.number(shape.size());
  for (int64_t dimension : shape) out.number(dimension);
}

void write_specs(Writer& out, const std::vector<TensorSpec>& specs) {
  out.number(specs.size());
  for (const TensorSpec& spec : specs) {
    out.text(spec.name);
    out.number(static_cast<int>(spec.datatype));
    write_shape(out, spec.shape);
  }
}

Result<std::vector<TensorSpec>> read_specs(Reader& in, const std::string& kind) {
  std::vector<TensorSpec> specs;
  const size_t count = in.count(most_tensors);
  for (size_t i = 0; in.good() && i < count; ++i) {
    TensorSpec spec{std::string(in.text(longest_name)), in.type(), in.shape()};
    const std::string where = kind + " '" + harmless(spec.name, longest_name) + "'";
    if (!is_utf8(spec.name)) return fail(Code::invalid, "has a name that is not UTF-8", where);
    for (int64_t dimension : spec.shape) {
      if (dimension < -1) return fail(Code::invalid, "has a negative dimension", where);
    }
    for (const TensorSpec& other : specs) {
      if (other.name == spec.name) return fail(Code::invalid, "is there twice", where);
    }
    specs.push_back(std::move(spec));
  }
  if (!in.good()) return malformed("its " + kind + "s are too many, too long or cut short");
  return specs;
}

void write_error(Writer& out, const Error& error) {
  out.number(static_cast<int>(error.code));
  out.text(std::string_view(error.what).substr(0, longest_text));
  out.text(std::string_view(error.where).substr(0, longest_text));
}

Error read_error(Reader& in) {
  const auto code = static_cast<Code>(in.count(static_cast<size_t>(Code::unsupported)));
  std::string what = harmless(in.text(longest_text), longest_text);
  std::string where = harmless(in.text(longest_text), longest_text);
  if (!in.good()) return {Code::unavailable, "the model process gave a reason that cannot be read"};
  return {code, std::move(what), std::move(where)};
}

void write_tensors(Writer& out, std::vector<std::string_view>& bodies, const std::vector<Tensor>& tensors) {
  out.number(tensors.size());
  for (const Tensor& tensor : tensors) {
    out.text(tensor.name);
    out.number(static_cast<int>(tensor.type));
    write_shape(out, tensor.shape);
    out.number(tensor.data.size());
    bodies.emplace_back(tensor.data);
  }
}

/// Takes the bodies of its tensors from the front of `bodies`.
Result<std::vector<Tensor>> read_tensors(Reader& in, std::string_view& bodies) {
  std::vector<Tensor> tensors;
  const size_t count = in.count(most_tensors);
  for (size_t i = 0; in.good() && i < count; ++i) {
    Tensor tensor{std::string(in.text(longest_name)), in.type(), in.shape(), {}};
    const size_t size = in.count(bodies.size());
    if (!in.good()) break;
    tensor.data.assign(bodies.substr(0, size));
    bodies.remove_prefix(size);
    tensors.push_back(std::move(tensor));
  }
  if (!in.good()) return malformed("its tensors are too many, too long or cut short");
  return tensors;
}

Result<void> check_outputs(const ports::Outputs& outputs, const ports::ModelInfo& info) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& output = outputs[i];
    const std::string where = "output '" + harmless(output.name, longest_name) + "'";
    const auto spec = std::find_if(info.outputs.begin(), info.outputs.end(),
                                   [&](const TensorSpec& known) { return known.name == output.name; });
    if (spec == info.outputs.end()) return fail(Code::invalid, "is not one of the model's", where);
    if (spec->datatype != output.type) return fail(Code::invalid, "is not of the type it was declared with", where);
    for (size_t other = 0; other < i; ++other) {
      if (outputs[other].name == output.name) return fail(Code::invalid, "is there twice", where);
    }
    auto size = ports::check_size(output);
    if (!size) return fail(std::move(size).error().within(where));
  }
  return {};
}

}  // namespace

size_t Message::body_bytes() const {
  size_t total = 0;
  for (std::string_view body : bodies) total += body.size();
  return total;
}

Message pack_load(const LoadOrder& order) {
  Writer out;
  out.text(order.spec.name);
  out.text(order.spec.builtin);
  out.text(order.spec.path);
  out.number(order.memory.count());
  return {out.take()};
}

Result<LoadOrder> unpack_load(std::string_view head) {
  Reader in(head);
  LoadOrder order;
  order.spec.name = in.text(head.size());
  order.spec.builtin = in.text(head.size());
  order.spec.path = in.text(head.size());
  order.memory = Bytes(static_cast<int64_t>(in.number()));
  if (!in.done()) return malformed("the order to load a model is cut short");
  return order;
}

Message pack_loaded(const Loaded& loaded) {
  Writer out;
  out.text(loaded.info.platform);
  out.number(loaded.info.max_batch);
  write_specs(out, loaded.info.inputs);
  write_specs(out, loaded.info.outputs);
  out.text(loaded.unconfined);
  return {out.take()};
}

Result<Loaded> unpack_loaded(std::string_view head) {
  Reader in(head);
  Loaded loaded;
  loaded.info.platform = harmless(in.text(longest_name), longest_name);
  loaded.info.max_batch = in.count(largest_batch);
  TRY(loaded.info.inputs, read_specs(in, "input"));
  TRY(loaded.info.outputs, read_specs(in, "output"));
  loaded.unconfined = harmless(in.text(longest_text), longest_text);
  if (!in.done() || loaded.info.max_batch == 0) return malformed("the description of the model cannot be read");
  return loaded;
}

Message pack_error(const Error& error) {
  Writer out;
  write_error(out, error);
  return {out.take()};
}

Error unpack_error(std::string_view head) {
  Reader in(head);
  return read_error(in);
}

Message pack_requests(std::span<const ports::InferenceRequest* const> batch) {
  Writer out;
  Message message;
  out.number(batch.size());
  for (const ports::InferenceRequest* request : batch) {
    out.text(request->stream);
    out.number(request->deadline.has_value());
    out.number(request->deadline.value_or(Time()).time_since_epoch().count());
    write_tensors(out, message.bodies, request->inputs);
  }
  message.head = out.take();
  return message;
}

Result<std::vector<ports::InferenceRequest>> unpack_requests(std::string_view head, std::string_view bodies) {
  Reader in(head);
  std::vector<ports::InferenceRequest> batch;
  const size_t count = in.count(largest_batch);
  for (size_t i = 0; in.good() && i < count; ++i) {
    ports::InferenceRequest request;
    request.stream = in.text(head.size());
    const bool has_deadline = in.count(1) == 1;
    const Time deadline{Duration(static_cast<int64_t>(in.number()))};
    if (has_deadline) request.deadline = deadline;
    TRY(request.inputs, read_tensors(in, bodies));
    batch.push_back(std::move(request));
  }
  if (!in.done()) return malformed("the requests are cut short");
  return batch;
}

Message pack_answers(const Answers& answers) {
  Writer out;
  Message message;
  out.number(answers.size());
  for (const auto& answer : answers) {
    out.number(answer.has_value());
    if (answer)
      write_tensors(out, message.bodies, *answer);
    else
      write_error(out, answer.error());
  }
  message.head = out.take();
  return message;
}

Result<Answers> unpack_answers(std::string_view head, std::string_view bodies, size_t count,
                               const ports::ModelInfo& info) {
  Reader in(head);
  if (in.number() != count) return malformed("it has not one answer for each request");
  Answers answers;
  for (size_t i = 0; i < count; ++i) {
    if (in.count(1) == 0) {
      answers.emplace_back(fail(read_error(in)));
    } else {
      TRY(auto outputs, read_tensors(in, bodies));
      TRY_DO(check_outputs(outputs, info));
      answers.emplace_back(std::move(outputs));
    }
    if (!in.good()) return malformed("it is cut short");
  }
  if (!in.done() || !bodies.empty()) return malformed("it has more than its answers");
  return answers;
}

}  // namespace barrio::adapters
