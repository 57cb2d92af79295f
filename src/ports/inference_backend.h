#pragma once
// Model execution. Calls block: the engine makes them on its worker threads, one call at a time per Model.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/quantity.h"
#include "base/result.h"
#include "base/time.h"

namespace barrio::ports {

/// The Open Inference Protocol's data types.
enum class DataType { BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES };
BARRIO_DESCRIBE_ENUM(DataType, BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES)
/// Bytes per element; 0 for BYTES (each element is a 4-byte little-endian length, then that many bytes).
size_t element_size(DataType type);

/// Row-major, little-endian.
struct Tensor {
  std::string name;
  DataType type = DataType::FP32;
  std::vector<int64_t> shape;
  std::string data;
};

struct TensorSpec {
  std::string name;
  DataType datatype = DataType::FP32;
  std::vector<int64_t> shape;  // -1: any
};
BARRIO_DESCRIBE(TensorSpec, (), (name, datatype, shape))

struct ModelInfo {
  std::string name;
  std::string platform;  // "onnxruntime_onnx", "opencv_hog"
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  size_t max_batch = 1;  // requests that one run takes together; 1: it gains nothing from more
};

/// What a request says to its model beside its inputs, for backends that pass it on.
using Parameter = std::variant<bool, int64_t, double, std::string>;
using Parameters = std::vector<std::pair<std::string, Parameter>>;

struct InferenceRequest {
  std::vector<Tensor> inputs;
  std::string stream;  // requests of one camera share a name, so that a detector can see motion; empty: none
  std::optional<Time> deadline = {};  // backends elsewhere are told what is left
  Parameters parameters = {};
};

using Outputs = std::vector<Tensor>;

class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo& info() const = 0;
  /// One answer per request, in their order; at most info().max_batch requests. A request that is wrong in itself fails
  /// alone. Errors of one: invalid (names the input tensor), exhausted, unavailable, timed_out.
  virtual std::vector<Result<Outputs>> run(std::span<const InferenceRequest> batch) = 0;
};

/// A batch of one.
inline Result<Outputs> run_alone(Model& model, const InferenceRequest& request) {
  auto answers = model.run({&request, 1});
  return std::move(answers.front());
}

struct LoadSpec {
  std::string name;
  std::string builtin;  // or
  std::string path;
  /// The bytes of the file at `path`, where the caller has them already: it is not opened. Read during the load only.
  std::optional<std::string_view> content = {};
  Bytes memory{};  // that the model may take, beyond its program; 0: as the backend has it. Kept where it has a process
};

class InferenceBackend {
 public:
  virtual ~InferenceBackend() = default;
  /// Errors: invalid (not a model; why), unsupported, not_found.
  virtual Result<std::unique_ptr<Model>> load(const LoadSpec& spec) = 0;
};

}  // namespace barrio::ports
