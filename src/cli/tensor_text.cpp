#include "cli/tensor_text.h"

#include "base/text.h"

namespace barrio::cli {

namespace {

constexpr const char* form = "must be like name=1,2,3:FP32[1,3]";

Result<JsonArray> parse_shape(std::string_view text, const std::string& whole) {
  JsonArray shape;
  for (std::string_view item : split(text, ',')) {
    auto size = parse_uint(trim(item));
    if (!size) return fail(Code::invalid, std::string(form) + "; '" + std::string(item) + "' is no size", whole);
    shape.push_back(static_cast<int64_t>(*size));
  }
  return shape;
}

Result<Json> parse_element(std::string_view text, std::string_view type, const std::string& whole) {
  if (type == "BYTES") return Json(boost::json::string(text));
  if (type == "BOOL") return Json(text == "true" || text == "1");
  auto number = parse_double(text);
  if (!number) return fail(Code::invalid, std::string(form) + "; '" + std::string(text) + "' is no number", whole);
  if (type.starts_with("FP")) return Json(*number);
  return Json(static_cast<int64_t>(*number));
}

}  // namespace

Result<Json> parse_tensor_text(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return fail(Code::invalid, form, text);
  std::string_view values = std::string_view(text).substr(equals + 1);
  std::string_view type = "FP32";
  std::optional<JsonArray> shape;
  if (const size_t colon = values.rfind(':'); colon != std::string_view::npos) {
    type = values.substr(colon + 1);
    values = values.substr(0, colon);
    const size_t open = type.find('[');
    if (open != std::string_view::npos) {
      if (!type.ends_with(']')) return fail(Code::invalid, form, text);
      TRY(shape, parse_shape(type.substr(open + 1, type.size() - open - 2), text));
      type = type.substr(0, open);
    }
  }
  JsonArray data;
  for (std::string_view item : split(values, ',')) {
    TRY(auto element, parse_element(trim(item), type, text));
    data.push_back(std::move(element));
  }
  if (!shape) shape = JsonArray{1, static_cast<int64_t>(data.size())};
  return Json(JsonObject{{"name", text.substr(0, equals)},
                         {"datatype", std::string(type)},
                         {"shape", std::move(*shape)},
                         {"data", std::move(data)}});
}

}  // namespace barrio::cli
