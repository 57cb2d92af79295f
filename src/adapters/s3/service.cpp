#include "adapters/s3/service.h"

#include <algorithm>

#include "api/s3/sigv4.h"
#include "api/s3/xml.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/text.h"

namespace barrio::adapters::s3 {

namespace {

constexpr Duration first_pause = 50ms;
constexpr size_t most_keys_a_call = 1000;  // of DeleteObjects
constexpr int most_pages = 100'000;        // of a list
constexpr std::string_view owner_header = "x-amz-meta-barrio-owner";

std::string authority_of(const std::string& endpoint) {
  const size_t begin = endpoint.find("://");
  CHECK(begin != std::string::npos);
  return endpoint.substr(begin + 3);
}

/// "20260102T030405Z"
std::string amz_time(WallTime now) {
  std::string text = to_string(now).substr(0, 19);  // 2026-01-02T03:04:05.000Z
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text + "Z";
}

bool passes(int status) {
  return status == 500 || status == 502 || status == 503 || status == 504 || status == 409 || status == 408 ||
         status == 429;
}

bool is_well(int status) {
  return status >= 200 && status < 300;
}

/// What the service says of itself.
std::string words_of(const HttpAnswer& answer) {
  const auto xml = api::s3::read_xml(answer.body);
  const std::string code = xml ? xml->text_of("Code") : "";
  const std::string message = xml ? xml->text_of("Message") : "";
  return "status " + std::to_string(answer.status) + (code.empty() ? "" : " " + code) +
         (message.empty() ? "" : " (" + message.substr(0, 200) + ")");
}

/// What is wrong between this site and its service is not the fault of who stores.
Code code_of(const HttpAnswer& answer, bool of_object) {
  const auto says = [&](std::string_view code) { return answer.body.find(code) != std::string::npos; };
  if (answer.status == 404 && of_object && !says("NoSuchBucket")) return Code::not_found;
  if (answer.status == 507 || says("QuotaExceeded")) return Code::exhausted;
  return Code::unavailable;
}

std::string escaped(const std::string& text) {
  api::s3::XmlWriter xml;
  xml.leaf("k", text);
  const std::string whole = xml.text();
  return whole.substr(whole.find("<k>") + 3, whole.rfind("</k>") - whole.find("<k>") - 3);
}

}  // namespace

std::string Service::full(const std::string& key) const {
  return config_.prefix.empty() ? key : config_.prefix + "/" + key;
}

HttpCall Service::signed_call(const Ask& ask) const {
  std::string path = "/" + api::s3::uri_encode(config_.bucket, false);
  if (!ask.of_bucket) path += "/" + api::s3::uri_encode(full(ask.key), true);
  std::string query;
  for (const auto& [name, value] : ask.query) {
    query += (query.empty() ? "" : "&") + api::s3::uri_encode(name, false) + "=" + api::s3::uri_encode(value, false);
  }
  HttpCall call{ask.method, path + (query.empty() ? "" : "?" + query), ask.headers, ask.body};
  const std::string now = amz_time(transport_->wall());
  call.headers.emplace_back("host", authority_of(config_.endpoint));
  call.headers.emplace_back("x-amz-content-sha256", sha256_hex(ask.body));
  call.headers.emplace_back("x-amz-date", now);
  api::s3::RequestView view{call.method, path, query, {}};
  for (const auto& [name, value] : call.headers) view.headers.emplace_back(name, value);
  api::s3::SignatureClaim claim;
  claim.key_id = config_.key_id;
  claim.timestamp = now;
  claim.scope = now.substr(0, 8) + "/" + config_.region + "/s3/aws4_request";
  claim.payload_text = call.headers[call.headers.size() - 2].second;
  for (const auto& [name, value] : call.headers) claim.signed_headers.push_back(name);
  std::ranges::sort(claim.signed_headers);
  const std::string signature = api::s3::signature_of(claim, view, config_.secret);
  call.headers.emplace_back(
      "authorization", "AWS4-HMAC-SHA256 Credential=" + claim.key_id + "/" + claim.scope +
                           ", SignedHeaders=" + join_text(std::span<const std::string>(claim.signed_headers), ";") +
                           ", Signature=" + signature);
  return call;
}

Result<HttpAnswer> Service::call(const Ask& ask) const {
  Rng rng(jitter_.fetch_add(1));
  Result<HttpAnswer> answer = fail(Code::unavailable, "");
  int unanswered = 0;
  bool unsure = false;  // an earlier attempt may have been done
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    // Between half and all of what doubles each time: who was refused together does not come back together.
    if (attempt != 0) {
      const Duration most = first_pause * (1 << attempt);
      transport_->pause(most / 2 + Duration(static_cast<int64_t>(rng.below(static_cast<uint64_t>(most.count() / 2)))));
    }
    answer = transport_->call(signed_call(ask));
    if (answer && !passes(answer->status)) return answer;
    if (!answer && answer.error().code == Code::denied) break;  // it will be the next time, too
    unsure = unsure || answer || answer.error().code == Code::timed_out;
    if (!answer && answer.error().code == Code::timed_out && ++unanswered == most_unanswered) break;
  }
  if (answer || !unsure) return answer;
  return fail(Code::timed_out, answer.error().what, answer.error().where);
}

