#include "adapters/ort/batch_probe.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ports/batch.h"
#include "ports/tensor.h"

namespace barrio::adapters::ort {

namespace {

using ports::DataType;
using ports::Tensor;

constexpr int64_t sizes[] = {32, 64, 1, 224};  // of free dimensions: nets that halve their input need some room
constexpr size_t rows = 3;
constexpr double absolute = 1e-4;
constexpr double relative = 1e-3;

template <class T>
void put(std::string& data, size_t index, T value) {
  std::memcpy(data.data() + index * sizeof(T), &value, sizeof(T));
}

template <class T>
double get(const std::string& data, size_t index) {
  T value;
  std::memcpy(&value, data.data() + index * sizeof(T), sizeof(T));
  return static_cast<double>(value);
}

/// Floats in [0, 1), whole numbers 0 or 1: also a net that looks words up in a table takes them.
void fill(Tensor& tensor, size_t count, Rng& rng) {
  const size_t size = ports::element_size(tensor.type);
  tensor.data.assign(count * size, '\0');
  for (size_t i = 0; i < count; ++i) {
    if (tensor.type == DataType::FP32) {
      put(tensor.data, i, static_cast<float>(rng.unit()));
    } else if (tensor.type == DataType::FP64) {
      put(tensor.data, i, rng.unit());
    } else if (tensor.type == DataType::FP16) {
      constexpr uint16_t zero_half_one[] = {0, 0x3800, 0x3c00};
      put(tensor.data, i, zero_half_one[rng.below(3)]);
    } else {
      tensor.data[i * size] = static_cast<char>(rng.below(2));
    }
  }
}

Result<ports::InferenceRequest> random_request(const ports::ModelInfo& model, int64_t size, Rng& rng) {
  ports::InferenceRequest request;
  for (const ports::TensorSpec& spec : model.inputs) {
    Tensor tensor{spec.name, spec.datatype, spec.shape, {}};
    tensor.shape.front() = 1;
    for (int64_t& dimension : tensor.shape) dimension = dimension < 0 ? size : dimension;
    TRY(size_t count, ports::element_count(tensor.shape));
    fill(tensor, count, rng);
    request.inputs.push_back(std::move(tensor));
  }
  return request;
}

bool is_close(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b)) ||
         std::abs(a - b) <= absolute + relative * std::max(std::abs(a), std::abs(b));
}

bool is_same(const Tensor& alone, const Tensor& together) {
  if (alone.shape != together.shape || alone.data.size() != together.data.size()) return false;
  const size_t size = ports::element_size(alone.type);
  if (alone.type != DataType::FP32 && alone.type != DataType::FP64) return alone.data == together.data;
  for (size_t i = 0; i * size < alone.data.size(); ++i) {
    const bool close = alone.type == DataType::FP32
                           ? is_close(get<float>(alone.data, i), get<float>(together.data, i))
                           : is_close(get<double>(alone.data, i), get<double>(together.data, i));
    if (!close) return false;
  }
  return true;
}

/// None: the model does not run at this size.
std::optional<bool> probe(const ports::ModelInfo& model, const RunOnce& run, int64_t size, Rng& rng) {
  std::vector<ports::InferenceRequest> requests;
  std::vector<ports::Outputs> alone;
  for (size_t i = 0; i < rows; ++i) {
    auto request = random_request(model, size, rng);
    if (!request) return std::nullopt;
    auto answer = run(*request);
    if (!answer) return std::nullopt;
    requests.push_back(std::move(*request));
    alone.push_back(std::move(*answer));
  }
  const std::vector<size_t> all{0, 1, 2};
  const auto groups = ports::join(model, requests, all, rows);
  if (groups.size() != 1) return false;
  const auto answer = run(groups.front().request);
  const auto together = answer ? ports::split(*answer, groups.front().rows) : std::nullopt;
  if (!together) return false;
  for (size_t i = 0; i < rows; ++i) {
    if (!std::equal(alone[i].begin(), alone[i].end(), (*together)[i].begin(), (*together)[i].end(), is_same))
      return false;
  }
  return true;
}

}  // namespace

bool rows_are_independent(const ports::ModelInfo& model, const RunOnce& run, Rng rng) {
  if (!ports::may_join(model)) return false;
  for (const ports::TensorSpec& spec : model.inputs) {
    if (spec.datatype == DataType::BYTES) return false;
  }
  for (const int64_t size : sizes) {
    if (const auto found = probe(model, run, size, rng)) return *found;
  }
  return false;
}

}  // namespace barrio::adapters::ort
