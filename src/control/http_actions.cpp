// What each route of control's HTTP surface does, after admission.

#include <algorithm>

#include "control/http_answer.h"
#include "control/http_api.h"

namespace barrio::control {

using net::Response;

namespace {

void raise_to(Counter& counter, uint64_t value) {
  counter.add(value - counter.value());
}

void expose_store(Registry& metrics, const StoreFigures& store, const Leadership& leadership) {
  metrics.gauge("barrio_control_leads", "1: this member of control leads").set(leadership.leads() ? 1 : 0);
  metrics.gauge("barrio_control_leader_known", "1: some member leads, as far as this one knows")
      .set(leadership.leader() ? 1 : 0);
  raise_to(metrics.counter("barrio_control_lead_taken_total", "How often this member began to lead"),
           leadership.figures().taken);
  raise_to(metrics.counter("barrio_control_fenced_total", "Commits refused because another member led by then"),
           leadership.figures().fenced);
  raise_to(metrics.counter("barrio_control_store_commits_total", "Commits that the state store acknowledged"),
           store.commits);
  raise_to(metrics.counter("barrio_control_store_conflicts_total", "Commits that a guard refused"), store.conflicts);
  raise_to(metrics.counter("barrio_control_store_failures_total", "Commits that the state store did not take"),
           store.failures);
  metrics.gauge("barrio_control_store_commit_seconds", "Time that all commits together took")
      .set(barrio::to_seconds(store.commit_time));
}

void expose_usage(Registry& metrics, const UsageFigures& figures) {
  raise_to(metrics.counter("barrio_control_usage_shipments_total", "Shipments of usage taken from sites"),
           figures.shipments);
  raise_to(metrics.counter("barrio_control_usage_rows_total", "Rows written by them"), figures.rows);
  raise_to(metrics.counter("barrio_control_usage_duplicates_total", "Shipments that were here already"),
           figures.duplicates);
  raise_to(metrics.counter("barrio_control_usage_gaps_total", "Shipments refused: something before them is missing"),
           figures.gaps);
  raise_to(metrics.counter("barrio_control_usage_failures_total", "Shipments malformed, or not kept by the store"),
           figures.failures);
}

void expose_config(Registry& metrics, const api::ConfigView& config) {
  const auto failed = std::ranges::count(config.changes, "failed", &api::ConfigChangeView::stage);
  metrics.gauge("barrio_control_snapshot_bytes", "Of the snapshot given to sites")
      .set(static_cast<double>(config.snapshot_bytes));
  metrics.gauge("barrio_control_snapshot_most_bytes", "The largest that is given out")
      .set(static_cast<double>(config.most_snapshot_bytes));
  metrics.gauge("barrio_control_snapshot_withheld", "1: the newest snapshot is not given out")
      .set(config.fault.empty() ? 0 : 1);
  metrics.gauge("barrio_control_snapshot_refusals", "Sites that do not take the snapshot they were given")
      .set(static_cast<double>(config.refusals.size()));
  metrics.gauge("barrio_control_config_under_way", "Changes of configuration on their way to all sites")
      .set(static_cast<double>(std::ssize(config.changes) - failed));
  metrics.gauge("barrio_control_config_failed", "Changes of configuration that went back and wait for somebody")
      .set(static_cast<double>(failed));
  raise_to(metrics.counter("barrio_control_config_rolled_back_total", "Changes of configuration that went back"),
           static_cast<uint64_t>(config.rolled_back));
}

}  // namespace

Response HttpApi::token(const Call& call) {
  const auto& headers = call.request.headers;
  auto request = api::read_token_request(net::find_header(headers, "Authorization").value_or(""),
                                         net::find_header(headers, "Content-Type").value_or(""), call.request.body);
  tl::expected<api::TokenAnswer, api::TokenError> granted = tl::unexpected(api::TokenError{});
  if (request) granted = control_.accounts().grant(*request);
  if (request && granted) return answer_json(200, *granted);
  const api::TokenError& error = request ? granted.error() : request.error();
  Response response = answer_json(error.status, api::to_json_body(error));
  if (error.status == 401) response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"barrio\"");
  return response;
}

Response HttpApi::keys(const Call&) {
  return answer_json(200, api::jwks(control_.accounts().keys()));
}

Response HttpApi::health(const Call&) {
  if (control_.snapshot() == nullptr) return answer(api::problem(503, "control is starting"));
  const Leadership& leadership = control_.leadership();
  return answer_json(200,
                     api::HealthView{"ok", static_cast<int64_t>(control_.snapshot()->version), leadership.self().name,
                                     leadership.leader() ? leadership.leader()->name : ""});
}

