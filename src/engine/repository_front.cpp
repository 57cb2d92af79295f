#include "engine/repository_front.h"

#include "api/oip/message.h"
#include "engine/model_path.h"

namespace barrio::engine {

namespace {

constexpr std::string_view repository_path = "/v2/repository/";
constexpr std::string_view changes_path = "/v2/repository/models/";
constexpr std::string_view all_statistics = "/v2/models/stats";

bool is_statistics(std::string_view path) {
  return path == all_statistics || (path.starts_with(models_path) && ModelPath(path).rest == "/stats");
}

int http_status(Code code) {
  switch (code) {
    case Code::invalid: return 400;
    case Code::denied: return 403;
    case Code::not_found: return 404;
    case Code::conflict: return 409;
    case Code::unsupported: return 501;
    case Code::exhausted: return 507;
    case Code::unavailable:
    case Code::timed_out:
    case Code::cancelled: return 503;
  }
  return 500;
}

}  // namespace

/// Shared with a load or unload that is under way when its client goes.
struct RepositoryFront::Call {
  net::Exchange* exchange = nullptr;  // null: answered, or the client has gone
  std::string body;
};

RepositoryFront::RepositoryFront(net::Reactor& reactor, ModelRepository& repository, RepositoryFrontConfig config)
    : reactor_(reactor), repository_(repository), config_(std::move(config)) {}

RepositoryFront::~RepositoryFront() = default;

bool RepositoryFront::takes(const net::RequestHead& head) const {
  return head.path.starts_with(repository_path) || is_statistics(head.path);
}

void RepositoryFront::on_head(net::Exchange& exchange) {
  const auto call = std::make_shared<Call>();
  call->exchange = &exchange;
  calls_[&exchange] = call;
  const bool get = is_statistics(exchange.request().path);
  if (exchange.request().method == (get ? "GET" : "POST")) return;
  const std::string_view allowed = get ? "GET" : "POST";
  call->exchange = nullptr;
  const net::Header headers[] = {{"Content-Type", "application/json"}, {"Allow", allowed}};
  exchange.reply(405, headers, api::print_error("this path takes " + std::string(allowed)));
}

void RepositoryFront::on_body(net::Exchange& exchange, std::string_view piece) {
  Call& call = *calls_.at(&exchange);
  if (call.exchange == nullptr) return;
  call.body += piece;
  if (call.body.size() <= config_.body_bytes) return;
  answer(call, 413, api::print_error("the body is longer than " + std::to_string(config_.body_bytes) + " bytes"));
}

void RepositoryFront::on_end(net::Exchange& exchange) {
  const CallPtr call = calls_.at(&exchange);
  if (call->exchange == nullptr) return;
  const auto done = act(call);
  if (!done) answer(*call, done.error());
}

void RepositoryFront::on_closed(net::Exchange& exchange, bool) {
  const auto found = calls_.find(&exchange);
  found->second->exchange = nullptr;
  calls_.erase(found);
}

Result<void> RepositoryFront::act(const CallPtr& call) {
  const std::string_view path = call->exchange->request().path;
  if (is_statistics(path)) return statistics(call, path);
  if (path.starts_with(changes_path)) return change(call, path.substr(changes_path.size()));
  if (path != "/v2/repository/index") return fail(Code::not_found, "no such path: " + std::string(path));
  TRY(const bool only_ready, api::parse_index_request(call->body));
  answer(*call, 200, api::print_index(repository_entries(repository_, only_ready ? Listed::ready : Listed::all)));
  return {};
}

Result<void> RepositoryFront::statistics(const CallPtr& call, std::string_view path) {
  std::string_view model;
  std::string_view version;
  if (path != all_statistics) {
    const ModelPath asked(path);
    model = asked.model;
    version = asked.version;
  }
  TRY(const auto statistics, repository_.statistics(model, version));
  const WallTime wall = config_.wall ? config_.wall() : WallTime();
  answer(*call, 200, api::print_statistics(statistics_answer(statistics, reactor_.now(), wall)));
  return {};
}

Result<void> RepositoryFront::change(const CallPtr& call, std::string_view rest) {
  TRY_DO(check_may_load(config_.rights));
  const std::string_view model = rest.substr(0, rest.find('/'));
  const std::string_view verb = rest.substr(model.size());
  const auto done = [call](const Result<void>& result) {
    result ? answer(*call, 200, "") : answer(*call, result.error());
  };
  TRY(const auto parameters, api::parse_repository_request(call->body));
  if (verb == "/load") {
    TRY(auto load, load_parameters(parameters, config_.rights));
    repository_.load(std::string(model), std::move(load), done);
  } else if (verb == "/unload") {
    TRY(auto version, unload_version(parameters));
    repository_.unload(std::string(model), std::move(version), done);
  } else {
    return fail(Code::not_found, "no such path: /v2/repository/models/" + std::string(rest));
  }
  return {};
}

void RepositoryFront::answer(Call& call, int status, std::string_view body) {
  net::Exchange* exchange = std::exchange(call.exchange, nullptr);
  if (exchange == nullptr) return;
  const net::Header type{"Content-Type", "application/json"};
  exchange->reply(status, {&type, body.empty() ? size_t{0} : size_t{1}}, body);
}

void RepositoryFront::answer(Call& call, const Error& error) {
  answer(call, http_status(error.code), api::print_error(error.text()));
}

}  // namespace barrio::engine
