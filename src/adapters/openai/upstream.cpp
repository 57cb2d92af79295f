#include "adapters/openai/upstream.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace barrio::adapters::openai {

namespace {

constexpr size_t longest_metrics = 4 * 1024 * 1024;
constexpr Duration metrics_timeout = 2s;
constexpr double fewest_bytes_per_token = 0.5;
constexpr double most_bytes_per_token = 20;

std::string_view path_of(ports::GenerationKind kind) {
  switch (kind) {
    case ports::GenerationKind::chat: return "/v1/chat/completions";
    case ports::GenerationKind::completion: return "/v1/completions";
    case ports::GenerationKind::embedding: return "/v1/embeddings";
  }
  return "";
}

ports::GenerationFailure cannot_begin(const std::string& why, Duration retry_after) {
  ports::GenerationFailure failure{{Code::exhausted, why}};
  failure.retry_after = retry_after;
  return failure;
}

/// An embedding is there when its text has been read; a whole answer says nothing of when it began.
bool shows_first_token(const ports::GenerationRequest& request) {
  return request.stream || request.kind == ports::GenerationKind::embedding;
}

bool asks_for_usage(const JsonObject& request) {
  const Json* options = request.if_contains("stream_options");
  const Json* usage =
      options != nullptr && options->is_object() ? options->get_object().if_contains("include_usage") : nullptr;
  return usage != nullptr && usage->is_bool() && usage->get_bool();
}

void ask_for_usage(JsonObject& request, AskUsage how) {
  if (how == AskUsage::no) return;
  Json& options = request["stream_options"];
  if (!options.is_object()) options.emplace_object();
  options.get_object()["include_usage"] = true;
  if (how == AskUsage::pieces) options.get_object()["continuous_usage_stats"] = true;
}

std::string milliseconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

}  // namespace

Upstream::Upstream(net::Reactor& reactor, net::Client& client, OpenaiSettings settings)
    : reactor_(reactor), client_(client), settings_(std::move(settings)), queue_(settings_.limits) {
  if (settings_.metrics > Duration::zero())
    ask_metrics();
  else
    ready_ = true;
}

Upstream::~Upstream() {
  *alive_ = false;
  reactor_.cancel(metrics_timer_);
  for (auto& [id, request] : requests_) reactor_.cancel(request.timer);
}

uint64_t Upstream::tokens_of(const ports::GenerationRequest& request) const {
  return 1 + static_cast<uint64_t>(static_cast<double>(request.prompt_bytes) / bytes_per_token_);
}

void Upstream::start(uint64_t id, ports::GenerationRequest request, ports::GenerationSink& sink) {
  const bool serves = request.kind == ports::GenerationKind::embedding ? settings_.embedding : settings_.text;
  if (!serves) return sink.on_failure({{Code::unsupported, "model " + settings_.name + " does not answer this kind"}});
  const Time now = reactor_.fresh_now();
  auto until = request.first_token;
  if (!until && settings_.first_token > Duration::zero()) until = now + settings_.first_token;
  if (request.deadline) until = std::min(until.value_or(*request.deadline), *request.deadline);
  if (until && *until <= now) return sink.on_failure({{Code::timed_out, "its time was over when it came"}});
  if (const auto refused = queue_.offer(id, tokens_of(request), until, now)) {
    const std::string why = refused->predicted ? "the first token would come in " + milliseconds(*refused->predicted) +
                                                     ", and has to in " + milliseconds(*until - now)
                                               : "too many requests wait for model " + settings_.name;
    return sink.on_failure(cannot_begin(why, refused->retry_after));
  }
  Request& kept = requests_[id];
  kept.request = std::move(request);
  kept.sink = &sink;
  kept.first_token = until;
  watch(id, kept);
  act();
}

void Upstream::watch(uint64_t id, Request& request) {
  if (request.first_token) request.timer = reactor_.call_at(*request.first_token, [this, id] { ran_out(id); });
}

/// No first token, and its time is over: the answer is worth nothing any more, here and at the server. (Answers in one
/// piece do not show when they began; once sent, they have until their deadline, which the call keeps.)
void Upstream::ran_out(uint64_t id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  Request& request = found->second;
  request.timer = 0;
  if (request.call == nullptr) return finish(id, cannot_begin("it waited for its turn until its time was over", {}));
  finish(id, ports::GenerationFailure{{Code::timed_out, "the first token did not come in time"}});
}

void Upstream::act() {
  const auto step = queue_.step(reactor_.now());
  const auto alive = alive_;
  for (const uint64_t id : step.drop) {
    finish(id, cannot_begin("the first token would come too late", {}));
    if (!*alive) return;
  }
  for (const uint64_t id : step.send) {
    send(id);
    if (!*alive) return;
  }
}

/// With the server's own name for the model, and asking for what the answer takes.
Result<std::string> Upstream::body_of(Request& request) const {
  const ports::GenerationRequest& asked = request.request;
  TRY(auto json, parse_json(asked.body));
  if (!json.is_object()) return fail(Code::invalid, "the request must be a JSON object");
  json.get_object()["model"] = settings_.model;
  const bool caller_asks = asked.stream && asks_for_usage(json.get_object());
  if (asked.stream) ask_for_usage(json.get_object(), settings_.usage);
  request.tokens = TokenCount({.streams = asked.stream,
                               .caller_sees = caller_asks,
                               .prompt_guess = tokens_of(asked),
                               .bytes_per_token = bytes_per_token_});
  return print_json(json);
}

