#include "gateway/dispatcher.h"

#include <algorithm>

#include "base/check.h"
#include "decide/batching/work.h"
#include "decide/residency/residency.h"

namespace barrio::gateway {

namespace {

constexpr Duration deadline_most = 30s;
constexpr int deadline_objectives = 3;
/// Of the engine's own margin: the rest is for the way from here to the client.
constexpr Duration left_by_engine = decide::answer_margin / 2;
/// Of a request's time: however slow the way seems, it is tried.
constexpr int largest_part_of_way = 16;

/// What an app's requests have at most, whatever their client says.
Duration own_deadline(Duration objective) {
  return std::min(deadline_most, objective * deadline_objectives);
}

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
  const auto app = arrival.known != nullptr ? table_->app_index(*arrival.known) : app_of(*arrival.app);
  if (!app) {
    return {.act = Refuse{404, unknown(*arrival.app)}};
  }
  const decide::AppRoute& route = table_->app(*app);
  const FlowId flow = arrival.forwarded || !arrival.measured
                          ? no_flow
                          : flows_.find(*arrival.app, arrival.location, table_->site(self_index_).location);
  if (!decide::is_permitted(route.app->spec.policy, table_->site(self_index_))) {
    Refusal refusal = decide::explain_entry(*table_, *view_, *app, self_index_, now);
    flows_.refused(flow, refusal.reason, now);
    return {.act = Refuse{421, std::move(refusal)}};
  }
  const Ticket ticket = new_ticket();
  if (ticket == 0) {
    flows_.refused(flow, RefusalReason::overloaded, now);
    return {.act = Refuse{503, {RefusalReason::overloaded, "this gateway has too many requests open", "another site"}}};
  }
  Open& request = open(ticket);
  request.flow = flow;
  fill(request, arrival, route);
  request.index = app;
  request.index_of = tables_;
  budgets_[*app].request(now);
  return decide_for(ticket, now);
}

void Dispatcher::fill(Open& request, const Arrival& arrival, const decide::AppRoute& route) {
  request.app = *arrival.app;
  request.forwarded = arrival.forwarded;
  request.repeatable = arrival.repeatable;
  request.retried = false;
  request.probe = false;
  request.device = arrival.device;
  request.access = access(arrival.location);
  request.measured = arrival.measured;
  request.first_byte = arrival.first_byte;
  request.site = {};
  request.site_index_of = 0;
  request.replica = {};
  request.tried.clear();
  const Time own = arrival.first_byte + own_deadline(route.objective);
  const Time most = arrival.forwarded ? arrival.first_byte + deadline_most : own;
  request.deadline = arrival.deadline ? std::min(*arrival.deadline, most) : own;
}

Decision Dispatcher::decide_for(Ticket ticket, Time now) {
  const Open& request = open(ticket);
  const auto app = app_of(request);
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
    const Duration warm_up = decide::sleeps(*table_, *view_, *app) ? table_->app(*app).app->spec.scale->warm_up : 0s;
    Decision refused = refuse(ticket, status_of(refusal->reason), std::move(*refusal), now);
    std::get<Refuse>(refused.act).retry_after = warm_up;
    return refused;
  }
  const size_t site = std::get<decide::Choice>(routed).site;
  return site == self_index_ ? serve_here(ticket, *app, now) : forward_to(ticket, *app, site, now);
}

Decision Dispatcher::serve_here(Ticket ticket, size_t app, Time now) {
  Open& request = open(ticket);
  LocalApp* local = local_app(request);
  CHECK(local != nullptr && !local->replicas.empty());
  const auto picked = local->replicas.pick(request.replica, now);
  if (!picked) {
    request.tried.push_back(self_);
    return beside_crowd(ticket, app, now);
  }
  view_->sent(app, self_index_);
  set_site(request, self_index_);
  request.replica = picked->id;
  request.probe = picked->probe;
  request.sent_at = now;
  const Duration most = std::max(Duration::zero(), (request.deadline - now) / largest_part_of_way);
  const Duration way = std::clamp(local->way.high() - left_by_engine, Duration::zero(), most);
  return {.ticket = ticket, .deadline = request.deadline, .act = Local{picked->endpoint, way}};
}

/// Where else, when the app's replicas here have as much as they can work off.
Decision Dispatcher::beside_crowd(Ticket ticket, size_t app, Time now) {
  Decision next = decide_beside(ticket, self_, Failure::declined, "can work off no more of its requests in time", now);
  if (auto* refused = std::get_if<Refuse>(&next.act); refused != nullptr && refused->status == 429)
    refused->retry_after = table_->app(app).objective;
  return next;
}

