#include "api/s3/cors.h"

#include <algorithm>
#include <array>

#include "api/s3/pattern.h"
#include "base/text.h"

namespace barrio::api::s3 {

namespace {

constexpr size_t most_cors_rules = 100;
constexpr std::array<std::string_view, 5> cors_methods{"GET", "PUT", "POST", "DELETE", "HEAD"};

/// They become part of headers.
bool is_header_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != ','; });
}

Outcome<void> take_cors_text(const XmlElement& element, CorsRule& rule) {
  const std::string text(trim(element.text));
  const bool pattern = element.name == "AllowedOrigin" || element.name == "AllowedHeader";
  if (!is_header_text(text) || (pattern && std::ranges::count(text, '*') > 1)) {
    return refuse("InvalidRequest", element.name + " '" + text.substr(0, 80) +
                                        "' must be visible ASCII without commas" +
                                        (pattern ? ", with one wildcard at most" : ""));
  }
  if (element.name == "AllowedOrigin") {
    rule.origins.push_back(text);
  } else if (element.name == "AllowedHeader") {
    rule.headers.push_back(to_lower(text));
  } else if (element.name == "ExposeHeader") {
    rule.exposed.push_back(text);
  } else {
    if (std::ranges::find(cors_methods, text) == cors_methods.end()) {
      return refuse("InvalidRequest",
                    "AllowedMethod must be GET, PUT, POST, DELETE or HEAD, not " + text.substr(0, 80));
    }
    rule.methods.push_back(text);
  }
  return {};
}

Outcome<CorsRule> parse_cors_rule(const XmlElement& element) {
  CorsRule rule;
  for (const XmlElement& child : element.children) {
    if (child.name == "ID") continue;
    if (child.name == "MaxAgeSeconds") {
      rule.max_age = parse_uint(trim(child.text));
      if (!rule.max_age) return refuse("MalformedXML", "MaxAgeSeconds must be a number");
    } else if (child.name == "AllowedOrigin" || child.name == "AllowedHeader" || child.name == "ExposeHeader" ||
               child.name == "AllowedMethod") {
      S3_TRY_DO(take_cors_text(child, rule));
    } else {
      return refuse("MalformedXML", "a CORSRule has no " + child.name);
    }
  }
  if (rule.origins.empty() || rule.methods.empty()) {
    return refuse("MalformedXML", "a CORSRule needs an AllowedOrigin and an AllowedMethod");
  }
  return rule;
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view text) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) { return matches(pattern, text); });
}

}  // namespace

Outcome<std::vector<CorsRule>> parse_cors(std::string_view xml) {
  const auto root = read_xml(xml);
  if (!root || root->name != "CORSConfiguration") {
    return refuse("MalformedXML", root ? "the root must be CORSConfiguration" : root.error().text());
  }
  std::vector<CorsRule> rules;
  for (const XmlElement& element : root->children) {
    if (element.name != "CORSRule") return refuse("MalformedXML", "a CORSConfiguration has no " + element.name);
    S3_TRY(CorsRule rule, parse_cors_rule(element));
    rules.push_back(std::move(rule));
  }
  if (rules.empty() || rules.size() > most_cors_rules) {
    return refuse("MalformedXML", "a CORSConfiguration has from 1 to 100 rules");
  }
  return rules;
}

const CorsRule* allowing_rule(const std::vector<CorsRule>& rules, const CorsQuestion& question) {
  for (const CorsRule& rule : rules) {
    if (any_matches(rule.origins, question.origin) &&
        std::ranges::find(rule.methods, question.method) != rule.methods.end() &&
        std::ranges::all_of(question.headers,
                            [&](const std::string& header) { return any_matches(rule.headers, header); })) {
      return &rule;
    }
  }
  return nullptr;
}

}  // namespace barrio::api::s3