void Upstream::send(uint64_t id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  Request& request = found->second;
  auto body = body_of(request);
  if (!body) return finish(id, ports::GenerationFailure{std::move(body).error()});
  CallSpec spec{.endpoint = settings_.url.endpoint,
                .target = settings_.url.path + std::string(path_of(request.request.kind)),
                .body = std::move(*body),
                .key = settings_.key,
                .stream = request.request.stream,
                .deadline = request.request.deadline.value_or(reactor_.now() + settings_.timeout)};
  CallEvents events{.piece = [this, id](std::string_view json) { return on_piece(id, json); },
                    .end = [this, id] { finish(id, std::nullopt); },
                    .failure = [this, id](ports::GenerationFailure failure) { finish(id, std::move(failure)); }};
  request.call = std::make_unique<GenerationCall>(client_, std::move(spec), std::move(events));
  if (!shows_first_token(request.request)) expect_read(id, request);
}

/// Nobody sees when the server has read the prompt of an answer in one piece: it is taken as read when it should be, or
/// it would hold up all others until its answer is there.
void Upstream::expect_read(uint64_t id, Request& request) {
  constexpr Duration unknown = 500ms;
  reactor_.cancel(request.timer);
  request.timer = reactor_.call_after(queue_.predict_read(reactor_.now()).value_or(unknown), [this, id] {
    const auto found = requests_.find(id);
    if (found == requests_.end()) return;
    found->second.timer = 0;
    queue_.first_token(id, decide::FirstTokenQueue::Seen::no, reactor_.now());
    act();
  });
}

bool Upstream::on_piece(uint64_t id, std::string_view said) {
  Request& request = requests_.at(id);
  const bool knew = request.tokens.prompt() > 0;
  const TokenCount::Piece piece = request.tokens.read(said);
  if (!piece.more.none()) request.sink->on_tokens(piece.more);
  if (!knew) learn(request);
  if (!std::exchange(request.began, true)) {
    reactor_.cancel(std::exchange(request.timer, 0));
    const bool seen = shows_first_token(request.request);
    queue_.first_token(id, seen ? decide::FirstTokenQueue::Seen::yes : decide::FirstTokenQueue::Seen::no,
                       reactor_.fresh_now());
    const auto alive = alive_;
    act();
    if (!*alive) return false;
    const auto found = requests_.find(id);  // others' ends may have ended this one
    if (found == requests_.end()) return false;
    return piece.json.empty() || found->second.sink->on_piece(piece.json);
  }
  return piece.json.empty() || request.sink->on_piece(piece.json);
}

/// From what the server says of a prompt's tokens.
void Upstream::learn(const Request& request) {
  const uint64_t tokens = request.tokens.prompt();
  if (tokens == 0 || request.request.prompt_bytes == 0) return;
  const double seen = static_cast<double>(request.request.prompt_bytes) / static_cast<double>(tokens);
  constexpr double weight = 0.1;
  bytes_per_token_ =
      std::clamp(bytes_per_token_ + weight * (seen - bytes_per_token_), fewest_bytes_per_token, most_bytes_per_token);
}

/// An answer in one piece of which a part has come had been made in full, and may say in that part what it took.
ports::Tokens Upstream::rest_of(Request& request) {
  ports::Tokens more;
  const std::string_view part = request.call && !request.began ? request.call->whole_so_far() : std::string_view();
  if (!part.empty()) more = request.tokens.read(part).more;
  const ports::Tokens rest = request.tokens.rest();
  return {more.in + rest.in, more.out + rest.out};
}

std::optional<Upstream::Request> Upstream::remove(uint64_t id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return std::nullopt;
  Request request = std::move(found->second);
  requests_.erase(found);
  reactor_.cancel(request.timer);
  queue_.finished(id, reactor_.fresh_now());
  return request;
}

void Upstream::finish(uint64_t id, std::optional<ports::GenerationFailure> failure) {
  auto request = remove(id);
  if (!request) return;
  const auto alive = alive_;
  if (const auto more = rest_of(*request); !more.none()) request->sink->on_tokens(more);
  if (failure)
    request->sink->on_failure(std::move(*failure));
  else
    request->sink->on_end();
  if (*alive) act();
}

ports::Tokens Upstream::cancel(uint64_t id) {
  auto request = remove(id);
  if (!request) return {};
  const ports::Tokens more = rest_of(*request);
  request.reset();
  act();
  return more;
}

void Upstream::resume(uint64_t id) {
  const auto found = requests_.find(id);
  if (found != requests_.end() && found->second.call != nullptr) found->second.call->resume();
}

void Upstream::ask_metrics() {
  net::Request request{.target = settings_.url.path + "/metrics"};
  if (!settings_.key.empty()) request.headers.emplace_back("Authorization", "Bearer " + settings_.key);
  client_.fetch(
      settings_.url.endpoint, std::move(request), reactor_.fresh_now() + metrics_timeout,
      [this, alive = alive_](const Result<net::Response>& answer) {
        if (*alive) got_metrics(answer);
      },
      longest_metrics);
}

void Upstream::got_metrics(const Result<net::Response>& answer) {
  ready_ = answer.has_value();
  const ServerFigures now = answer && answer->status == 200 ? parse_server_figures(answer->body) : ServerFigures{};
  queue_.reported(report_of(now, figures_));
  figures_ = now;
  metrics_timer_ = reactor_.call_after(settings_.metrics, [this] { ask_metrics(); });
  act();
}

}  // namespace barrio::adapters::openai
