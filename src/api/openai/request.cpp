#include "api/openai/request.h"

#include <algorithm>
#include <array>

namespace barrio::api {

using ports::GenerationKind;

namespace {

constexpr size_t max_model_name = 256;
constexpr size_t bytes_of_token = 4;  // of English text, roughly

/// Null where it is absent, or null itself.
const Json* member(const JsonObject& object, std::string_view name) {
  const Json* found = object.if_contains(boost::json::string_view(name.data(), name.size()));
  return found == nullptr || found->is_null() ? nullptr : found;
}

template <class T>
Result<std::optional<T>> optional_member(const JsonObject& object, std::string_view name) {
  const Json* found = member(object, name);
  if (found == nullptr) return std::optional<T>();
  TRY(T value, from_json<T>(*found, std::string(name)));
  return std::optional<T>(std::move(value));
}

bool is_token(const Json& value) {
  return value.is_int64() && value.get_int64() >= 0;
}

/// Texts, tokens, or lists of them. Errors: invalid.
Result<size_t> prompt_size(const Json& prompt, const std::string& where) {
  if (prompt.is_string()) return prompt.get_string().size();
  if (!prompt.is_array()) return fail(Code::invalid, "must be text, tokens, or a list of these", where);
  const JsonArray& items = prompt.get_array();
  if (items.empty()) return fail(Code::invalid, "must not be empty", where);
  if (std::ranges::all_of(items, is_token)) return items.size() * bytes_of_token;
  if (items.size() > max_inputs) return fail(Code::invalid, "has more than " + std::to_string(max_inputs), where);
  size_t size = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const Json& item = items[i];
    const bool tokens = item.is_array() && !item.get_array().empty() && std::ranges::all_of(item.get_array(), is_token);
    if (!item.is_string() && !tokens)
      return fail(Code::invalid, "must be text or tokens", where + "[" + std::to_string(i) + "]");
    size += item.is_string() ? item.get_string().size() : item.get_array().size() * bytes_of_token;
  }
  return size;
}

/// The text of a message: "content" as text, or the texts among its parts.
Result<size_t> content_size(const JsonObject& message, const std::string& where) {
  const Json* content = member(message, "content");
  if (content == nullptr) return size_t{0};
  if (content->is_string()) return content->get_string().size();
  if (!content->is_array()) return fail(Code::invalid, "must be text or a list of parts", where + ".content");
  size_t size = 0;
  for (const Json& part : content->get_array()) {
    if (!part.is_object()) return fail(Code::invalid, "must be a list of objects", where + ".content");
    const Json* text = member(part.get_object(), "text");
    if (text != nullptr && text->is_string()) size += text->get_string().size();
  }
  return size;
}

Result<size_t> messages_size(const JsonObject& request) {
  const Json* messages = member(request, "messages");
  if (messages == nullptr) return fail(Code::invalid, "you must provide a messages parameter", "messages");
  if (!messages->is_array() || messages->get_array().empty())
    return fail(Code::invalid, "must be a list with at least one message", "messages");
  const JsonArray& items = messages->get_array();
  if (items.size() > max_messages)
    return fail(Code::invalid, "has more than " + std::to_string(max_messages) + " messages", "messages");
  size_t size = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string where = "messages[" + std::to_string(i) + "]";
    if (!items[i].is_object()) return fail(Code::invalid, "must be an object", where);
    const JsonObject& message = items[i].get_object();
    const Json* role = member(message, "role");
    if (role == nullptr || !role->is_string()) return fail(Code::invalid, "must be text", where + ".role");
    TRY(const size_t content, content_size(message, where));
    size += content;
  }
  return size;
}

Result<size_t> asked_size(GenerationKind kind, const JsonObject& request) {
  if (kind == GenerationKind::chat) return messages_size(request);
  const std::string name = kind == GenerationKind::embedding ? "input" : "prompt";
  const Json* prompt = member(request, name);
  if (prompt != nullptr) return prompt_size(*prompt, name);
  if (kind == GenerationKind::embedding) return fail(Code::invalid, "you must provide an input parameter", name);
  return size_t{0};  // a completion from nothing
}

Result<void> check_streaming(const JsonObject& request, bool stream) {
  const Json* options = member(request, "stream_options");
  if (options == nullptr) return {};
  if (!stream) return fail(Code::invalid, "is only allowed when 'stream' is true", "stream_options");
  if (!options->is_object()) return fail(Code::invalid, "must be an object", "stream_options");
  const Json* usage = member(options->get_object(), "include_usage");
  if (usage != nullptr && !usage->is_bool())
    return fail(Code::invalid, "must be true or false", "stream_options.include_usage");
  return {};
}

}  // namespace

Result<OpenAiRequest> parse_openai_request(GenerationKind kind, std::string_view body) {
  TRY(const auto json, parse_json(body));
  if (!json.is_object()) return fail(Code::invalid, "the body must be a JSON object");
  const JsonObject& object = json.get_object();
  OpenAiRequest request;
  TRY(auto model, optional_member<std::string>(object, "model"));
  if (!model || model->empty()) return fail(Code::invalid, "you must provide a model parameter", "model");
  if (model->size() > max_model_name)
    return fail(Code::invalid, "is longer than " + std::to_string(max_model_name) + " bytes", "model");
  request.model = std::move(*model);
  TRY(const auto stream, optional_member<bool>(object, "stream"));
  request.stream = kind != GenerationKind::embedding && stream.value_or(false);
  TRY_DO(check_streaming(object, request.stream));
  TRY(const auto choices, optional_member<uint64_t>(object, "n"));
  if (choices && (*choices < 1 || *choices > max_choices))
    return fail(Code::invalid, "must be 1 to " + std::to_string(max_choices), "n");
  TRY(const auto most, optional_member<uint64_t>(object, "max_tokens"));
  TRY(const auto newer, optional_member<uint64_t>(object, "max_completion_tokens"));
  request.most_tokens = newer ? newer : most;
  TRY(request.prompt_bytes, asked_size(kind, object));
  return request;
}

}  // namespace barrio::api
