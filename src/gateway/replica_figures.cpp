// GET /barrio/v1/replicas?app=APP&lines=N: what a tenant's replicas do at this site, and their last lines. A site tells
// only of its own: logs pass no other site, and not control.

#include <algorithm>

#include "base/text.h"
#include "decide/residency/residency.h"
#include "gateway/gateway_state.h"

namespace barrio::gateway {

namespace {

constexpr size_t most_asking = 16;

}  // namespace

/// May their answer go to this caller? None: yes.
std::optional<Problem> Gateway::State::logs_stay(const net::Exchange& exchange, const AppKey& key) const {
  const App* app = dispatcher.find_app(key);
  if (app == nullptr) return Problem{404, "unknown_app", "there is no app '" + key.name.str() + "'", "barrio app list"};
  const auto location = locate(exchange);
  if (decide::may_read_logs(app->spec.policy, location ? &location->jurisdiction : nullptr)) return std::nullopt;
  return Problem{403, "policy",
                 "logs of this app stay in " + decide::describe(app->spec.policy) + ", and you are " +
                     (location ? "in " + location->jurisdiction.str() : "nowhere that the network knows"),
                 "policy.logs_may_leave: true in its app file"};
}

void Gateway::State::replica_figures(net::Exchange& exchange) {
  const api::Identity* identity = tenant_of(exchange);
  if (identity == nullptr) return;
  if (!identity->has(api::scope::apps_read)) {
    return reply_problem(exchange,
                         {403, "insufficient_scope", "this needs the scope " + std::string(api::scope::apps_read),
                          "a token from /oauth2/token"});
  }
  const std::string_view query = exchange.request().query;
  auto name = AppName::parse(net::query_value(query, "app").value_or(""));
  const auto lines = parse_uint(net::query_value(query, "lines").value_or("0"));
  if (!name || !lines || *lines > 1000)
    return reply_problem(exchange, {400, "invalid", "'app' must be an app's name, 'lines' at most 1000", "?app=NAME"});
  const AppKey app{TenantId::of(identity->subject), std::move(*name)};
  if (*lines > 0) {
    if (const auto no = logs_stay(exchange, app)) return reply_problem(exchange, *no);
  }
  if (!config.replica_figures || asking.size() >= most_asking) {
    return reply_problem(exchange, {503, "overloaded", "this gateway tells nothing of its replicas now", "later"});
  }
  const uint64_t ticket = ++last_asking;
  asking.emplace_back(ticket, &exchange);
  config.replica_figures(app, *lines, [weak = weak_from_this(), ticket](std::string answer) {
    const auto state = weak.lock();
    if (!state) return;
    const auto found = std::ranges::find(state->asking, ticket, &std::pair<uint64_t, net::Exchange*>::first);
    if (found == state->asking.end()) return;  // the caller has left
    net::Exchange& asked = *found->second;
    state->asking.erase(found);
    const net::Header headers[] = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
    asked.reply(200, headers, answer);
  });
}

}  // namespace barrio::gateway