Response HttpApi::exposition(const Call&) {
  const ControlFigures& figures = control_.figures();
  raise_to(metrics_.counter("barrio_control_steps_total", "Passes of placement and reconciliation"), figures.steps);
  raise_to(metrics_.counter("barrio_control_failed_steps_total", "Passes that failed"), figures.failed_steps);
  raise_to(metrics_.counter("barrio_control_syncs_total", "Reports of sites"), figures.syncs);
  raise_to(metrics_.counter("barrio_control_changes_total", "Accepted changes of tenants and operators"),
           figures.changes);
  metrics_.gauge("barrio_control_sites_lost", "Sites whose replicas are made elsewhere while they are silent")
      .set(static_cast<double>(figures.lost_sites));
  metrics_.gauge("barrio_control_failover_withheld", "1: most sites are silent, and nothing is made elsewhere")
      .set(static_cast<double>(figures.failover_withheld));
  metrics_.gauge("barrio_control_moves_waiting", "Replicas to be made elsewhere that have yet to begin")
      .set(static_cast<double>(figures.moves_wait));
  metrics_.gauge("barrio_control_accounts_waiting", "Accounts of control's file that its state has no room for yet")
      .set(static_cast<double>(control_.accounts().waiting()));
  expose_store(metrics_, control_.store_figures(), control_.leadership());
  if (control_.usage() != nullptr) expose_usage(metrics_, control_.usage()->figures());
  expose_config(metrics_, control_.config());
  const auto keys = control_.site_keys();
  metrics_.gauge("barrio_control_site_keys_pending", "Keys of sites that wait for 'barrio site approve'")
      .set(static_cast<double>(std::ranges::count(keys, api::SiteKeyState::pending, &api::SiteKeyView::state)));
  const api::LiveView view = control_.live();
  metrics_.gauge("barrio_control_snapshot_version", "Version of the snapshot given to sites")
      .set(static_cast<double>(view.snapshot_version));
  for (const api::LiveSite& site : view.sites) {
    const Labels labels = {{"site", site.id.str()}};
    metrics_.gauge("barrio_control_site_connected", "1: reported within 3 seconds", labels).set(site.connected ? 1 : 0);
    metrics_.gauge("barrio_control_site_heard", "1: it has reported at some time, and is not retired", labels)
        .set(site.status != SiteStatus::retired && control_.has_heard(site.id) ? 1 : 0);
    metrics_.gauge("barrio_control_site_power_watts", "IT power of the replicas placed there", labels)
        .set(static_cast<double>(site.power_used_w));
    metrics_.gauge("barrio_control_site_replicas_ready", "Replicas that are ready", labels)
        .set(static_cast<double>(site.replicas_ready));
  }
  Response response;
  response.headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}};
  response.body = metrics_.text();
  return response;
}

Response HttpApi::list_sites(const Call& call) {
  api::SiteList list;
  auto sites = page<api::SiteView>(
      call, control_.sites(call.tenant), [](const api::SiteView& site) { return site.id.str(); }, list.next);
  if (!sites) return answer(sites.error());
  list.sites = std::move(*sites);
  return answer_json(200, list);
}

Response HttpApi::show_site(const Call& call) {
  auto id = control_.find_site(call.params[0]);
  if (!id) return answer(id.error());
  auto site = control_.site(*id, call.tenant);
  return site ? answer_json(200, *site) : answer(site.error());
}

Response HttpApi::activate(const Call& call) {
  return set_status(call, SiteStatus::active);
}
Response HttpApi::drain(const Call& call) {
  return set_status(call, SiteStatus::draining);
}

Response HttpApi::retire(const Call& call) {
  return set_status(call, SiteStatus::retired);
}

Response HttpApi::set_status(const Call& call, SiteStatus status) {
  auto id = control_.find_site(call.params[0]);
  if (!id) return answer(id.error());
  auto changed = control_.set_status(*id, status, author(call));
  if (!changed && changed.error().code == Code::unsupported) return answer(api::problem(409, changed.error().what));
  if (!changed) return answer(changed.error());
  auto site = control_.site(*id, call.tenant);
  return site ? answer_json(200, *site) : answer(site.error());
}

Response HttpApi::sync(const Call& call) {
  auto report = body<SiteReport>(call);
  if (!report) return answer(report.error());
  if (call.who.subject != call.params[0] || report->site.str() != call.params[0]) {
    return answer(api::problem(403, "the token is for site " + call.who.subject));
  }
  auto orders = control_.sync(*report);
  return orders ? answer_json(200, *orders) : answer(orders.error());
}

Response HttpApi::list_apps(const Call& call) {
  api::AppList list;
  auto apps = page<api::AppAnswer>(
      call, control_.apps(call.tenant), [](const api::AppAnswer& app) { return app.app.key().str(); }, list.next);
  if (!apps) return answer(apps.error());
  list.apps = std::move(*apps);
  return answer_json(200, list);
}

Response HttpApi::show_app(const Call& call) {
  auto name = AppName::parse(call.params[0]);
  if (!name) return answer(name.error());
  auto app = control_.app({call.tenant, *name});
  return app ? answer_json(200, *app) : answer(app.error());
}

Response HttpApi::put_app(const Call& call) {
  auto spec = body<AppSpec>(call);
  if (!spec) return answer(spec.error());
  if (spec->name.str() != call.params[0]) {
    api::Problem problem = api::problem(400, "the name in the body and in the path differ");
    problem.where = "name";
    return answer(problem);
  }
  return tell(control_.deploy(call.tenant, std::move(*spec), author(call)));
}

