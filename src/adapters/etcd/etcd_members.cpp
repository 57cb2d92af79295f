#include "adapters/etcd/etcd_members.h"

#include "adapters/etcd/etcd_json.h"
#include "base/check.h"
#include "base/log.h"

namespace barrio::adapters::etcd {

namespace {

constexpr Duration pause_between_rounds = 50ms;
constexpr size_t longest_words = 300;  // of a member, repeated in an error

// gRPC status codes, as the gateway passes them on.
constexpr int64_t grpc_invalid = 3;
constexpr int64_t grpc_not_found = 5;
constexpr int64_t grpc_denied = 7;
constexpr int64_t grpc_exhausted = 8;
constexpr int64_t grpc_precondition = 9;
constexpr int64_t grpc_out_of_range = 11;
constexpr int64_t grpc_unauthenticated = 16;

std::string words_of(const JsonObject& answer) {
  for (const char* key : {"message", "error"}) {
    const Json* text = answer.if_contains(key);
    if (text != nullptr && text->is_string()) return std::string(text->get_string()).substr(0, longest_words);
  }
  return "no reason given";
}

CallFailure refusal(int64_t code, const std::string& words) {
  const auto known = [&](Code as) { return CallFailure{{as, words, "etcd"}}; };
  switch (code) {
    case grpc_invalid: return known(words.find("too large") == std::string::npos ? Code::unavailable : Code::exhausted);
    case grpc_not_found: return known(Code::not_found);
    case grpc_exhausted: return known(Code::exhausted);
    case grpc_denied:
    case grpc_precondition:
    case grpc_unauthenticated: return known(Code::unavailable);
    case grpc_out_of_range: return {.error = {Code::unavailable, words, "etcd"}, .compacted = true};
    default: return {.error = {Code::unavailable, words, "etcd"}, .unknown = true};
  }
}

}  // namespace

Members::Members(ports::Runtime& runtime, CallEtcd call, std::vector<net::Endpoint> endpoints, Duration timeout)
    : runtime_(runtime), call_(std::move(call)), endpoints_(std::move(endpoints)), timeout_(timeout) {
  CHECK(!endpoints_.empty());
}

Answer Members::read(const net::Response& response) {
  const auto unknown = [](std::string what) {
    return tl::unexpected(CallFailure{.error = {Code::unavailable, std::move(what), "etcd"}, .unknown = true});
  };
  auto json = parse_json(response.body);
  if (!json || !json->is_object()) {
    return unknown("HTTP " + std::to_string(response.status) + " without a JSON object");
  }
  JsonObject& answer = json->get_object();
  if (response.status != 200) {
    const auto code = number_at(answer, "code");
    return tl::unexpected(refusal(code.value_or(0), words_of(answer)));
  }
  // Streams wrap each of their messages.
  if (const JsonObject* inner = object_at(answer, "result")) answer = JsonObject(*inner);
  const JsonObject* header = object_at(answer, "header");
  const Json* cluster = header == nullptr ? nullptr : header->if_contains("cluster_id");
  if (cluster == nullptr || !cluster->is_string()) return unknown("the answer has no header of a cluster");
  const std::string id(cluster->get_string());
  if (cluster_.empty()) cluster_ = id;
  if (cluster_ != id) return unknown("one endpoint is of cluster " + id.substr(0, 40) + ", another of " + cluster_);
  return std::move(answer);
}

Answer Members::ask(const std::string& path, const std::string& body) {
  net::Request request{
      .method = "POST", .target = "/v3" + path, .headers = {{"Content-Type", "application/json"}}, .body = body};
  const net::Endpoint& endpoint = endpoints_[current_];
  auto response = call_(endpoint, std::move(request), runtime_.now() + timeout_);
  if (response) return read(*response);
  net::CallError& failed = response.error();
  const Code code = failed.error.code == Code::exhausted || failed.error.code == Code::cancelled ? failed.error.code
                                                                                                 : Code::unavailable;
  return tl::unexpected(
      CallFailure{.error = {code, failed.error.text(), "etcd at " + endpoint.address.str()}, .unknown = failed.sent});
}

Answer Members::once(const std::string& path, const JsonObject& body) {
  const std::string text = print_json(Json(body));
  Answer answer = ask(path, text);
  for (size_t tried = 1; !answer; ++tried) {
    const CallFailure& failure = answer.error();
    const bool unreached = failure.error.code == Code::unavailable && !failure.compacted;
    if (!unreached) return answer;
    rotate();
    if (failure.unknown || tried == endpoints_.size() || runtime_.stopping()) return answer;
    answer = ask(path, text);
  }
  return answer;
}

Answer Members::until(Time latest, const std::string& path, const JsonObject& body) {
  while (true) {
    Answer answer = once(path, body);
    if (answer || answer.error().error.code != Code::unavailable || answer.error().compacted) return answer;
    if (runtime_.stopping() || runtime_.now() + pause_between_rounds >= latest) return answer;
    runtime_.sleep_for(pause_between_rounds);
  }
}

}  // namespace barrio::adapters::etcd
