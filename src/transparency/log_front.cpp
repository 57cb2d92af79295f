#include "transparency/log_front.h"

#include "base/json.h"
#include "decide/proof/salt.h"

namespace barrio::transparency {

namespace {

constexpr std::string_view log_prefix = "/log/";
constexpr std::string_view witness_path = "/witness/add-checkpoint";

net::Response text_answer(int status, std::string body, const char* type, const char* cache) {
  return {.status = status, .headers = {{"Content-Type", type}, {"Cache-Control", cache}}, .body = std::move(body)};
}

net::Response refused(int status, const std::string& why) {
  return text_answer(status, why + "\n", "text/plain; charset=utf-8", "no-store");
}

net::Response unknown_caller() {
  net::Response answer = refused(401, "say who you are");
  answer.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="barrio")");
  return answer;
}

net::Response json_answer(const Json& body) {
  return text_answer(200, print_json(body) + "\n", "application/json", "no-store");
}

}  // namespace

net::Response LogFront::answer(const LogRequest& request) {
  if (request.path == witness_path) {
    if (request.method != "POST") return refused(405, "this path takes POST");
    return witness_.add_checkpoint(request.body);
  }
  if (request.method != "GET") return refused(405, "this path takes GET");
  if (request.path == "/log/salt") return request.tenant ? salt(*request.tenant) : unknown_caller();
  if (request.path == "/log/keys") return keys();
  return file(request.path.substr(log_prefix.size()));
}

net::Response LogFront::file(const std::string& path) {
  if (path == "checkpoint") {
    auto note = log_.checkpoint();
    if (!note) return refused(503, note.error().text());
    if (!*note) return refused(404, "nothing is published yet");
    return text_answer(200, std::move(**note), "text/plain; charset=utf-8", "no-cache");
  }
  auto tile = log_.tile(path);
  if (tile)
    return text_answer(200, std::move(*tile), "application/octet-stream", "public, max-age=31536000, immutable");
  const bool absent = tile.error().code == Code::not_found || tile.error().code == Code::invalid;
  return refused(absent ? 404 : 503, tile.error().text());
}

net::Response LogFront::keys() const {
  return json_answer(JsonObject{{"log", log_key_.verifier().str()}, {"witness", witness_.verifier().str()}});
}

net::Response LogFront::salt(const TenantId& tenant) const {
  const auto salt = decide::tenant_salt(salt_secret_, tenant);
  return text_answer(200, decide::sign_salt({site_, tenant, salt}, log_key_), "text/plain; charset=utf-8", "no-store");
}

}  // namespace barrio::transparency
