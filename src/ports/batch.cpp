#include "ports/batch.h"

#include <algorithm>
#include <numeric>

#include "ports/tensor.h"

namespace barrio::ports {

namespace {

bool is_free_first(const TensorSpec& spec) {
  return !spec.shape.empty() && spec.shape.front() < 0;
}

/// The first dimension that all inputs share; none: they differ, or there is nothing in them.
std::optional<int64_t> rows_of(const InferenceRequest& request) {
  std::optional<int64_t> rows;
  for (const Tensor& tensor : request.inputs) {
    if (tensor.shape.empty() || tensor.shape.front() < 1) return std::nullopt;
    if (rows && *rows != tensor.shape.front()) return std::nullopt;
    rows = tensor.shape.front();
  }
  return rows;
}

bool is_alike(const ModelInfo& model, const InferenceRequest& a, const InferenceRequest& b) {
  if (a.parameters != b.parameters) return false;
  return std::all_of(model.inputs.begin(), model.inputs.end(), [&](const TensorSpec& spec) {
    const auto& left = input_named(a, spec.name).shape;
    const auto& right = input_named(b, spec.name).shape;
    return std::equal(left.begin() + 1, left.end(), right.begin() + 1, right.end());
  });
}

int64_t sum(std::span<const int64_t> rows) {
  return std::accumulate(rows.begin(), rows.end(), int64_t{0});
}

InferenceRequest put_together(const ModelInfo& model, std::span<const InferenceRequest> batch, const Joined& group) {
  InferenceRequest request;
  const InferenceRequest& first = batch[group.members.front()];
  request.stream = first.stream;
  request.deadline = first.deadline;
  request.parameters = first.parameters;
  for (const size_t member : group.members) {
    const InferenceRequest& one = batch[member];
    if (one.stream != request.stream) request.stream.clear();
    if (one.deadline && (!request.deadline || *one.deadline < *request.deadline)) request.deadline = one.deadline;
  }
  for (const TensorSpec& spec : model.inputs) {
    Tensor tensor{spec.name, spec.datatype, input_named(first, spec.name).shape, {}};
    tensor.shape.front() = sum(group.rows);
    size_t bytes = 0;
    for (const size_t member : group.members) bytes += input_named(batch[member], spec.name).data.size();
    tensor.data.reserve(bytes);
    for (const size_t member : group.members) tensor.data += input_named(batch[member], spec.name).data;
    request.inputs.push_back(std::move(tensor));
  }
  return request;
}

size_t bytes_of(const InferenceRequest& request) {
  size_t bytes = 0;
  for (const Tensor& tensor : request.inputs) bytes += tensor.data.size();
  return bytes;
}

/// Where each member's part of the data ends.
std::optional<std::vector<size_t>> ends_of(const Tensor& tensor, std::span<const int64_t> rows) {
  std::vector<size_t> ends;
  if (tensor.shape.empty() || tensor.shape.front() != sum(rows) || tensor.shape.front() == 0) return std::nullopt;
  const auto count = element_count(tensor.shape);
  if (!count) return std::nullopt;
  const size_t per_row = *count / static_cast<size_t>(tensor.shape.front());
  size_t element = 0;
  if (tensor.type != DataType::BYTES) {
    for (const int64_t n : rows) {
      element += per_row * static_cast<size_t>(n);
      ends.push_back(element * element_size(tensor.type));
    }
    return ends;
  }
  const auto elements = unpack_bytes(tensor.data, *count);
  if (!elements) return std::nullopt;
  size_t end = 0;
  for (const int64_t n : rows) {
    const size_t until = element + per_row * static_cast<size_t>(n);
    for (; element < until; ++element) end += 4 + (*elements)[element].size();
    ends.push_back(end);
  }
  return ends;
}

}  // namespace

std::vector<size_t> check_batch(const ModelInfo& model, std::span<const InferenceRequest> batch,
                                std::span<Result<Outputs>> answers) {
  std::vector<size_t> good;
  for (size_t i = 0; i < batch.size(); ++i) {
    auto checked = check_inputs(model, batch[i]);
    if (checked)
      good.push_back(i);
    else
      answers[i] = fail(std::move(checked).error());
  }
  return good;
}

bool may_join(const ModelInfo& model) {
  return !model.inputs.empty() && !model.outputs.empty() &&
         std::all_of(model.inputs.begin(), model.inputs.end(), is_free_first) &&
         std::all_of(model.outputs.begin(), model.outputs.end(), is_free_first);
}

std::vector<Joined> join(const ModelInfo& model, std::span<const InferenceRequest> batch,
                         std::span<const size_t> wanted, int64_t most_rows) {
  struct Open {
    size_t group;
    int64_t rows;
    size_t bytes;
  };
  std::vector<Joined> groups;
  std::vector<Open> open;
  for (const size_t position : wanted) {
    const InferenceRequest& request = batch[position];
    const auto rows = may_join(model) ? rows_of(request) : std::nullopt;
    const size_t bytes = bytes_of(request);
    const auto fits = [&](const Open& other) {
      return other.rows + *rows <= most_rows && other.bytes + bytes <= max_tensor_bytes &&
             is_alike(model, batch[groups[other.group].members.front()], request);
    };
    const auto found = rows ? std::find_if(open.begin(), open.end(), fits) : open.end();
    if (found == open.end()) {
      if (rows) open.push_back({groups.size(), *rows, bytes});
      groups.push_back({{position}, {rows.value_or(1)}, {}});
      continue;
    }
    found->rows += *rows;
    found->bytes += bytes;
    groups[found->group].members.push_back(position);
    groups[found->group].rows.push_back(*rows);
  }
  for (Joined& group : groups) {
    if (group.members.size() > 1) group.request = put_together(model, batch, group);
  }
  return groups;
}

std::optional<std::vector<Outputs>> split(const Outputs& together, std::span<const int64_t> rows) {
  std::vector<Outputs> parts(rows.size());
  for (const Tensor& tensor : together) {
    const auto ends = ends_of(tensor, rows);
    if (!ends || ends->back() != tensor.data.size()) return std::nullopt;
    size_t from = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      Tensor part{tensor.name, tensor.type, tensor.shape, tensor.data.substr(from, (*ends)[i] - from)};
      part.shape.front() = rows[i];
      parts[i].push_back(std::move(part));
      from = (*ends)[i];
    }
  }
  return parts;
}

}  // namespace barrio::ports
