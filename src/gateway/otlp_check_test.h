#pragma once
// An OTLP/HTTP JSON payload against what the protocol's definitions require (trace.proto, common.proto, and the JSON
// encoding of the OTLP specification), written without the code under test.

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"

namespace barrio::gateway::test {

class OtlpCheck {
 public:
  std::vector<std::string> faults;
  std::vector<Json> spans;

  void request(const Json& value) {
    if (!only(value, {"resourceSpans"}, "request")) return;
    for (const Json& group : list(value, "resourceSpans")) {
      only(group, {"resource", "scopeSpans", "schemaUrl"}, "resourceSpans");
      only(group.at("resource"), {"attributes", "droppedAttributesCount"}, "resource");
      attributes(group.at("resource"));
      expect(text_of(group.at("resource"), "service.name").has_value(), "service.name is required of a resource");
      for (const Json& scoped : list(group, "scopeSpans")) {
        only(scoped, {"scope", "spans", "schemaUrl"}, "scopeSpans");
        for (const Json& each : list(scoped, "spans")) span(each);
      }
    }
  }

  static std::optional<std::string> text_of(const Json& holder, std::string_view key) {
    for (const Json& pair : holder.at("attributes").as_array()) {
      if (pair.at("key").as_string() != key) continue;
      const Json* text = pair.at("value").as_object().if_contains("stringValue");
      if (text == nullptr) text = pair.at("value").as_object().if_contains("intValue");
      if (text != nullptr) return std::string(std::string_view(text->as_string()));
    }
    return std::nullopt;
  }

 private:
  void expect(bool good, const std::string& fault) {
    if (!good) faults.push_back(fault);
  }
  bool only(const Json& value, const std::set<std::string>& keys, const std::string& where) {
    expect(value.is_object(), where + " must be an object");
    if (!value.is_object()) return false;
    for (const auto& [key, ignored] : value.as_object()) {
      expect(keys.contains(std::string(std::string_view(key))),
             where + " has no field " + std::string(std::string_view(key)));
    }
    return true;
  }
  JsonArray list(const Json& value, const char* key) {
    const Json* found = value.as_object().if_contains(key);
    expect(found != nullptr && found->is_array() && !found->as_array().empty(), std::string(key) + " must be a list");
    return found != nullptr && found->is_array() ? found->as_array() : JsonArray();
  }
  void id(const Json& span, const char* key, size_t digits, bool required) {
    const Json* found = span.as_object().if_contains(key);
    if (found == nullptr) return expect(!required, std::string(key) + " is required");
    const std::string text = found->is_string() ? std::string(std::string_view(found->as_string())) : "";
    expect(text.size() == digits && text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos &&
               text.find_first_not_of('0') != std::string::npos,
           std::string(key) + " must be hex and not all zero: " + text);
  }
  /// 64-bit numbers as decimal text.
  uint64_t time(const Json& span, const char* key) {
    const Json* found = span.as_object().if_contains(key);
    const bool text = found != nullptr && found->is_string() && !found->as_string().empty();
    expect(text, std::string(key) + " must be decimal text");
    return text ? std::stoull(std::string(std::string_view(found->as_string()))) : 0;
  }
  void span(const Json& span) {
    spans.push_back(span);
    if (!only(span,
              {"traceId", "spanId", "traceState", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano",
               "endTimeUnixNano", "attributes", "droppedAttributesCount", "events", "links", "status"},
              "span"))
      return;
    id(span, "traceId", 32, true);
    id(span, "spanId", 16, true);
    id(span, "parentSpanId", 16, false);
    const Json* name = span.as_object().if_contains("name");
    expect(name != nullptr && name->is_string() && !name->as_string().empty(), "name is required");
    const Json* kind = span.as_object().if_contains("kind");
    expect(kind != nullptr && kind->is_int64() && kind->as_int64() >= 1 && kind->as_int64() <= 5,
           "kind is a number 1-5");
    const uint64_t start = time(span, "startTimeUnixNano");
    expect(start > 1'700'000'000'000'000'000, "startTimeUnixNano is of this time");
    expect(time(span, "endTimeUnixNano") >= start, "a span ends after it starts");
    attributes(span);
    expect(text_of(span, "http.request.method").has_value(), "http.request.method is required of HTTP spans");
    if (kind->as_int64() == 2) {
      expect(text_of(span, "url.path").has_value(), "url.path is required of HTTP server spans");
      expect(text_of(span, "url.scheme").has_value(), "url.scheme is required of HTTP server spans");
    } else {
      expect(text_of(span, "server.address").has_value(), "server.address is required of HTTP client spans");
    }
    const Json* status = span.as_object().if_contains("status");
    if (status == nullptr) return;
    only(*status, {"message", "code"}, "status");
    expect(status->at("code").is_int64() && status->at("code").as_int64() <= 2, "status.code is a number 0-2");
  }
  void attributes(const Json& holder) {
    std::set<std::string> keys;
    for (const Json& pair : list(holder, "attributes")) {
      only(pair, {"key", "value"}, "attribute");
      expect(keys.insert(std::string(std::string_view(pair.at("key").as_string()))).second, "keys are unique");
      only(pair.at("value"), {"stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue"},
           "value");
      expect(pair.at("value").as_object().size() == 1, "a value has one kind");
      const Json* number = pair.at("value").as_object().if_contains("intValue");
      expect(number == nullptr || number->is_string(), "intValue is decimal text");
    }
  }
};

}  // namespace barrio::gateway::test
