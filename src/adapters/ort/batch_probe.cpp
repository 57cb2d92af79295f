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
constexpr size_t draws = 2;
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

/// What a row holds. Nets whose number of answers depends on what they see show it on rows that have nothing in them.
enum class Kind { random, zeros, ones, wide };
constexpr Kind kinds[] = {Kind::random, Kind::zeros, Kind::random, Kind::ones, Kind::wide};

double draw(Kind kind, Rng& rng) {
  switch (kind) {
    case Kind::zeros: return 0;
    case Kind::ones: return 1;
    case Kind::wide: return 4 * rng.unit() - 2;
    case Kind::random: break;
  }
  return rng.unit();
}

/// Whole numbers are 0 or 1: also a net that looks words up in a table takes them.
void fill(Tensor& tensor, size_t count, Kind kind, Rng& rng) {
  const size_t size = ports::element_size(tensor.type);
  tensor.data.assign(count * size, '\0');
  for (size_t i = 0; i < count; ++i) {
    if (tensor.type == DataType::FP32) {
      put(tensor.data, i, static_cast<float>(draw(kind, rng)));
    } else if (tensor.type == DataType::FP64) {
      put(tensor.data, i, draw(kind, rng));
    } else if (tensor.type == DataType::FP16) {
      constexpr uint16_t zero_half_one[] = {0, 0x3800, 0x3c00};
      put(tensor.data, i, zero_half_one[std::min<size_t>(2, static_cast<size_t>(3 * std::abs(draw(kind, rng))))]);
    } else {
      tensor.data[i * size] = static_cast<char>(draw(kind, rng) >= 0.5 ? 1 : 0);
    }
  }
}

Result<ports::InferenceRequest> random_request(const ports::ModelInfo& model, int64_t size, Kind kind, Rng& rng) {
  ports::InferenceRequest request;
  for (const ports::TensorSpec& spec : model.inputs) {
    Tensor tensor{spec.name, spec.datatype, spec.shape, {}};
    tensor.shape.front() = 1;
    for (int64_t& dimension : tensor.shape) dimension = dimension < 0 ? size : dimension;
    TRY(size_t count, ports::element_count(tensor.shape));
    fill(tensor, count, kind, rng);
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

/// One row in, one row out.
bool is_one_row(const Tensor& tensor) {
  return !tensor.shape.empty() && tensor.shape.front() == 1;
}

/// None: the model does not run at this size.
std::optional<bool> probe(const ports::ModelInfo& model, const RunOnce& run, int64_t size, Rng& rng) {
  std::vector<ports::InferenceRequest> requests;
  std::vector<ports::Outputs> alone;
  std::vector<size_t> all;
  for (const Kind kind : kinds) {
    auto request = random_request(model, size, kind, rng);
    if (!request) return std::nullopt;
    auto answer = run(*request);
    if (!answer) return std::nullopt;
    if (!std::all_of(answer->begin(), answer->end(), is_one_row)) return false;
    all.push_back(requests.size());
    requests.push_back(std::move(*request));
    alone.push_back(std::move(*answer));
  }
  const auto groups = ports::join(model, requests, all, std::size(kinds));
  if (groups.size() != 1) return false;
  const auto answer = run(groups.front().request);
  const auto together = answer ? ports::split(*answer, groups.front().rows) : std::nullopt;
  if (!together) return false;
  for (size_t i = 0; i < alone.size(); ++i) {
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
    std::optional<bool> found = true;
    for (size_t i = 0; i < draws && found == true; ++i) found = probe(model, run, size, rng);
    if (found) return *found;
  }
  return false;
}

}  // namespace barrio::adapters::ort
