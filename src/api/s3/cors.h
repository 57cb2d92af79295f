#pragma once
// What a bucket's CORS configuration allows pages of other origins (Fetch standard, "HTTP CORS protocol"; S3's
// CORSConfiguration). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/s3/fault.h"
#include "api/s3/xml.h"

namespace barrio::api::s3 {

struct CorsRule {
  std::vector<std::string> origins;  // "https://*.example", at most one '*' each
  std::vector<std::string> methods;
  std::vector<std::string> headers;  // that a request may have; small, at most one '*' each
  std::vector<std::string> exposed;  // of an answer
  std::optional<uint64_t> max_age;   // seconds
};

/// At most 100 rules. MalformedXML, InvalidRequest.
Outcome<std::vector<CorsRule>> parse_cors(std::string_view xml);

struct CorsQuestion {
  std::string_view origin;
  std::string_view method;
  std::vector<std::string> headers;  // of a preflight; small
};
/// The first rule that allows all of it; null: none does.
const CorsRule* allowing_rule(const std::vector<CorsRule>& rules, const CorsQuestion& question);

}  // namespace barrio::api::s3
