#include "api/oip/generate.h"

#include "api/oip/message.h"

namespace barrio::api {

namespace {

std::string_view view_of(const boost::json::string& text) {
  return {text.data(), text.size()};
}

Result<std::string> take_text(JsonObject& object, std::string_view name) {
  const auto it = object.find(boost::json::string_view(name.data(), name.size()));
  if (it == object.end()) return std::string();
  if (!it->value().is_string()) return fail(Code::invalid, "must be text", std::string(name));
  std::string text(view_of(it->value().get_string()));
  object.erase(it);
  return text;
}

/// choices[0].text, where there is one.
std::string text_of(std::string_view completion) {
  const auto json = parse_json(completion);
  if (!json || !json->is_object()) return {};
  const Json* choices = json->get_object().if_contains("choices");
  if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) return {};
  const Json& first = choices->get_array().front();
  const Json* text = first.is_object() ? first.get_object().if_contains("text") : nullptr;
  return text != nullptr && text->is_string() ? std::string(view_of(text->get_string())) : std::string();
}

}  // namespace

Result<GenerateRequest> parse_generate_request(std::string_view body) {
  TRY(auto json, parse_json(body));
  if (!json.is_object()) return fail(Code::invalid, "the body must be a JSON object");
  JsonObject object = std::move(json.get_object());
  if (!object.contains("text_input")) return fail(Code::invalid, "'text_input' is missing");
  GenerateRequest request;
  TRY(request.text, take_text(object, "text_input"));
  TRY(request.id, take_text(object, "id"));
  if (request.id.size() > max_text)
    return fail(Code::invalid, "is longer than " + std::to_string(max_text) + " bytes", "id");
  if (const Json* parameters = object.if_contains("parameters")) {
    if (!parameters->is_object()) return fail(Code::invalid, "must be an object", "parameters");
    request.parameters = parameters->get_object();
    object.erase("parameters");
  }
  for (auto& item : object) request.parameters[item.key()] = std::move(item.value());
  return request;
}

std::string print_generate_completion(const GenerateRequest& request, std::string_view model, GenerateForm form) {
  JsonObject body = request.parameters;
  body["model"] = model;
  body["prompt"] = request.text;
  body["stream"] = form == GenerateForm::streamed;
  return print_json(body);
}

std::string print_generate_response(const GenerateRequest& request, std::string_view model,
                                    std::string_view completion) {
  JsonObject body;
  if (!request.id.empty()) body["id"] = request.id;
  body["model_name"] = model;
  body["model_version"] = "1";
  body["text_output"] = text_of(completion);
  return print_json(body);
}

}  // namespace barrio::api
