#include "gateway/limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace barrio::gateway {

namespace {

constexpr std::array<const char*, 11> names = {"tenant_rate", "app_rate",    "tenant_in_flight", "fair_share",
                                               "tenants",     "tenant_body", "app_body",         "kept_bodies",
                                               "peer_share",  "spend_cap",   "body_rate"};

int64_t seconds_up(Duration wait) {
  return std::max<int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count());
}

}  // namespace

Limits::Limits(LimitsConfig config, Registry& registry, const SiteId& site, std::function<WallTime()> wall)
    : config_(config),
      wall_(std::move(wall)),
      admission_(config.most_in_flight),
      in_flight_(
          registry.gauge("barrio_gateway_in_flight", "Requests let in and not yet over", {{"site", site.str()}})),
      kept_bytes_(registry.gauge("barrio_gateway_kept_body_bytes", "Bodies kept for a second attempt",
                                 {{"site", site.str()}})) {
  for (size_t i = 0; i < names.size(); ++i) {
    counters_[i] = &registry.counter("barrio_gateway_limited_total", "Requests that met a limit",
                                     {{"site", site.str()}, {"limit", names[i]}});
  }
}

void Limits::set_snapshot(const Snapshot& snapshot) {
  admission_.set_quotas(snapshot.quotas);
  spend_stops_ = {snapshot.spend_stops.begin(), snapshot.spend_stops.end()};
}

std::optional<Problem> Limits::enter(const Request& request, Time now, RequestHold& hold) {
  if (!request.forwarded) {
    if (auto over = over_spend_cap(request.app, request.known)) return over;
  }
  if (request.length && *request.length > request.most_body) {
    return body_too_long(request.app, request.known);
  }
  const AppLimits* limits =
      request.known != nullptr && request.known->spec.limits ? &*request.known->spec.limits : nullptr;
  const auto entered = admission_.enter({.app = &request.app, .limits = limits, .forwarded = request.forwarded}, now);
  if (const auto* over = std::get_if<decide::Over>(&entered)) return refuse(request.app, *over);
  hold.admitted = true;
  hold.tenant = std::get<decide::Admitted>(entered);
  return std::nullopt;
}

/// 429 and not 402, which no standard says anything about: clients know to come back after Retry-After, and gRPC has a
/// status for it.
std::optional<Problem> Limits::over_spend_cap(const AppKey& app, const App* known) {
  const TenantId& tenant = app.tenant;
  const auto stop = spend_stops_.find(tenant.str());
  if (stop == spend_stops_.end()) return std::nullopt;
  const WallTime now = wall_();
  if (!stop->second.holds(now)) return std::nullopt;
  count(Which::spend_cap);
  const bool to_anybody = known != nullptr && known->spec.is_public();
  return Problem{.status = 429,
                 .reason = to_name(RefusalReason::spend_cap),
                 .detail = to_anybody ? stop->second.detail_for_anybody(tenant) : stop->second.detail(tenant),
                 .nearest = stop->second.nearest(tenant),
                 .retry_after = seconds_up(stop->second.until - now),
                 .limit = names[static_cast<size_t>(Which::spend_cap)],
                 .value = to_anybody ? "" : stop->second.cap.str()};
}

Problem Limits::refuse(const AppKey& app, const decide::Over& over) {
  count(static_cast<Which>(over.limit));
  const std::string& tenant = app.tenant.str();
  Problem problem{.retry_after = seconds_up(over.wait), .limit = to_name(over.limit)};
  problem.value = fmt::format("{:g}", over.value);
  switch (over.limit) {
    case decide::Limit::tenant_rate:
    case decide::Limit::app_rate:
      problem.status = 429;
      problem.reason = "rate_limited";
      problem.detail =
          fmt::format("{} may send {:g} requests per second to a gateway",
                      over.limit == decide::Limit::app_rate ? "app " + app.str() : "tenant " + tenant, over.value);
      problem.nearest = "the same request after Retry-After, or another gateway";
      return problem;
    case decide::Limit::tenant_in_flight:
      problem.status = 429;
      problem.reason = "too_many_in_flight";
      problem.detail = fmt::format("tenant {} may have {:g} requests in flight at a gateway", tenant, over.value);
      problem.nearest = "the same request when one of them is answered, or another gateway";
      return problem;
    case decide::Limit::fair_share:
    case decide::Limit::tenants: break;
  }
  problem.status = 503;
  problem.reason = to_name(RefusalReason::overloaded);
  problem.detail = over.limit == decide::Limit::tenants
                       ? "requests of too many tenants are in flight at this gateway"
                       : fmt::format("this gateway is busy, and tenant {} has its share of {:g} requests in flight",
                                     tenant, over.value);
  problem.nearest = "another gateway, or later";
  return problem;
}

