#include "api/openai/answer.h"

namespace barrio::api {

namespace {

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : to_json(text);
}

JsonObject model_object(const ports::GenerationModel& model) {
  const auto created = std::chrono::duration_cast<std::chrono::seconds>(model.created.time_since_epoch());
  return {{"id", model.name},
          {"object", "model"},
          {"created", int64_t{created.count()}},
          {"owned_by", model.owner.empty() ? "barrio" : model.owner}};
}

}  // namespace

JsonObject openai_error_object(const OpenAiError& error) {
  return {{"message", error.message},
          {"type", error.type},
          {"param", text_or_null(error.param)},
          {"code", text_or_null(error.code)}};
}

std::string print_openai_error(const OpenAiError& error) {
  return print_json(JsonObject{{"error", openai_error_object(error)}});
}

bool is_openai_error(std::string_view body) {
  const auto json = parse_json(body);
  if (!json || !json->is_object()) return false;
  const Json* error = json->get_object().if_contains("error");
  if (error == nullptr || !error->is_object()) return false;
  const Json* message = error->get_object().if_contains("message");
  return message != nullptr && message->is_string();
}

std::string print_openai_models(std::span<const ports::GenerationModel> models) {
  JsonArray list;
  for (const ports::GenerationModel& model : models) list.push_back(model_object(model));
  return print_json(JsonObject{{"object", "list"}, {"data", std::move(list)}});
}

std::string print_openai_model(const ports::GenerationModel& model) {
  return print_json(model_object(model));
}

void append_event(std::string& out, std::string_view json) {
  while (!json.empty()) {
    const size_t end = json.find_first_of("\r\n");
    out.append("data: ").append(json.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    json.remove_prefix(end + (json.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  out += '\n';
}

}  // namespace barrio::api
