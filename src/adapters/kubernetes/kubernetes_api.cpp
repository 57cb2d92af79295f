#include "adapters/kubernetes/kubernetes_api.h"

#include <algorithm>

#include "base/json_read.h"
#include "base/read_file.h"
#include "base/text.h"

namespace barrio::adapters::kubernetes {

namespace {

using json_read::at;
using json_read::text_of;

constexpr size_t longest_token = 64 * 1024;
constexpr size_t longest_words = 500;
constexpr const char* ours = "?fieldManager=barrio&force=true&fieldValidation=Strict";

Result<std::string> read_token(const std::string& path) {
  const auto content = read_file(path);
  if (!content) return fail(Code::unavailable, "the token for the Kubernetes API: " + content.error().what, path);
  const std::string token(trim(*content));
  const bool printable = std::ranges::all_of(token, [](char c) { return c > ' ' && c <= '~'; });
  if (token.empty() || token.size() > longest_token || !printable)
    return fail(Code::unavailable, "holds no token for the Kubernetes API", path);
  return token;
}

Code code_of(int status) {
  switch (status) {
    // It is this site's credentials or rights that it refuses, not what is asked for.
    case 401:
    case 403: return Code::unavailable;
    case 404:
    case 410: return Code::not_found;
    case 409: return Code::conflict;
    case 429: return Code::exhausted;
    default: return status < 500 ? Code::invalid : Code::unavailable;
  }
}

/// The server's words, or the status where it has none.
std::string words_of(int status, const std::string& body) {
  const auto json = parse_json(body);
  const std::string message = json ? text_of(at(*json, "message")) : std::string();
  return message.empty() ? "status " + std::to_string(status) : message.substr(0, longest_words);
}

tl::unexpected<Error> refused(int status, const std::string& words, const std::string& what) {
  return fail(code_of(status), "the Kubernetes API: " + words, what);
}

Result<Json> json_of(const net::Response& response, const std::string& what) {
  auto json = parse_json(response.body);
  if (!json) return fail(Code::unavailable, "the Kubernetes API's answer is not JSON: " + json.error().text(), what);
  return std::move(*json);
}

std::string title(const net::Request& request) {
  return request.method + " " + std::string(request.path());
}

/// How long the server asks to wait; none: it does not.
std::optional<Duration> pause_of(const net::Response& response) {
  if (response.status != 429 && response.status != 503) return std::nullopt;
  const auto text = net::find_header(response.headers, "retry-after");
  const auto seconds = text ? parse_uint(*text) : std::nullopt;
  if (!seconds) return response.status == 429 ? std::optional<Duration>(1s) : std::nullopt;
  return std::chrono::seconds(std::min<uint64_t>(*seconds, 3600));
}

net::Request get_request(const std::string& target) {
  return {.target = target, .headers = {{"Accept", "application/json"}}};
}

}  // namespace

Result<std::string> KubernetesApi::token() {
  if (token_read_ && runtime_.now() - *token_read_ < config_.token_kept) return token_;
  std::optional<Result<std::string>> read;
  runtime_.offload([&] { read = read_token(config_.token_file); });
  if (!*read) return fail(read->error());
  token_ = std::move(**read);
  token_read_ = runtime_.now();
  return token_;
}

Result<net::Request> KubernetesApi::with_token(net::Request request) {
  request.headers.emplace_back("User-Agent", "barrio");
  if (config_.token_file.empty()) return request;
  TRY(const std::string shown, token());
  request.headers.emplace_back("Authorization", "Bearer " + shown);
  return request;
}

/// Waits where the server asks for it, and shows a new token where the one it knew is refused.
Result<net::Response> KubernetesApi::call(const net::Request& request) {
  const Time latest = runtime_.now() + config_.patience;
  bool renewed = false;
  while (true) {
    TRY(net::Request shown, with_token(request));
    auto answer = fetch_(config_.server, std::move(shown), runtime_.now() + config_.call_within);
    if (!answer)
      return fail(Code::unavailable, "the Kubernetes API does not answer: " + answer.error().text(), title(request));
    if (answer->status == 401 && !config_.token_file.empty() && !std::exchange(renewed, true)) {
      token_read_.reset();
      continue;
    }
    const auto pause = pause_of(*answer);
    if (!pause || runtime_.now() + *pause > latest || runtime_.stopping()) return answer;
    runtime_.sleep_for(std::max<Duration>(*pause, 100ms));
  }
}

Result<Json> KubernetesApi::get(const std::string& target) {
  const net::Request request = get_request(target);
  TRY(const net::Response answer, call(request));
  if (answer.status != 200) return refused(answer.status, words_of(answer.status, answer.body), title(request));
  return json_of(answer, title(request));
}

Result<std::string> KubernetesApi::get_text(const std::string& target) {
  net::Request request = get_request(target);
  request.headers = {{"Accept", "*/*"}};
  TRY(net::Response answer, call(request));
  if (answer.status != 200) return refused(answer.status, words_of(answer.status, answer.body), title(request));
  return std::move(answer.body);
}

Result<Json> KubernetesApi::apply(const std::string& path, const Json& object) {
  const net::Request request{
      .method = "PATCH",
      .target = path + ours,
      .headers = {{"Accept", "application/json"}, {"Content-Type", "application/apply-patch+yaml"}},
      .body = print_json(object)};
  TRY(const net::Response answer, call(request));
  if (answer.status != 200 && answer.status != 201) {
    const bool hidden = text_of(at(object, "kind")) == "Secret";
    return refused(answer.status,
                   hidden ? "status " + std::to_string(answer.status) : words_of(answer.status, answer.body),
                   title(request));
  }
  return json_of(answer, title(request));
}

Result<void> KubernetesApi::remove(const std::string& path) {
  const net::Request request{.method = "DELETE",
                             .target = path + "?propagationPolicy=Foreground",
                             .headers = {{"Accept", "application/json"}}};
  TRY(const net::Response answer, call(request));
  if (answer.status < 300 || answer.status == 404) return {};
  return refused(answer.status, words_of(answer.status, answer.body), title(request));
}

Result<void> KubernetesApi::watch(const std::string& target, Duration within,
                                  const std::function<bool(std::string_view)>& take) {
  const net::Request request = get_request(target);
  TRY(net::Request shown, with_token(request));
  std::string refusal;
  const auto piece = [&](int status, std::string_view text) {
    if (status == 200) return take(text);
    refusal.append(text.substr(0, longest_words * 4 - std::min(refusal.size(), longest_words * 4)));
    return true;
  };
  auto answer = stream_(config_.server, std::move(shown), runtime_.now() + within, piece);
  if (!answer) return fail(answer.error());
  if (answer->status == 401) token_read_.reset();
  if (answer->status != 200) return refused(answer->status, words_of(answer->status, refusal), title(request));
  return {};
}

}  // namespace barrio::adapters::kubernetes
