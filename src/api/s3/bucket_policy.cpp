#include "api/s3/bucket_policy.h"

#include <algorithm>

#include "api/s3/pattern.h"
#include "base/json.h"
#include "base/text.h"
#include "model/ids.h"

namespace barrio::api::s3 {

namespace {

constexpr size_t most_statements = 100;
constexpr std::string_view arn = "arn:aws:s3:::";

/// All that access_by is asked about (objects/access.h).
constexpr std::string_view asked_actions[] = {"s3:GetObject",
                                              "s3:GetObjectVersion",
                                              "s3:PutObject",
                                              "s3:DeleteObject",
                                              "s3:DeleteObjectVersion",
                                              "s3:GetObjectTagging",
                                              "s3:GetObjectVersionTagging",
                                              "s3:PutObjectTagging",
                                              "s3:PutObjectVersionTagging",
                                              "s3:DeleteObjectTagging",
                                              "s3:DeleteObjectVersionTagging",
                                              "s3:GetObjectRetention",
                                              "s3:PutObjectRetention",
                                              "s3:GetObjectLegalHold",
                                              "s3:PutObjectLegalHold",
                                              "s3:ListMultipartUploadParts",
                                              "s3:AbortMultipartUpload",
                                              "s3:ListBucketMultipartUploads",
                                              "s3:ListBucketVersions",
                                              "s3:ListBucket"};

tl::unexpected<Fault> malformed_policy(std::string what) {
  return refuse("MalformedPolicy", std::move(what));
}

/// A text or a list of texts.
Outcome<std::vector<std::string>> texts_of(const Json& json, const char* name) {
  std::vector<std::string> texts;
  if (json.is_string()) texts.emplace_back(json.as_string());
  for (const Json& one : json.is_array() ? json.as_array() : JsonArray()) {
    if (!one.is_string()) return malformed_policy(std::string(name) + " must be text");
    texts.emplace_back(one.as_string());
  }
  if (texts.empty()) return malformed_policy(std::string(name) + " must be a text or a list of texts");
  return texts;
}

/// "acme", or "arn:aws:iam::acme:root" as AWS's tools write it.
std::string tenant_named(std::string text) {
  constexpr std::string_view before = "arn:aws:iam::";
  constexpr std::string_view behind = ":root";
  if (text.starts_with(before) && text.ends_with(behind)) {
    text = text.substr(before.size(), text.size() - before.size() - behind.size());
  }
  return text;
}

Outcome<void> take_principal(const Json& json, PolicyStatement& statement) {
  const Json* named = &json;
  if (json.is_object()) {
    named = json.as_object().if_contains("AWS");
    if (named == nullptr || json.as_object().size() != 1)
      return malformed_policy("Principal must be \"*\" or {\"AWS\": ...}");
  }
  S3_TRY(const auto texts, texts_of(*named, "Principal"));
  for (const std::string& text : texts) {
    if (text == "*") statement.anybody = true;
    statement.tenants.push_back(tenant_named(text));
  }
  return {};
}

Outcome<void> take_resources(const Json& json, std::string_view bucket, PolicyStatement& statement) {
  S3_TRY(const auto texts, texts_of(json, "Resource"));
  for (const std::string& text : texts) {
    const std::string name = std::string(arn) + std::string(bucket);
    if (text == name) {
      statement.of_bucket = true;
    } else if (text.starts_with(name + "/")) {
      statement.keys.push_back(text.substr(name.size() + 1));
    } else {
      return malformed_policy("Resource '" + text.substr(0, 80) + "' must be " + name + " or " + name + "/...");
    }
  }
  return {};
}

Outcome<PolicyStatement> parse_statement(const Json& json, std::string_view bucket) {
  if (!json.is_object()) return malformed_policy("a Statement must be an object");
  PolicyStatement statement;
  const JsonObject& object = json.as_object();
  for (const auto& [name, value] : object) {
    if (name == "Sid") continue;
    if (name == "Effect") {
      const std::string_view text = value.is_string() ? std::string_view(value.as_string()) : "";
      if (text != "Allow" && text != "Deny") return malformed_policy("Effect must be Allow or Deny");
      statement.allows = text == "Allow";
    } else if (name == "Principal") {
      S3_TRY_DO(take_principal(value, statement));
    } else if (name == "Action") {
      S3_TRY(statement.actions, texts_of(value, "Action"));
      for (std::string& action : statement.actions) action = to_lower(action);
    } else if (name == "Resource") {
      S3_TRY_DO(take_resources(value, bucket, statement));
    } else {
      // To leave out a condition would let in whom it keeps out.
      return refuse("NotImplemented", "a Statement's " + std::string(name) + " is not built");
    }
  }
  for (const char* needed : {"Effect", "Principal", "Action", "Resource"}) {
    if (!object.contains(needed)) return malformed_policy("a Statement needs " + std::string(needed));
  }
  return statement;
}

bool is_about(const PolicyStatement& statement, const AccessQuestion& question) {
  const bool who =
      statement.anybody ||
      (!question.tenant.empty() && std::ranges::find(statement.tenants, question.tenant) != statement.tenants.end());
  const auto named = [](const std::vector<std::string>& patterns, std::string_view text) {
    return std::ranges::any_of(patterns, [&](const std::string& pattern) { return matches(pattern, text); });
  };
  const bool what = question.key.empty() ? statement.of_bucket : named(statement.keys, question.key);
  return who && what && named(statement.actions, to_lower(question.action));
}

}  // namespace

Outcome<std::vector<PolicyStatement>> parse_bucket_policy(std::string_view text, std::string_view bucket) {
  const auto json = parse_json(text);
  if (!json || !json->is_object()) return malformed_policy(json ? "must be an object" : json.error().text());
  const Json* list = json->as_object().if_contains("Statement");
  if (list == nullptr) return malformed_policy("needs a Statement");
  const JsonArray alone{*list};
  const JsonArray& all = list->is_array() ? list->as_array() : alone;
  std::vector<PolicyStatement> statements;
  for (const Json& one : all) {
    S3_TRY(PolicyStatement statement, parse_statement(one, bucket));
    statements.push_back(std::move(statement));
  }
  if (statements.empty() || statements.size() > most_statements) {
    return malformed_policy("has from 1 to 100 statements");
  }
  return statements;
}

Outcome<void> check_names(const std::vector<PolicyStatement>& statements) {
  for (const PolicyStatement& statement : statements) {
    for (const std::string& action : statement.actions) {
      const bool asked =
          std::ranges::any_of(asked_actions, [&](std::string_view known) { return matches(action, to_lower(known)); });
      if (!asked) {
        return malformed_policy("Action '" + action.substr(0, 80) + "' is none that is asked here; there are " +
                                join_text(std::span(asked_actions), ", ") + ", also with wildcards");
      }
    }
    for (const std::string& tenant : statement.tenants) {
      if (tenant != "*" && !TenantId::parse(tenant))
        return malformed_policy("Principal '" + tenant.substr(0, 80) + "' must be * or a tenant's name");
    }
  }
  return {};
}

Access access_by(const std::vector<PolicyStatement>& statements, const AccessQuestion& question) {
  Access access = Access::unsaid;
  for (const PolicyStatement& statement : statements) {
    if (!is_about(statement, question)) continue;
    if (!statement.allows) return Access::denied;
    access = Access::allowed;
  }
  return access;
}

}  // namespace barrio::api::s3