tl::unexpected<Error> Service::unanswered(const Error& error, Code code) const {
  if (error.code == Code::denied) {
    return fail(Code::unavailable,
                "the certificate of the S3 service at " + config_.endpoint + " is refused: " + error.what, error.where);
  }
  return fail(code, "no answer of the S3 service: " + error.what, config_.endpoint);
}

tl::unexpected<Error> Service::refused(const Ask& ask, const HttpAnswer& answer) const {
  const std::string what = "the S3 service answers " + ask.method + " with " + words_of(answer);
  const bool of_object = ask.method == "GET" && !ask.of_bucket;
  return fail(code_of(answer, of_object), what, config_.bucket + (ask.of_bucket ? "" : "/" + full(ask.key)));
}

Result<HttpAnswer> Service::call_well(const Ask& ask) const {
  auto answer = call(ask);
  if (!answer) return unanswered(answer.error());
  if (!is_well(answer->status)) return refused(ask, *answer);
  return answer;
}

Result<void> Service::put(const std::string& key, std::string_view body) const {
  TRY_DO(call_well({.method = "PUT", .key = key, .body = body}));
  return {};
}

Result<Service::Stored> Service::put_new(const std::string& key, std::string_view body,
                                         const std::string& owner) const {
  auto stored = put_next(key, body, owner);
  if (!stored && stored.error().code == Code::timed_out) stored.error().code = Code::unavailable;
  return stored;
}

Result<Service::Stored> Service::put_next(const std::string& key, std::string_view body,
                                          const std::string& owner) const {
  const Ask ask{.method = "PUT",
                .key = key,
                .headers = {{"if-none-match", "*"}, {std::string(owner_header), owner}},
                .body = body};
  const auto answer = call(ask);
  if (!answer) return unanswered(answer.error(), answer.error().code);
  if (answer->status == 412) return Stored::exists;
  if (!is_well(answer->status)) return refused(ask, *answer);
  return Stored::yes;
}

Result<std::string> Service::get(const std::string& key) const {
  TRY(auto answer, call_well({.method = "GET", .key = key}));
  return std::move(answer.body);
}

Result<std::string> Service::get(const std::string& key, uint64_t offset, size_t size) const {
  const std::string range = "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + size - 1);
  TRY(auto answer, call_well({.method = "GET", .key = key, .headers = {{"range", range}}}));
  if (answer.body.size() != size) return fail(Code::unavailable, "the S3 service answered another range", full(key));
  return std::move(answer.body);
}