Response HttpApi::tell(const tl::expected<Deployed, Rejected>& deployed) const {
  if (!deployed && deployed.error().refusal) return answer(api::problem(422, *deployed.error().refusal));
  if (!deployed) return answer(deployed.error().error);
  auto app = control_.app(deployed->app.key());
  return app ? answer_json(deployed->created ? 201 : 200, *app) : answer(app.error());
}

Response HttpApi::delete_app(const Call& call) {
  auto name = AppName::parse(call.params[0]);
  if (!name) return answer(name.error());
  auto removed = control_.remove({call.tenant, *name}, author(call));
  if (!removed) return answer(removed.error());
  Response response;
  response.status = 204;
  return response;
}

Response HttpApi::explain(const Call& call) {
  auto name = AppName::parse(call.params[0]);
  if (!name) return answer(name.error());
  auto explained = control_.explain({call.tenant, *name});
  return explained ? answer_json(200, *explained) : answer(explained.error());
}

Response HttpApi::list_releases(const Call& call) {
  auto name = AppName::parse(call.params[0]);
  if (!name) return answer(name.error());
  auto releases = control_.releases({call.tenant, *name});
  return releases ? answer_json(200, *releases) : answer(releases.error());
}

Response HttpApi::roll_back(const Call& call) {
  auto name = AppName::parse(call.params[0]);
  if (!name) return answer(name.error());
  auto wanted = body<api::RollBack>(call);
  if (!wanted) return answer(wanted.error());
  return tell(control_.roll_back({call.tenant, *name}, wanted->generation, author(call)));
}

Response HttpApi::put_blob(const Call& call) {
  auto kept = control_.add_model(call.tenant, call.params[0], call.request.body, author(call));
  if (!kept) return answer(kept.error());
  return answer_json(201, api::BlobView{call.params[0], static_cast<int64_t>(call.request.body.size())});
}

Response HttpApi::take_copy(const Call& call) {
  auto kept = control_.take_copy(call.params[0], call.request.body);
  if (!kept) return answer(kept.error());
  return answer_json(201, api::BlobView{call.params[0], static_cast<int64_t>(call.request.body.size())});
}

Response HttpApi::give_copy(const Call& call) {
  auto bytes = control_.give_copy(call.params[0]);
  if (!bytes) return answer(bytes.error());
  Response response;
  response.headers = {{"Content-Type", "application/octet-stream"}};
  response.body = std::move(*bytes);
  return response;
}

Response HttpApi::get_blob(const Call& call) {
  const bool site = call.who.has(api::scope::site_sync);
  if (!site && (call.tenant.empty() || !call.who.has(api::scope::apps_read))) {
    return answer(api::problem(403, "models are read by sites, and by the tenant that uploaded them"));
  }
  auto bytes = control_.model(site ? TenantId() : call.tenant, call.params[0]);
  if (!bytes) return answer(bytes.error());
  Response response;
  response.headers = {{"Content-Type", "application/octet-stream"}};
  response.body = std::move(*bytes);
  return response;
}

Response HttpApi::usage(const Call& call) {
  if (control_.usage() == nullptr) return answer(api::problem(404, "this control keeps no usage"));
  const auto parameter = [&](std::string_view name) { return net::query_value(call.request.query(), name); };
  const std::string format = parameter("format").value_or("json");
  if (format != "json" && format != "csv") {
    return answer(Error{Code::invalid, "must be json or csv", "format"});
  }
  auto query = api::UsageQuery::parse(parameter, call.tenant, control_.wall());
  if (!query) return answer(query.error());
  auto usage = control_.usage()->report(*query, control_.prices());
  if (!usage) return answer(usage.error());
  if (format == "json") return answer_json(200, *usage);
  Response response;
  response.headers = {{"Content-Type", "text/csv; charset=utf-8; header=present"}, {"Cache-Control", "no-store"}};
  response.body = api::usage_csv(*usage);
  return response;
}

Response HttpApi::audit(const Call& call) {
  const auto time = [&](const char* name, WallTime otherwise) -> Result<WallTime> {
    const auto text = net::query_value(call.request.query(), name);
    if (!text) return otherwise;
    auto parsed = parse_wall_time(*text);
    if (!parsed) return fail(Code::invalid, parsed.error().what, name);
    return parsed;
  };
  const auto to = time("to", control_.wall() + 1s);
  if (!to) return answer(to.error());
  // Without `from`, the next page begins where the last one ended, not where the last 24 hours do by now.
  const auto after = parse_wall_time(net::query_value(call.request.query(), "after").value_or("").substr(0, 24));
  const auto from = time("from", after.value_or(*to - 24h));
  if (!from) return answer(from.error());
  auto entries = control_.audit(*from, *to, call.tenant);
  if (!entries) return answer(entries.error());
  api::AuditList list{*from, *to, {}, {}};
  auto some = page<api::AuditEntry>(
      call, std::move(*entries), [](const api::AuditEntry& entry) { return entry.id; }, list.next);
  if (!some) return answer(some.error());
  list.entries = std::move(*some);
  return answer_json(200, list);
}

Response HttpApi::live(const Call& call) {
  return answer_json(200, api::live_json(control_.live(call.tenant)));
}

}  // namespace barrio::control
