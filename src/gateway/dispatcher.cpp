#include "gateway/dispatcher.h"

#include <algorithm>

#include "base/check.h"
#include "decide/residency/residency.h"

namespace barrio::gateway {

namespace {

constexpr Duration deadline_most = 30s;
constexpr int deadline_objectives = 3;

int status_of(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::unknown_app: return 404;
    case RefusalReason::objective: return 504;
    default: return 503;
  }
}

Refuse no_snapshot() {
  return {503,
          {RefusalReason::unavailable, "this gateway has no snapshot of the network yet", "another site, or later"}};
}

}  // namespace

Decision Dispatcher::arrived(const Arrival& arrival, Time now) {
  if (!table_) return {.act = no_snapshot()};
  const auto app = app_of(*arrival.app);
  if (!app) {
    return {.act = Refuse{404, unknown(*arrival.app)}};
  }
  const decide::AppRoute& route = table_->app(*app);
  const FlowId flow = arrival.forwarded || !arrival.measured
                          ? no_flow
                          : flows_.find(*arrival.app, arrival.location, table_->site(self_index_).location);
  if (!decide::permits(route.app->spec.policy, table_->site(self_index_)).permitted) {
    Refusal refusal = decide::explain_entry(*table_, *view_, *app, self_index_, now);
    flows_.refused(flow, to_name(refusal.reason), now);
    return {.act = Refuse{421, std::move(refusal)}};
  }
  const Ticket ticket = new_ticket();
  if (ticket == 0) {
    flows_.refused(flow, to_name(RefusalReason::overloaded), now);
    return {.act = Refuse{503, {RefusalReason::overloaded, "this gateway has too many requests open", "another site"}}};
  }
  Open& request = open(ticket);
  request.flow = flow;
  fill(request, arrival, route);
  return decide_for(ticket, now);
}

void Dispatcher::fill(Open& request, const Arrival& arrival, const decide::AppRoute& route) {
  request.app = *arrival.app;
  request.forwarded = arrival.forwarded;
  request.retried = false;
  request.device = arrival.device;
  request.access = access(arrival.location);
  request.measured = arrival.measured;
  request.first_byte = arrival.first_byte;
  request.site = {};
  request.replica = {};
  request.tried.clear();
  const Time own = arrival.first_byte + std::min(deadline_most, route.objective * deadline_objectives);
  request.deadline = arrival.deadline ? std::min(*arrival.deadline, arrival.first_byte + deadline_most) : own;
}

Decision Dispatcher::decide_for(Ticket ticket, Time now) {
  const Open& request = open(ticket);
  const auto app = app_of(request.app);
  if (!app) {
    return refuse(ticket, 404, {RefusalReason::unknown_app, "app '" + request.app.name.str() + "' was removed", ""},
                  now);
  }
  decide::Ask ask{.app = *app,
                  .device = request.device,
                  .now = now,
                  .left = request.deadline - now,
                  .here_only = request.forwarded};
  for (const SiteId& site : request.tried) {
    if (const auto index = table_->site_index(site)) ask.tried.add(*index);
  }
  decide::Routed routed = decide::choose(*table_, *view_, ask, rng_);
  if (auto* refusal = std::get_if<Refusal>(&routed)) {
    return refuse(ticket, status_of(refusal->reason), std::move(*refusal), now);
  }
  const size_t site = std::get<decide::Choice>(routed).site;
  return site == self_index_ ? serve_here(ticket, *app, now) : forward_to(ticket, *app, site, now);
}

Decision Dispatcher::serve_here(Ticket ticket, size_t app, Time now) {
  Open& request = open(ticket);
  LocalApp* local = local_app(request.app);
  CHECK(local != nullptr && !local->replicas.empty());
  Replica& replica = *std::ranges::min_element(local->replicas, {}, &Replica::in_flight);
  ++replica.in_flight;
  view_->sent(app, self_index_);
  request.site = self_;
  request.replica = replica.id;
  request.sent_at = now;
  return {.ticket = ticket, .deadline = request.deadline, .act = Local{replica.endpoint}};
}