Result<std::optional<Head>> Service::head(const std::string& key) const {
  const Ask ask{.method = "HEAD", .key = key};
  auto answer = call(ask);
  if (!answer) return unanswered(answer.error());
  if (answer->status == 404) return std::optional<Head>();
  if (!is_well(answer->status)) return refused(ask, *answer);
  const auto size = parse_uint(answer->header("content-length"));
  if (!size) return fail(Code::invalid, "the S3 service says no length", full(key));
  return std::optional(Head{*size, answer->header(owner_header)});
}

Result<void> Service::copy(const std::string& from, const std::string& to) const {
  const std::string source = "/" + config_.bucket + "/" + api::s3::uri_encode(full(from), true);
  TRY(const auto answer, call_well({.method = "PUT", .key = to, .headers = {{"x-amz-copy-source", source}}}));
  // An error may come after the head of a good answer.
  const auto xml = api::s3::read_xml(answer.body);
  if (!xml || xml->name != "CopyObjectResult") return fail(Code::unavailable, "the copy failed", full(to));
  return {};
}

Result<void> Service::remove(std::span<const std::string> keys) const {
  for (; !keys.empty(); keys = keys.subspan(std::min(keys.size(), most_keys_a_call))) {
    std::string body = "<Delete><Quiet>true</Quiet>";
    for (const std::string& key : keys.first(std::min(keys.size(), most_keys_a_call))) {
      body += "<Object><Key>" + escaped(full(key)) + "</Key></Object>";
    }
    body += "</Delete>";
    TRY(const auto answer, call_well({.method = "POST",
                                      .query = {{"delete", ""}},
                                      .headers = {{"content-md5", base64(hash_of(HashKind::md5, body))},
                                                  {"content-type", "application/xml"}},
                                      .body = body,
                                      .of_bucket = true}));
    const auto xml = api::s3::read_xml(answer.body);
    if (!xml) return fail(Code::unavailable, "the S3 service's answer cannot be read", config_.bucket);
    if (const auto* error = xml->find("Error")) {
      return fail(Code::unavailable, "the S3 service removes not: " + error->text_of("Message"), error->text_of("Key"));
    }
  }
  return {};
}

Result<void> Service::list(const std::string& prefix, const std::function<void(Listed)>& take) const {
  const std::string below = config_.prefix.empty() ? "" : config_.prefix + "/";
  std::string next;
  for (int page = 0; page < most_pages; ++page) {
    Ask ask{.method = "GET", .query = {{"list-type", "2"}, {"prefix", below + prefix}}, .of_bucket = true};
    if (page != 0) ask.query.insert(ask.query.begin(), {"continuation-token", next});
    TRY(const auto answer, call_well(ask));
    const auto xml = api::s3::read_xml(answer.body);
    if (!xml || xml->name != "ListBucketResult") {
      return fail(Code::unavailable, "the S3 service's list cannot be read", config_.bucket);
    }
    for (const auto& child : xml->children) {
      if (child.name != "Contents") continue;
      const std::string key = child.text_of("Key");
      const auto size = parse_uint(child.text_of("Size"));
      if (!key.starts_with(below + prefix) || !size) {
        return fail(Code::unavailable, "the S3 service's list has what was not asked for", config_.bucket);
      }
      take({key.substr(below.size()), *size});
    }
    if (xml->text_of("IsTruncated") != "true") return {};
    next = xml->text_of("NextContinuationToken");
    if (next.empty()) return fail(Code::unavailable, "the S3 service's list does not go on", config_.bucket);
  }
  return fail(Code::unavailable, "the S3 service's list has no end", config_.bucket);
}

Result<bool> Service::keeps_versions() const {
  const Ask ask{.method = "GET", .query = {{"versioning", ""}}, .of_bucket = true};
  auto answer = call(ask);
  if (!answer) return unanswered(answer.error());
  if (answer->status == 501 || answer->status == 405) return false;
  if (!is_well(answer->status)) return refused(ask, *answer);
  const auto xml = api::s3::read_xml(answer->body);
  // Suspended, too: versions of before are kept.
  return xml && !xml->text_of("Status").empty();
}

}  // namespace barrio::adapters::s3
