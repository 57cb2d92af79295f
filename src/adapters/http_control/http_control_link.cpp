#include "adapters/http_control/http_control_link.h"

#include "base/check.h"
#include "base/crypto.h"
#include "base/http_time.h"

namespace barrio::adapters {
namespace {

constexpr size_t longest_reason = 300;

/// application/x-www-form-urlencoded.
std::string form_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (plain)
      out += c;
    else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

/// Control's own words, if it sent problem+json; else the start of whatever came.
std::string reason_of(const net::Response& answer) {
  const auto parsed = parse_json(answer.body);
  if (parsed && parsed->is_object()) {
    for (const char* key : {"detail", "error_description", "title", "error"}) {
      const Json* text = parsed->get_object().if_contains(key);
      if (text != nullptr && text->is_string()) return std::string(text->get_string());
    }
  }
  return answer.body.substr(0, longest_reason);
}

/// Apart from the orders, which stand whatever becomes of it.
void read_snapshot(const Json& json, SiteOrders& orders) {
  auto snapshot = from_json<Snapshot>(json, "snapshot");
  if (snapshot) {
    orders.snapshot = std::move(*snapshot);
    return;
  }
  const Json* version = json.is_object() ? json.get_object().if_contains("version") : nullptr;
  const bool known = version != nullptr && version->is_int64();
  orders.unreadable = RefusedSnapshot{known ? version->get_int64() : 0, snapshot.error().text()};
}

tl::unexpected<Error> refused(const net::Response& answer, const std::string& where) {
  const std::string what = "control answered " + std::to_string(answer.status) + ": " + reason_of(answer);
  switch (answer.status) {
    case 401:
    case 403: return fail(Code::denied, what, where);
    case 404: return fail(Code::not_found, what, where);
    case 400:
    case 422: return fail(Code::invalid, what, where);
    case 409: return fail(Code::conflict, what, where);
    case 507: return fail(Code::exhausted, what, where);
    default: return fail(Code::unavailable, what, where);
  }
}

}  // namespace

/// RFC 6749 section 5.1; further members are allowed there, so this is read by hand.
struct TokenAnswer {
  std::string access_token;
  int64_t expires_in = 0;
  static Result<TokenAnswer> parse(const std::string& body) {
    TRY(auto json, parse_json(body));
    const Json* token = json.is_object() ? json.get_object().if_contains("access_token") : nullptr;
    const Json* seconds = json.is_object() ? json.get_object().if_contains("expires_in") : nullptr;
    if (token == nullptr || !token->is_string()) return fail(Code::invalid, "the token answer has no access_token");
    TokenAnswer answer{std::string(token->get_string()), 60};
    if (seconds != nullptr && seconds->is_int64()) answer.expires_in = seconds->get_int64();
    return answer;
  }
};

HttpControlLink::HttpControlLink(ports::Runtime& runtime, FetchControl fetch, HttpControlConfig config)
    : runtime_(runtime), fetch_(std::move(fetch)), config_(std::move(config)) {
  CHECK(!config_.members.empty());
}

Result<net::Response> HttpControlLink::ask(const net::Request& request, Duration timeout) {
  for (size_t tried = 1;; ++tried) {
    // Both of what sites ask for may be asked twice.
    auto answer = fetch_(config_.members[member_], request, runtime_.now() + timeout);
    if (answer && answer->status / 100 == 2 && config_.on_time) tell_time(*answer);
    const bool away = !answer || answer->status == 502 || answer->status == 503;
    if (!away || (!answer && answer.error().code == Code::cancelled)) return answer;
    member_ = (member_ + 1) % config_.members.size();
    if (tried >= config_.members.size()) return answer;
  }
}

void HttpControlLink::tell_time(const net::Response& answer) const {
  const auto date = net::find_header(answer.headers, "Date");
  const auto time = date ? parse_http_time(*date) : std::nullopt;
  if (time) config_.on_time(*time);
}

Result<void> HttpControlLink::renew_token() {
  net::Request request;
  request.method = "POST";
  request.target = "/oauth2/token";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = "grant_type=client_credentials&client_id=" + form_encode(config_.client_id) +
                 "&client_secret=" + form_encode(config_.client_secret);
  const Time asked = runtime_.now();
  TRY(auto answer, ask(request, config_.call_timeout));
  if (answer.status != 200) return refused(answer, "token of site " + config_.site.str());
  TRY(auto token, TokenAnswer::parse(answer.body));
  token_ = std::move(token.access_token);
  // At three quarters of its life, so that control may be away for a while without anyone noticing.
  renew_at_ = asked + std::chrono::seconds(token.expires_in) * 3 / 4;
  return {};
}

Result<net::Response> HttpControlLink::call(const net::Request& request, Duration timeout) {
  for (int attempt = 0;; ++attempt) {
    if (token_.empty() || runtime_.now() >= renew_at_) {
      const auto renewed = renew_token();
      if (!renewed && token_.empty()) return fail(renewed.error());
    }
    net::Request authorised = request;
    authorised.headers.emplace_back("Authorization", "Bearer " + token_);
    TRY(auto answer, ask(authorised, timeout));
    if (answer.status != 401 || attempt == 1) return answer;
    token_.clear();
  }
}

Result<SiteOrders> HttpControlLink::sync(const SiteReport& report) {
  net::Request request;
  request.method = "POST";
  request.target = "/barrio/v1/sites/" + config_.site.str() + "/sync";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = print_json(to_json(report));
  TRY(auto answer, call(request, config_.call_timeout));
  if (answer.status != 200) return refused(answer, "sync");
  TRY(auto json, parse_json(answer.body));
  std::optional<Json> snapshot;
  if (JsonObject* object = json.if_object(); object != nullptr && object->contains("snapshot")) {
    snapshot = std::move(object->at("snapshot"));
    object->erase("snapshot");
  }
  auto orders = from_json<SiteOrders>(json, "orders");
  if (!orders) return fail(std::move(orders).error().within("sync"));
  if (snapshot && !snapshot->is_null()) read_snapshot(*snapshot, *orders);
  return orders;
}

Result<std::string> HttpControlLink::fetch_blob(const std::string& sha256) {
  net::Request request;
  request.target = "/barrio/v1/blobs/" + sha256;
  TRY(auto answer, call(request, config_.blob_timeout));
  if (answer.status != 200) return refused(answer, "blob " + sha256);
  if (sha256_hex(answer.body) != sha256)
    return fail(Code::unavailable, "the content has another hash", "blob " + sha256);
  return std::move(answer.body);
}

template <class Answer, class Body>
Result<Answer> HttpControlLink::post(const std::string& path, const Body& body) {
  net::Request request;
  request.method = "POST";
  request.target = "/barrio/v1/sites/" + config_.site.str() + path;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = print_json(to_json(body));
  TRY(auto answer, call(request, config_.call_timeout));
  if (answer.status != 200 && answer.status != 201) return refused(answer, path);
  TRY(auto json, parse_json(answer.body));
  auto read = from_json<Answer>(json);
  if (!read) return fail(std::move(read).error().within(path));
  return read;
}

Result<StorageAnswer> HttpControlLink::pull(const StorageReport& report) {
  return post<StorageAnswer>("/storage", report);
}

Result<Bucket> HttpControlLink::create_bucket(const SiteBucketRequest& request) {
  return post<Bucket>("/buckets", request);
}

Result<Bucket> HttpControlLink::report_copy(const CopyReport& report) {
  return post<Bucket>("/copies", report);
}

Result<api::JoinAnswer> HttpControlLink::join(const api::JoinRequest& request) {
  return post<api::JoinAnswer>("/join", request);
}

Result<void> HttpControlLink::delete_bucket(const Bucket& bucket) {
  net::Request request;
  request.method = "DELETE";
  request.target = "/barrio/v1/sites/" + config_.site.str() + "/buckets/" + bucket.name.str();
  TRY(auto answer, call(request, config_.call_timeout));
  if (answer.status != 204 && answer.status != 404) return refused(answer, "delete bucket " + bucket.name.str());
  return {};
}

}  // namespace barrio::adapters