Decision Dispatcher::forward_to(Ticket ticket, size_t app, size_t site, Time now) {
  Open& request = open(ticket);
  // The choke point: whatever chose this site, no byte leaves for one that the policy forbids.
  CHECK(!request.forwarded);
  CHECK(decide::is_permitted(table_->app(app).app->spec.policy, table_->site(site)));
  view_->sent(app, site);
  set_site(request, site);
  request.replica = {};
  request.sent_at = now;
  return {.ticket = ticket, .deadline = request.deadline, .act = Forward{request.site}};
}

Decision Dispatcher::refuse(Ticket ticket, int status, Refusal refusal, Time now) {
  flows_.refused(open(ticket).flow, refusal.reason, now);
  close(ticket);
  return {.act = Refuse{status, std::move(refusal)}};
}

Served Dispatcher::answered(Ticket ticket, const Timings& timings, Time now) {
  Open& request = open(ticket);
  release(request, timings.failed ? ReplicaOutcome::failed : ReplicaOutcome::served, now);
  Served served{
      .by = request.site, .processed_in = {}, .forwarded = request.replica.empty(), .retried = request.retried};
  const Duration here = timings.begun_at.value_or(now) - request.first_byte;
  served.network = request.access;
  const auto app = app_of(request);
  const auto site = site_of(request);
  if (app && site) {
    served.processed_in = table_->site(*site).jurisdiction;
    if (served.forwarded) {
      served.network += from_ms(static_cast<double>(view_->site(*site).rtt_ms));
      view_->site_heard(*site, now);
    }
    served.late = request.access + here > table_->app(*app).objective;
    note_times(request, *app, *site, timings, now);
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

/// What the answer teaches about the app at the site.
void Dispatcher::note_times(Open& request, size_t app, size_t site, const Timings& timings, Time now) {
  if (timings.waiting) view_->waiting(app, site, *timings.waiting, now);
  if (timings.failed) return view_->app_erred(app, site, now);
  view_->answered(app, site);
  if (!request.measured) return;  // says nothing about the speed of inference
  const bool forwarded = request.replica.empty();
  const Duration compute = timings.compute.value_or(now - request.sent_at - timings.queue.value_or(Duration::zero()));
  LocalApp* local = forwarded ? nullptr : local_app(request);
  if (local != nullptr) {
    if (timings.way) local->way.observe(*timings.way);
    local->service.observe(compute, now);
    if (now - local->renewed >= renew_every) renew_local(app, *local, now);
  } else if (forwarded && timings.compute) {
    view_->sample(app, site, compute);
  }
}

void Dispatcher::blame(const Open& request, Failure failure, bool sent, Time now) {
  const auto app = app_of(request);
  const auto site = site_of(request);
  if (!app || !site || failure == Failure::declined) return;
  if (failure == Failure::refused) return view_->app_erred(*app, *site, now);
  // A site that goes on speaking is not to blame for what an app's request takes there.
  const bool slow = failure == Failure::timed_out && sent;
  if (slow && request.replica.empty() && !view_->silent_for(*site, site_silence, now))
    return view_->app_erred(*app, *site, now);
  if (!request.replica.empty()) {
    const LocalApp* local = local_app(request);
    if (local != nullptr && local->replicas.usable_beside(request.replica, now)) return;
    view_->app_failed(*app, *site, now);
    ++ejections_;
  } else {
    const bool was_reachable = view_->reachable(*site, now);
    if (slow) {
      view_->site_failed(*site, now);
    } else {
      view_->site_out(*site);  // the next ping that succeeds brings it back
    }
    ejections_ += was_reachable && !view_->reachable(*site, now) ? 1 : 0;
  }
}

/// One that is too busy for this request is not broken. Nor is one that has been silent for less than half of the app's
/// own deadline: the client may have made its own as short as it likes. Half, since a request that came slowly, or was
/// tried elsewhere before, has not waited the whole of it.
bool Dispatcher::still_works(const Open& request, Failure failure, Time now) {
  const LocalApp* here = request.replica.empty() ? nullptr : local_app(request);
  const auto app = app_of(request);
  if (!app || failure != Failure::timed_out) return failure == Failure::declined;
  const Duration patience = own_deadline(table_->app(*app).objective) / 2;
  return here != nullptr ? !here->replicas.silent_for(request.replica, patience, now)
                         : now - request.sent_at < patience;
}

Decision Dispatcher::failed(Ticket ticket, Failure failure, bool sent, Time now) {
  Open& request = open(ticket);
  const bool works = still_works(request, failure, now);
  const bool answered = failure == Failure::declined || failure == Failure::refused;
  if (LocalApp* here = request.replica.empty() ? nullptr : local_app(request); here != nullptr && answered)
    here->replicas.heard(request.replica, now);
  const auto working = failure == Failure::declined ? ReplicaOutcome::declined : ReplicaOutcome::unknown;
  const auto broken = failure == Failure::timed_out ? ReplicaOutcome::silent : ReplicaOutcome::failed;
  release(request, works ? working : broken, now);
  if (!works) blame(request, failure, sent, now);
  if (now >= request.deadline || failure == Failure::timed_out || !may_retry(request, sent, now)) {
    return give_up(ticket, failure, sent, now);
  }
  const SiteId site = request.site;
  request.retried = true;
  // Another replica here may serve it; another site's gateway has tried its own.
  const LocalApp* local = request.replica.empty() ? nullptr : local_app(request);
  const bool here_again = local != nullptr && local->replicas.usable_beside(request.replica, now);
  if (!here_again) request.tried.push_back(site);
  return decide_beside(ticket, site, failure, "could not take it", now);
}

/// Where else than at `site`; `why` is said of it where nobody else is left.
Decision Dispatcher::decide_beside(Ticket ticket, const SiteId& site, Failure failure, std::string_view why, Time now) {
  Decision next = decide_for(ticket, now);
  auto* refused = std::get_if<Refuse>(&next.act);
  const bool busy = failure == Failure::refused || failure == Failure::declined;
  if (refused != nullptr && busy && refused->refusal.reason == RefusalReason::unavailable) {
    refused->refusal.reason = RefusalReason::overloaded;
    refused->refusal.detail = "site " + site.str() + " " + std::string(why) + "; " + refused->refusal.detail;
    if (failure == Failure::declined) refused->status = 429;
  }
  return next;
}

void Dispatcher::heard(Ticket ticket, const Timings& timings, Time now) {
  const Open& request = open(ticket);
  const auto app = app_of(request);
  const auto site = table_->site_index(request.site);
  if (site) view_->site_heard(*site, now);
  if (app && site && timings.waiting) view_->waiting(*app, *site, *timings.waiting, now);
  LocalApp* local = request.replica.empty() ? nullptr : local_app(request);
  // In a burst those that are declined come last, and their way is not that of those that are taken.
  if (local != nullptr && timings.way && *timings.way < local->way.high()) local->way.observe(*timings.way);
}

bool Dispatcher::may_retry(const Open& request, bool sent, Time now) {
  if (request.retried || (sent && !request.repeatable)) return false;
  const auto app = app_of(request);
  return app && budgets_[*app].take(now);
}

Decision Dispatcher::give_up(Ticket ticket, Failure failure, bool sent, Time now) {
  const Open& request = open(ticket);
  const std::string site = request.site.str();
  if (now >= request.deadline || failure == Failure::timed_out) {
    return refuse(ticket, 504,
                  {RefusalReason::objective, "site " + site + " did not answer within the request's time",
                   "a longer objective, or more replicas"},
                  now);
  }
  const bool declined = failure == Failure::declined;
  const bool busy = declined || failure == Failure::refused;
  const RefusalReason reason = busy ? RefusalReason::overloaded : RefusalReason::unavailable;
  if (sent && !request.repeatable) {
    return refuse(
        ticket, 502,
        {RefusalReason::unavailable, "site " + site + " failed after the request was sent, and may have acted on it",
         "the same request again, if it does no harm twice"},
        now);
  }
  const bool twice = request.retried && !request.tried.empty();
  const std::string failed = declined ? "declined it: no time is left behind what waits" : "failed to serve it";
  std::string detail = twice ? "sites " + request.tried.front().str() + " and " + site + " both " + failed
                             : "site " + site + " " + failed;
  if (!request.retried) detail += ", and the app's retry budget is used up";
  return refuse(ticket, declined ? 429 : 503, {reason, std::move(detail), "later"}, now);
}

void Dispatcher::abandoned(Ticket ticket, Time now) {
  release(open(ticket), ReplicaOutcome::unknown, now);
  close(ticket);
}

}  // namespace barrio::gateway
