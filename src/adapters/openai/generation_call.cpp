#include "adapters/openai/generation_call.h"

#include "base/json.h"
#include "base/text.h"

namespace barrio::adapters::openai {

namespace {

constexpr size_t longest_error = 64 * 1024;
constexpr size_t longest_answer = 32 * 1024 * 1024;
constexpr size_t longest_saying = 300;

Code code_of(int status) {
  switch (status) {
    case 400:
    case 413:
    case 422: return Code::invalid;
    case 404: return Code::not_found;
    case 429:
    case 503: return Code::exhausted;
    case 408:
    case 504: return Code::timed_out;
    default: return Code::unavailable;  // also 401: it is our key that it does not take, not the caller's
  }
}

/// OpenAI's error object. Some servers (vLLM before 0.10) say its members without one, beside "object": "error". None:
/// it is no error.
std::optional<std::string> error_in(std::string_view text) {
  const auto json = parse_json(text);
  if (!json || !json->is_object()) return std::nullopt;
  const JsonObject& said = json->get_object();
  if (const Json* error = said.if_contains("error"); error != nullptr && error->is_object()) return std::string(text);
  const Json* kind = said.if_contains("object");
  if (kind == nullptr || !kind->is_string() || kind->get_string() != "error") return std::nullopt;
  JsonObject error;
  for (const char* member : {"message", "type", "param", "code"}) {
    const Json* value = said.if_contains(member);
    error[member] = value == nullptr ? Json() : *value;
  }
  if (!error["message"].is_string()) error["message"] = std::string(text.substr(0, longest_saying));
  return print_json(JsonObject{{"error", std::move(error)}});
}

/// Whether it is worth to be looked at as JSON: texts of an answer stand in quotes, and have theirs escaped.
bool may_be_error(std::string_view event) {
  return event.find(R"("error")") != event.npos;
}

/// The message of OpenAI's error object, or the start of whatever came.
std::string saying(const std::string& body) {
  const auto json = parse_json(body);
  const Json* error = json && json->is_object() ? json->get_object().if_contains("error") : nullptr;
  if (error != nullptr && error->is_object()) error = error->get_object().if_contains("message");
  if (error == nullptr && json && json->is_object()) error = json->get_object().if_contains("message");
  if (error != nullptr && error->is_string()) return std::string(error->get_string()).substr(0, longest_saying);
  return body.substr(0, longest_saying);
}

}  // namespace

GenerationCall::GenerationCall(net::Client& client, CallSpec spec, CallEvents events)
    : spec_(std::move(spec)), events_(std::move(events)) {
  std::vector<net::Header> headers{{"Content-Type", "application/json"},
                                   {"Accept", spec_.stream ? "text/event-stream" : "application/json"}};
  const std::string authorization = "Bearer " + spec_.key;
  if (!spec_.key.empty()) headers.push_back({"Authorization", authorization});
  call_ = &client.start(spec_.endpoint,
                        {.method = "POST",
                         .target = spec_.target,
                         .headers = headers,
                         .length = spec_.body.size(),
                         .deadline = spec_.deadline},
                        *this);
  call_->write(spec_.body);
  call_->end();
  spec_.body = {};
}

GenerationCall::~GenerationCall() {
  *alive_ = false;
  if (call_ != nullptr) call_->cancel();
}

void GenerationCall::resume() {
  if (call_ != nullptr) call_->resume();
}

void GenerationCall::on_head(const net::ResponseHead& head) {
  status_ = head.status;
  const auto type = net::find_header(head.headers, "Content-Type").value_or("");
  is_stream_ = to_lower(type).starts_with("text/event-stream");
  const auto seconds = parse_uint(net::find_header(head.headers, "Retry-After").value_or(""));
  constexpr uint64_t a_day = 86400;
  if (seconds && *seconds <= a_day) retry_after_ = std::chrono::seconds(*seconds);
}

void GenerationCall::on_body(std::string_view piece) {
  if (status_ == 200 && spec_.stream && is_stream_) return read_events(piece);
  const bool is_answer = status_ == 200 && !spec_.stream;
  const size_t room = (is_answer ? longest_answer : longest_error) - body_.size();
  body_ += piece.substr(0, room);
  if (is_answer && piece.size() > room)
    fail_with({{Code::exhausted, "the answer is longer than " + std::to_string(longest_answer) + " bytes"}});
}

void GenerationCall::read_events(std::string_view piece) {
  const auto alive = alive_;
  const auto on_data = [&](std::string_view data) {
    if (data == "[DONE]") {
      complete_ = true;
      return true;
    }
    if (const auto error = may_be_error(data) ? error_in(data) : std::nullopt) {
      fail_with({{Code::unavailable, "the server broke off: " + saying(*error)}});
      return false;
    }
    const bool more = events_.piece(data);
    if (!*alive) return false;
    if (!more && call_ != nullptr) call_->pause();
    return call_ != nullptr;
  };
  auto fed = events_in_.feed(piece, on_data);
  if (*alive && !fed) fail_with({std::move(fed).error()});
}

void GenerationCall::on_done() {
  call_ = nullptr;
  if (status_ != 200) return fail_with(refused());
  if (spec_.stream) {
    if (complete_) return events_.end();
    return fail_with({{Code::unavailable, is_stream_ ? "the server ended the stream before its end"
                                                     : "the server answered a request for a stream with none"}});
  }
  const auto alive = alive_;
  events_.piece(body_);
  if (*alive) events_.end();
}

void GenerationCall::on_error(net::CallError error) {
  call_ = nullptr;
  if (error.error.code == Code::invalid) error.error.code = Code::unavailable;  // it does not speak HTTP
  fail_with({std::move(error.error)});
}

ports::GenerationFailure GenerationCall::refused() const {
  ports::GenerationFailure failure{
      {code_of(status_), "the server answered " + std::to_string(status_) + ": " + saying(body_)}};
  failure.retry_after = retry_after_;
  if (status_ >= 400 && status_ <= 599) failure.status = status_;
  if (parse_json(body_)) failure.body = error_in(body_).value_or(body_);
  return failure;
}

void GenerationCall::fail_with(ports::GenerationFailure failure) {
  if (call_ != nullptr) std::exchange(call_, nullptr)->cancel();
  events_.failure(std::move(failure));
}

}  // namespace barrio::adapters::openai
