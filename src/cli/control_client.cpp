#include "cli/control_client.h"

#include "base/text.h"

namespace barrio::cli {

std::string query_of(std::initializer_list<std::pair<const char*, std::string>> parameters) {
  std::string query;
  for (const auto& [name, value] : parameters) {
    if (!value.empty()) query += (query.empty() ? "?" : "&") + std::string(name) + "=" + net::percent_encode(value);
  }
  return query;
}

/// The first that answers; with one alone there is nothing to choose.
Result<void> ControlClient::choose_member() {
  if (member_) return {};
  const auto urls = split(context_.control, ',');
  for (const std::string_view url : urls) {
    TRY(auto address, parse_url(std::string(url), context_.ca.value_or("")));
    if (urls.size() > 1) {
      auto healthy = http_.call(address, {.method = "GET", .target = "/healthz"}, 1s);
      if (!healthy || healthy->status != 200) continue;
    }
    member_ = address;
    return {};
  }
  return fail(Code::unavailable, "no member answers", "control at " + context_.control);
}

Result<net::Response> ControlClient::send(net::Request request, Duration within) {
  TRY_DO(choose_member());
  auto answer = http_.call(*member_, std::move(request), within);
  if (!answer) return fail(std::move(answer).error().within("control at " + context_.control));
  if (answer->status < 200 || answer->status > 299) return fail(problem(*answer));
  return answer;
}

Result<std::string> ControlClient::token() {
  if (!token_.empty()) return token_;
  auto answer = send({.method = "POST",
                      .target = "/oauth2/token",
                      .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                      .body = "grant_type=client_credentials&client_id=" + context_.client_id +
                              "&client_secret=" + context_.client_secret,
                      .peer_ip = {}},
                     10s);
  if (!answer) return fail(std::move(answer).error().within("token for '" + context_.name + "'"));
  TRY(auto body, parse_json(answer->body));
  const Json* token = body.is_object() ? body.get_object().if_contains("access_token") : nullptr;
  if (token == nullptr || !token->is_string())
    return fail(Code::invalid, "the token endpoint's answer holds no access_token");
  token_ = std::string(token->get_string());
  return token_;
}

Result<std::string> ControlClient::call_text(const std::string& method, const std::string& path, std::string body) {
  TRY(auto bearer, token());
  net::Request request{.method = method,
                       .target = "/barrio/v1" + path,
                       .headers = {{"Authorization", "Bearer " + bearer}},
                       .body = std::move(body),
                       .peer_ip = {}};
  if (!request.body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  TRY(auto answer, send(std::move(request), 15s));
  return std::move(answer.body);
}

Result<Json> ControlClient::call(const std::string& method, const std::string& path, std::string body) {
  TRY(auto answer, call_text(method, path, std::move(body)));
  if (answer.empty()) return Json(nullptr);
  return parse_json(answer);
}

Result<Json> ControlClient::list(const std::string& path, const std::string& items) {
  constexpr int most_pages = 1000;
  JsonArray all;
  std::string asked = path;
  for (int page = 0; page < most_pages; ++page) {
    TRY(auto answer, get(asked));
    const JsonObject* object = answer.if_object();
    const Json* found = object != nullptr ? object->if_contains(items) : nullptr;
    if (found == nullptr || !found->is_array()) return fail(Code::invalid, "control answered no '" + items + "'", path);
    all.insert(all.end(), found->get_array().begin(), found->get_array().end());
    const Json* next = object->if_contains("next");
    if (next == nullptr) return Json(JsonObject{{items, std::move(all)}});
    if (!next->is_string()) return fail(Code::invalid, "control answered a 'next' that is no text", path);
    asked = path + (path.find('?') == std::string::npos ? "?" : "&") +
            "after=" + net::percent_encode(std::string_view(next->get_string()));
  }
  return fail(Code::exhausted, "the list has more than " + std::to_string(most_pages) + " pages", path);
}

namespace {

/// What comes in pieces, event by event: fields of lines, ended by an empty one.
class EventReader {
 public:
  explicit EventReader(const std::function<void(std::string_view, const Json&)>& told) : told_(told) {}
  void read(std::string_view piece) {
    text_ += piece;
    for (size_t end = text_.find("\n\n"); end != std::string::npos; end = text_.find("\n\n")) {
      event(std::string_view(text_).substr(0, end));
      text_.erase(0, end + 2);
    }
  }
  const std::string& last_id() const { return last_id_; }
  void forget_piece() { text_.clear(); }

 private:
  void event(std::string_view text) {
    std::string_view kind;
    std::string_view data;
    for (const std::string_view line : split(text, '\n')) {
      if (line.starts_with("id: ")) last_id_ = line.substr(4);
      if (line.starts_with("event: ")) kind = line.substr(7);
      if (line.starts_with("data: ")) data = line.substr(6);
    }
    const auto json = parse_json(data);
    if (!kind.empty() && json) told_(kind, *json);
  }
  const std::function<void(std::string_view, const Json&)>& told_;
  std::string text_;
  std::string last_id_;
};

}  // namespace

/// Where a member that does not lead sends us. What began with TLS does not go on in clear: the token would be told.
Result<net::Endpoint> ControlClient::leader_of(const net::Response& answer) const {
  const std::string location(net::find_header(answer.headers, "Location").value_or(""));
  TRY(auto leader, parse_url(location.substr(0, location.find('/', sizeof("http://"))), context_.ca.value_or("")));
  if (member_->tls && !leader.tls) {
    return fail(Code::unavailable,
                "the leading member " + leader.address.str() +
                    " tells its address in clear; name that member's https address as control",
                "control at " + context_.control);
  }
  return leader;
}

Result<net::Response> ControlClient::follow(const std::string& path, const std::string& last_id, Time until,
                                            const std::function<void(std::string_view)>& piece) {
  TRY(auto bearer, token());
  TRY_DO(choose_member());
  net::Request request{.method = "GET", .target = "/barrio/v1" + path, .headers = {}, .body = {}, .peer_ip = {}};
  request.headers = {{"Authorization", "Bearer " + bearer}, {"Accept", "text/event-stream"}};
  if (!last_id.empty()) request.headers.emplace_back("Last-Event-ID", last_id);
  auto answer = http_.follow(*member_, request, until, piece);
  // Whatever became of the connection may be better in a moment, and at another member.
  if (!answer) return fail(Code::unavailable, answer.error().text(), "control at " + context_.control);
  return answer;
}

Result<void> ControlClient::watch(const std::string& path, Time until, const std::function<void(bool)>& connected,
                                  const std::function<void(std::string_view, const Json&)>& told) {
  constexpr int most_failures = 10;  // before the first answer: then it is known to be worth waiting for
  bool is_connected = false;
  bool was_ever = false;
  EventReader reader(told);
  for (int failures = 0; http_.now() < until;) {
    reader.forget_piece();
    auto answer = follow(path, reader.last_id(), until, [&](std::string_view piece) {
      was_ever = true;
      if (!std::exchange(is_connected, true)) connected(true);
      reader.read(piece);
    });
    if (answer && answer->status == 307) {
      TRY(member_, leader_of(*answer));
      continue;
    }
    if (http_.now() >= until) break;
    const bool is_gone = answer ? answer->status == 200 || answer->status == 401 || answer->status == 503
                                : answer.error().code == Code::unavailable;
    const auto error = [&] { return answer ? problem(*answer) : answer.error(); };
    if (!is_gone || (!was_ever && ++failures > most_failures)) return fail(error());
    if (answer && answer->status == 401) token_.clear();  // an hour is over
    if (std::exchange(is_connected, false)) connected(false);
    member_.reset();
    http_.pause_until(std::min(until, http_.now() + 500ms));
  }
  return {};
}

Result<void> ControlClient::put_blob(const std::string& sha256, std::string content) {
  TRY(auto bearer, token());
  net::Request request{.method = "PUT",
                       .target = "/barrio/v1/blobs/" + sha256,
                       .headers = {{"Authorization", "Bearer " + bearer}, {"Content-Type", "application/octet-stream"}},
                       .body = std::move(content),
                       .peer_ip = {}};
  auto answer = send(std::move(request), 300s);
  if (!answer) return fail(std::move(answer).error());
  return {};
}

}  // namespace barrio::cli
