#include "api/oip/repository.h"

#include "api/oip/parameters.h"

namespace barrio::api {

namespace {

Result<JsonObject> object_of(std::string_view body) {
  if (body.empty()) return JsonObject();
  TRY(auto json, parse_json(body));
  if (!json.is_object()) return fail(Code::invalid, "the body must be a JSON object");
  return std::move(json.get_object());
}

}  // namespace

Result<bool> parse_index_request(std::string_view body) {
  TRY(const auto object, object_of(body));
  const Json* ready = object.if_contains("ready");
  return ready == nullptr ? Result<bool>(false) : from_json<bool>(*ready, "ready");
}

std::string print_index(std::span<const RepositoryEntry> entries) {
  JsonArray list;
  for (const RepositoryEntry& entry : entries) list.push_back(to_json(entry));
  return print_json(list);
}

Result<ports::Parameters> parse_repository_request(std::string_view body) {
  TRY(const auto object, object_of(body));
  return read_parameters(object.if_contains("parameters"));
}

std::string print_statistics(std::span<const VersionStatistics> statistics) {
  JsonArray list;
  for (const VersionStatistics& each : statistics) {
    JsonObject item = std::move(to_json(each).get_object());
    item["response_stats"] = JsonObject();
    item["memory_usage"] = JsonArray();
    list.push_back(std::move(item));
  }
  return print_json(JsonObject{{"model_stats", std::move(list)}});
}

}  // namespace barrio::api
