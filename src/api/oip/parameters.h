#pragma once
// "parameters" of a request, in JSON and in GRPCInferenceService: texts, numbers, true and false by name. Those that we
// act on ourselves are taken out by their readers; the rest goes on to the model.

#include "base/json.h"
#include "ports/inference_backend.h"

namespace barrio::api {

constexpr size_t max_parameters = 64;

/// By name; absent or null: none. Errors: invalid, naming the parameter.
Result<ports::Parameters> read_parameters(const Json* parameters);
JsonObject print_parameters(const ports::Parameters& parameters);

const ports::Parameter* find_parameter(const ports::Parameters& parameters, std::string_view name);
/// Takes it out, if it is there. Errors: invalid (of another kind).
template <class T>
Result<std::optional<T>> take_parameter(ports::Parameters& parameters, std::string_view name) {
  for (auto it = parameters.begin(); it != parameters.end(); ++it) {
    if (it->first != name) continue;
    T* value = std::get_if<T>(&it->second);
    if (value == nullptr) return fail(Code::invalid, "is of the wrong kind", "parameters." + std::string(name));
    std::optional<T> taken = std::move(*value);
    parameters.erase(it);
    return taken;
  }
  return std::optional<T>();
}

}  // namespace barrio::api