Decision Dispatcher::forward_to(Ticket ticket, size_t app, size_t site, Time now) {
  Open& request = open(ticket);
  // The choke point: whatever chose this site, no byte leaves for one that the policy forbids.
  CHECK(!request.forwarded);
  CHECK(decide::permits(table_->app(app).app->spec.policy, table_->site(site)).permitted);
  view_->sent(app, site);
  request.site = table_->site(site).id;
  request.replica = {};
  request.sent_at = now;
  return {.ticket = ticket, .deadline = request.deadline, .act = Forward{request.site}};
}

Decision Dispatcher::refuse(Ticket ticket, int status, Refusal refusal, Time now) {
  flows_.refused(open(ticket).flow, to_name(refusal.reason), now);
  close(ticket);
  return {.act = Refuse{status, std::move(refusal)}};
}

Served Dispatcher::answered(Ticket ticket, const Timings& timings, Time now) {
  Open& request = open(ticket);
  release(request);
  Served served{
      .by = request.site, .processed_in = {}, .forwarded = request.replica.empty(), .retried = request.retried};
  const Duration here = now - request.first_byte;
  served.network = request.access;
  const auto app = app_of(request.app);
  const auto site = table_->site_index(request.site);
  if (app && site) {
    served.processed_in = table_->site(*site).jurisdiction;
    if (served.forwarded) served.network += from_ms(static_cast<double>(view_->site(*site).rtt_ms));
    served.late = request.access + here > table_->app(*app).objective;
    view_->answered(*app, *site);
    if (timings.waiting) view_->waiting(*app, *site, *timings.waiting, now);
    LocalApp* local = served.forwarded ? nullptr : local_app(request.app);
    const Duration compute = timings.compute.value_or(now - request.sent_at - timings.queue.value_or(Duration::zero()));
    if (!request.measured) {
      // Says nothing about the speed of inference.
    } else if (local != nullptr) {
      local->service.observe(compute, now);
      renew_local(*app, *local, now);
    } else if (served.forwarded && timings.compute) {
      view_->sample(*app, *site, compute);
    }
  }
  served.total = request.access + here;
  flows_.answered(request.flow,
                  {.served_by = served.by,
                   .late = served.late,
                   .network = served.network,
                   .queue = timings.queue.value_or(Duration::zero()),
                   .compute = timings.compute.value_or(Duration::zero()),
                   .total = served.total},
                  now);
  close(ticket);
  return served;
}

void Dispatcher::blame(const Open& request, Failure failure, bool sent, Time now) {
  const auto app = app_of(request.app);
  const auto site = table_->site_index(request.site);
  if (!app || !site || failure == Failure::refused) return;
  if (!request.replica.empty()) {
    view_->app_failed(*app, *site, now);
    ++ejections_;
  } else {
    const bool was_reachable = view_->reachable(*site, now);
    if (failure == Failure::timed_out && sent) {
      view_->site_failed(*site, now);
    } else {
      view_->site_out(*site);  // the next ping that succeeds brings it back
    }
    ejections_ += was_reachable && !view_->reachable(*site, now) ? 1 : 0;
  }
}

Decision Dispatcher::failed(Ticket ticket, Failure failure, bool sent, Time now) {
  Open& request = open(ticket);
  release(request);
  blame(request, failure, sent, now);
  const std::string site = request.site.str();
  if (now >= request.deadline || failure == Failure::timed_out) {
    return refuse(ticket, 504,
                  {RefusalReason::objective, "site " + site + " did not answer within the request's time",
                   "a longer objective, or more replicas"},
                  now);
  }
  const RefusalReason reason = failure == Failure::refused ? RefusalReason::overloaded : RefusalReason::unavailable;
  if (request.retried) {
    return refuse(
        ticket, 503,
        {reason, "sites " + request.tried.front().str() + " and " + site + " both failed to serve it", "later"}, now);
  }
  request.retried = true;
  request.tried.push_back(request.site);
  Decision next = decide_for(ticket, now);
  auto* refused = std::get_if<Refuse>(&next.act);
  if (refused != nullptr && failure == Failure::refused && refused->refusal.reason == RefusalReason::unavailable) {
    refused->refusal.reason = RefusalReason::overloaded;
    refused->refusal.detail = "site " + site + " could not take it; " + refused->refusal.detail;
  }
  return next;
}

void Dispatcher::abandoned(Ticket ticket, Time) {
  release(open(ticket));
  close(ticket);
}

}  // namespace barrio::gateway