void Limits::leave(RequestHold& hold) {
  leave_peer(hold);
  give_back(hold);
  if (hold.admitted) admission_.leave(hold.tenant);
  hold.admitted = false;
}

bool Limits::enter_peer(const SiteId& site, RequestHold& hold, Time now) {
  CHECK(hold.admitted && hold.peer == nullptr);
  decide::FairShare& shares = peers_.try_emplace(site, config_.most_to_peer).first->second;
  if (!shares.enter(hold.tenant.tenant, admission_.weight(hold.tenant), now)) {
    count(Which::peer_share);
    return false;
  }
  hold.peer = &shares;
  return true;
}

void Limits::leave_peer(RequestHold& hold) {
  if (hold.peer != nullptr) hold.peer->leave(hold.tenant.tenant);
  hold.peer = nullptr;
}

uint64_t Limits::most_body(const AppKey& app, const App* known) const {
  int64_t most = admission_.quota(app.tenant).body_bytes.count();
  if (known != nullptr && known->spec.limits && known->spec.limits->body_bytes) {
    most = std::min(most, known->spec.limits->body_bytes->count());
  }
  return static_cast<uint64_t>(most);
}

Problem Limits::body_too_long(const AppKey& app, const App* known) {
  const uint64_t most = most_body(app, known);
  const bool by_app = most < static_cast<uint64_t>(admission_.quota(app.tenant).body_bytes.count());
  const Which which = by_app ? Which::app_body : Which::tenant_body;
  count(which);
  const std::string value = to_string(Bytes(static_cast<int64_t>(most)));
  return {.status = 413,
          .reason = to_name(RefusalReason::body_too_long),
          .detail = "bodies of " + (by_app ? "app " + app.str() : "tenant " + app.tenant.str()) + " may have " + value,
          .nearest = "a body of at most " + value,
          .limit = names[static_cast<size_t>(which)],
          .value = value};
}

Duration Limits::body_time(uint64_t received) const {
  return config_.body_grace + std::chrono::seconds(received) / config_.body_bytes_per_second;
}

Problem Limits::body_too_slow() {
  count(Which::body_rate);
  return {.status = 408,
          .reason = "body_too_slow",
          .detail = fmt::format("the body came with less than {} bytes a second", config_.body_bytes_per_second),
          .nearest = "a body that is sent in one go; for what comes bit by bit gRPC or a WebSocket",
          .limit = names[static_cast<size_t>(Which::body_rate)],
          .value = fmt::format("{} B/s", config_.body_bytes_per_second)};
}

bool Limits::keep(RequestHold& hold, size_t bytes) {
  const size_t tenant = hold.tenant.tenant;
  if (tenant >= kept_by_tenant_.size()) kept_by_tenant_.resize(tenant + 1);
  const bool room = kept_ + bytes <= static_cast<uint64_t>(config_.kept_bodies.count()) &&
                    kept_by_tenant_[tenant] + bytes <= static_cast<uint64_t>(config_.kept_bodies_tenant.count());
  if (!room) {
    count(Which::kept_bodies);
    return false;
  }
  kept_ += bytes;
  kept_by_tenant_[tenant] += bytes;
  hold.kept += bytes;
  return true;
}

void Limits::give_back(RequestHold& hold) {
  if (hold.kept == 0) return;
  CHECK(kept_ >= hold.kept);
  kept_ -= hold.kept;
  kept_by_tenant_[hold.tenant.tenant] -= hold.kept;
  hold.kept = 0;
}

void Limits::tick() {
  in_flight_.set(admission_.shares().total());
  kept_bytes_.set(static_cast<double>(kept_));
}

}  // namespace barrio::gateway
