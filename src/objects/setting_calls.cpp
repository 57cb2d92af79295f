// What a tenant sets of a bucket: CORS, lifecycle, policy, tags; and what follows from it for requests. Each is kept
// in the words in which it was put, once it was understood.

#include <algorithm>
#include <array>

#include "api/s3/bucket_policy.h"
#include "api/s3/cors.h"
#include "api/s3/lifecycle.h"
#include "base/text.h"
#include "objects/access.h"
#include "objects/answers.h"
#include "objects/conditions.h"
#include "objects/s3_service.h"

namespace barrio::objects {

using api::s3::Access;
using api::s3::refuse;

namespace {

struct Setting {
  std::string_view name;  // as the query says it
  const char* absent;     // code
  const char* type;       // of its text
  int put_status;
};
constexpr std::array settings{
    Setting{"cors", "NoSuchCORSConfiguration", "application/xml", 200},
    Setting{"lifecycle", "NoSuchLifecycleConfiguration", "application/xml", 200},
    Setting{"policy", "NoSuchBucketPolicy", "application/json", 204},
    Setting{"tagging", "NoSuchTagSet", "application/xml", 204},
};

constexpr size_t most_bucket_tags = 50;

api::s3::Outcome<void> check_bucket_tags(const std::string& text) {
  S3_TRY(const auto tags, tags_in(text));
  return tags.size() <= most_bucket_tags ? api::s3::Outcome<void>()
                                         : refuse("InvalidTag", "a bucket has at most 50 tags");
}

api::s3::Outcome<void> check_setting(const Setting& setting, const std::string& text, const Bucket& bucket) {
  if (setting.name == "cors") S3_TRY_DO(api::s3::parse_cors(text));
  if (setting.name == "lifecycle") S3_TRY_DO(api::s3::parse_lifecycle(text));
  if (setting.name == "policy") {
    S3_TRY(const auto statements, api::s3::parse_bucket_policy(text, bucket.name.str()));
    S3_TRY_DO(api::s3::check_names(statements));
  }
  if (setting.name == "tagging") S3_TRY_DO(check_bucket_tags(text));
  return {};
}

std::vector<std::string> small_names(std::string_view list) {
  std::vector<std::string> names;
  for (const std::string_view name : split(list, ',')) {
    if (!trim(name).empty()) names.push_back(to_lower(trim(name)));
  }
  return names;
}

net::OwnedHeaders cors_headers(const api::s3::CorsRule& rule, const std::string& origin) {
  const bool any = std::ranges::find(rule.origins, "*") != rule.origins.end();
  net::OwnedHeaders headers = {{"Access-Control-Allow-Origin", any ? "*" : origin},
                               {"Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"}};
  if (!any) headers.emplace_back("Access-Control-Allow-Credentials", "true");
  if (!rule.exposed.empty()) {
    headers.emplace_back("Access-Control-Expose-Headers", join_text(std::span<const std::string>(rule.exposed), ", "));
  }
  return headers;
}

}  // namespace

bool S3Service::is_setting(const std::string& subresource) {
  return std::ranges::find(settings, subresource, &Setting::name) != settings.end();
}

S3Service::Outcome<void> S3Service::bucket_setting(S3Call& call, const Bucket& bucket) {
  const Setting& setting = *std::ranges::find(settings, call.subresource(), &Setting::name);
  const std::string name(setting.name);
  if (call.view.method == "GET") {
    const std::string text = parts_.store.setting(bucket.id, name);
    if (text.empty()) return refuse(setting.absent, "the bucket has no such configuration");
    call.reply(200, {{"Content-Type", setting.type}}, text);
    return {};
  }
  std::optional<std::string> text;
  if (call.view.method == "PUT") {
    S3_TRY(CheckedBody body, CheckedBody::of(call));
    S3_TRY(text, body.read_all(ports::most_setting_bytes));
    S3_TRY_DO(check_setting(setting, *text, bucket));
  } else if (call.view.method != "DELETE") {
    return refuse("MethodNotAllowed", "it is read, put and deleted");
  }
  const bool puts = text.has_value();
  const auto set = parts_.store.set_setting(bucket.id, name, std::move(text));
  if (!set) return tl::unexpected(fault_of(set.error(), "NoSuchBucket"));
  call.reply(puts ? setting.put_status : 204, {}, "");
  return {};
}

S3Service::Outcome<void> S3Service::policy_status(S3Call& call, const Bucket& bucket) {
  const std::string text = parts_.store.setting(bucket.id, "policy");
  if (text.empty()) return refuse("NoSuchBucketPolicy", "the bucket has no policy");
  S3_TRY(const auto statements, policies_.of(bucket, text));
  api::s3::XmlWriter xml;
  xml.open_root("PolicyStatus");
  xml.flag("IsPublic", std::ranges::any_of(*statements, [](const auto& one) { return one.allows && one.anybody; }));
  xml.close();
  call.reply_xml(xml.text());
  return {};
}

/// Whether who asks may do this to the object (or, without a key, to the bucket): its tenant, or whom its policy lets.
S3Service::Outcome<void> S3Service::check_access(const S3Call& call, const Bucket& bucket, const std::string& action,
                                                 const std::string& key) const {
  const bool owns = !call.tenant.empty() && call.tenant == bucket.tenant;
  const std::string text = action.empty() ? "" : parts_.store.setting(bucket.id, "policy");
  Access access = Access::unsaid;
  if (!text.empty()) {
    S3_TRY(const auto statements, policies_.of(bucket, text));
    access = api::s3::access_by(*statements, {call.tenant.str(), action, key});
  }
  if (access == Access::denied) return refuse("AccessDenied", "the bucket's policy denies " + action);
  if (owns || access == Access::allowed) return {};
  return refuse("AccessDenied", call.tenant.empty() ? "the request is not signed, and no policy of the bucket lets "
                                                      "anybody do this"
                                                    : "the bucket is another tenant's, and no policy of it lets you "
                                                      "do this");
}

/// What the answer says to a page of another origin.
void S3Service::set_cors(S3Call& call, const Bucket& bucket) const {
  const std::string origin = call.header("origin");
  if (origin.empty()) return;
  const std::string text = parts_.store.setting(bucket.id, "cors");
  const auto rules = text.empty() ? std::vector<api::s3::CorsRule>()
                                  : api::s3::parse_cors(text).value_or(std::vector<api::s3::CorsRule>());
  const auto* rule = api::s3::allowing_rule(rules, {origin, call.view.method, {}});
  if (rule != nullptr) call.cors = cors_headers(*rule, origin);
}

/// A browser asks before it sends a page's request; nobody signs that.
S3Service::Outcome<void> S3Service::preflight(S3Call& call, const Bucket& bucket) {
  const std::string origin = call.header("origin");
  const std::string method = call.header("access-control-request-method");
  const std::string asked = call.header("access-control-request-headers");
  if (origin.empty() || method.empty()) {
    return refuse("InvalidRequest", "OPTIONS needs Origin and Access-Control-Request-Method");
  }
  const std::string text = parts_.store.setting(bucket.id, "cors");
  if (text.empty()) return refuse("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.");
  S3_TRY(const auto rules, api::s3::parse_cors(text));
  const auto* rule = api::s3::allowing_rule(rules, {origin, method, small_names(asked)});
  if (rule == nullptr) return refuse("AccessForbidden", "CORSResponse: This CORS request is not allowed.");
  call.cors = cors_headers(*rule, origin);
  net::OwnedHeaders headers = {
      {"Access-Control-Allow-Methods", join_text(std::span<const std::string>(rule->methods), ", ")}};
  if (!asked.empty()) {
    const auto names = small_names(asked);
    headers.emplace_back("Access-Control-Allow-Headers", join_text(std::span<const std::string>(names), ", "));
  }
  if (rule->max_age) headers.emplace_back("Access-Control-Max-Age", std::to_string(*rule->max_age));
  call.reply(200, std::move(headers), "");
  return {};
}

}  // namespace barrio::objects
