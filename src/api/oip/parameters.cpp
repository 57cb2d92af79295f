#include "api/oip/parameters.h"

namespace barrio::api {

namespace {

Result<ports::Parameter> read_parameter(const Json& value, const std::string& where) {
  if (value.is_bool()) return ports::Parameter(value.get_bool());
  if (value.is_int64()) return ports::Parameter(value.get_int64());
  if (value.is_double()) return ports::Parameter(value.get_double());
  if (value.is_string()) return ports::Parameter(std::string(value.get_string()));
  return fail(Code::invalid, "must be text, a number, true or false", where);
}

}  // namespace

Result<ports::Parameters> read_parameters(const Json* parameters) {
  ports::Parameters read;
  if (parameters == nullptr || parameters->is_null()) return read;
  if (!parameters->is_object()) return fail(Code::invalid, "must be an object", "parameters");
  if (parameters->get_object().size() > max_parameters)
    return fail(Code::invalid, "more than " + std::to_string(max_parameters), "parameters");
  for (const auto& item : parameters->get_object()) {
    std::string name(item.key());
    TRY(auto value, read_parameter(item.value(), "parameters." + name));
    read.emplace_back(std::move(name), std::move(value));
  }
  return read;
}

JsonObject print_parameters(const ports::Parameters& parameters) {
  JsonObject printed;
  for (const auto& [name, value] : parameters) {
    printed[name] = std::visit([](const auto& each) { return Json(each); }, value);
  }
  return printed;
}

const ports::Parameter* find_parameter(const ports::Parameters& parameters, std::string_view name) {
  for (const auto& [each, value] : parameters) {
    if (each == name) return &value;
  }
  return nullptr;
}

}  // namespace barrio::api
