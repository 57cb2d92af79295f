// Control's answers to tenants and operators who change what should be.

#include <algorithm>

#include "base/log.h"
#include "base/tar.h"
#include "base/text.h"
#include "control/control.h"
#include "control/past_app.h"
#include "control/place_name.h"

namespace barrio::control {

namespace {

constexpr size_t most_apps = 1000;

std::vector<SiteStatus> may_follow(SiteStatus status) {
  std::vector<SiteStatus> next;
  for (auto to :
       {SiteStatus::planned, SiteStatus::testing, SiteStatus::active, SiteStatus::draining, SiteStatus::retired}) {
    if (to != status && may_become(status, to)) next.push_back(to);
  }
  return next;
}

tl::unexpected<Error> wrong_status(const Site& site, SiteStatus wanted) {
  std::vector<std::string> names;
  for (SiteStatus next : may_follow(site.status)) names.emplace_back(to_name(next));
  const std::string is = site.id.str() + " is " + to_name(site.status);
  if (names.empty()) return fail(Code::conflict, is + " for good", "status");
  return fail(
      Code::conflict,
      is + " and cannot become " + to_name(wanted) + ", only " + join_text(std::span<const std::string>(names), " or "),
      "status");
}

bool same_spec(const AppSpec& a, const AppSpec& b) {
  return print_json(to_json(a)) == print_json(to_json(b));
}

/// Reads all of the archive.
Result<void> check_unpacked(const std::string& archive, const ProgramSpec& program) {
  const auto entries = read_tar(archive);
  if (!entries)
    return fail(Code::invalid, "the archive cannot be unpacked: " + entries.error().text(), "program.sha256");
  if (!program.command.empty()) return {};
  const auto is_program = [](const TarEntry& entry) {
    return entry.name == "program" && (entry.executable || entry.kind == TarEntry::Kind::link);
  };
  if (std::ranges::any_of(*entries, is_program)) return {};
  return fail(Code::invalid, "is missing, and the archive has no executable file 'program'", "program.command");
}

}  // namespace

Result<void> Control::change(const Act& act, const std::function<Result<Edit>()>& edit) {
  const ports::Turn::Hold turn(stepping_);
  Result<void> changed;
  for (int attempt = 0; attempt < ports::change_attempts; ++attempt) {
    TRY_DO(load());
    TRY(Edit made, edit());
    if (made.writes.empty()) break;
    TRY_DO(check_room_in_snapshot(made));
    TRY_DO(stage(made, act));
    made.writes.push_back(audit_entry(act, made.detail));
    if (act.by.once) {
      made.guards.push_back(act.by.once->guard());
      made.writes.push_back(act.by.once->write(runtime_.wall()));
    }
    const auto committed = state_.commit(std::move(made.guards), std::move(made.writes));
    changed = committed ? Result<void>() : Result<void>(fail(committed.error()));
    if (changed || changed.error().code != Code::conflict) break;
  }
  TRY_DO(std::move(changed));
  ++figures_.changes;
  // The change is kept whatever becomes of this step; run() steps again.
  static_cast<void>(step_holding());
  return {};
}

Result<void> Control::check_model(const TenantId& tenant, const ModelSource& model) {
  if (!model.builtin.empty()) {
    const std::string kind = model.builtin.substr(0, model.builtin.find('-'));
    if (model.backend == Backend::opencv && config_.builtin_models.contains(kind)) return {};
    if (model.backend == Backend::profile && config_.emulated_models) return {};
    const std::vector<std::string> known(config_.builtin_models.begin(), config_.builtin_models.end());
    return fail(Code::invalid,
                "there is no built-in model '" + model.builtin + "' in the backend " + to_name(model.backend) +
                    "; opencv has: " + join_text(std::span<const std::string>(known), ", "),
                "model.builtin");
  }
  if (model.is_at_server()) return {};
  if (model.backend != Backend::onnx) {
    return fail(Code::unsupported, "a model file needs the backend onnx", "model.backend");
  }
  return check_upload(tenant, model.sha256, "model.sha256");
}

/// An upload of this tenant.
Result<void> Control::check_upload(const TenantId& tenant, const std::string& sha256, const std::string& where) {
  if (sha256.empty()) {
    return fail(Code::invalid, "upload the file to /barrio/v1/blobs/{sha256} first and name its hash here", where);
  }
  if (blobs_ == nullptr) return fail(Code::unsupported, "this control keeps no files", where);
  TRY(auto owned, state_.get(key::blob(tenant, sha256)));
  TRY(bool there, blobs_->has(sha256));
  if (owned && there) return {};
  return fail(Code::invalid, "no file with this hash was uploaded; PUT it to /barrio/v1/blobs/" + sha256 + " first",
              where);
}

/// As sites will unpack it: what is no archive is the program itself.
Result<void> Control::check_archive(const ProgramSpec& program) {
  TRY(const std::string content, blobs_->get(program.sha256));
  Result<void> good;
  runtime_.offload([&] { good = is_tar(content) ? check_unpacked(content, program) : Result<void>(); });
  return good;
}

/// `where`: container or program.
Result<void> Control::check_server(const TenantId& tenant, const ServerSpec& server, const std::string& where) {
  TRY_DO(check_upload(tenant, server.sha256, where + ".sha256"));
  for (const auto& [variable, name] : server.secrets) {
    TRY(auto value, state_.get(key::secret(tenant, name)));
    if (value) continue;
    return fail(Code::invalid, "there is no secret '" + name + "'; 'barrio secret set " + name + "' makes it",
                where + ".secrets." + variable);
  }
  return {};
}

namespace {

/// Sites run model files and built-in models on their CPUs: an accelerator would be kept, and billed, for nothing. Said
/// at deploy, not where an app is read: one that was deployed before this was checked goes on.
Result<void> check_accelerators(const AppSpec& spec) {
  const auto on_cpu = [](const ModelSource& model) {
    return model.backend == Backend::onnx || model.backend == Backend::opencv;
  };
  if (spec.resources.accelerators == 0 || std::ranges::none_of(models_of(spec.model, spec.pipeline), on_cpu)) return {};
  return fail(
      Code::invalid,
      "must be 0: model files and built-in models run on CPUs; what runs on an accelerator is a model server of "
      "the site (model.backend oip or openai)",
      "resources.accelerators");
}

}  // namespace

Result<void> Control::check_models(const TenantId& tenant, const AppSpec& spec) {
  if (spec.program) {
    TRY_DO(check_server(tenant, *spec.program, "program"));
    return check_archive(*spec.program);
  }
  if (spec.container) {
    auto is_signed = spec.container->check_signature();
    if (!is_signed) return fail(std::move(is_signed).error().within("container"));
    return check_server(tenant, *spec.container, "container");
  }
  TRY_DO(check_accelerators(spec));
  if (!spec.pipeline) return check_model(tenant, spec.model);
  for (size_t i = 0; i < spec.pipeline->steps.size(); ++i) {
    auto good = check_model(tenant, spec.pipeline->steps[i].model);
    if (good) continue;
    Error error = std::move(good).error();
    error.where = "pipeline.steps[" + std::to_string(i) + "]." + error.where;
    return fail(std::move(error));
  }
  return {};
}

decide::AppPlacement Control::plan(const App& app) const {
  std::vector<App> apps = sized_apps();
  std::erase_if(apps, [&](const App& other) { return other.key() == app.key(); });
  apps.push_back(with_demand(app));
  for (auto& placement : decide::place(desired_.network, apps, placed(desired_), placement_options())) {
    if (placement.app == app.key()) return std::move(placement);
  }
  return {};
}

Result<Control::Edit> Control::try_deploy(const TenantId& tenant, const AppSpec& spec,
                                          std::optional<Deployed>& deployed, std::optional<Refusal>& refusal) {
  const App* old = find_app({tenant, spec.name});
  if (old == nullptr && desired_.apps.size() >= most_apps) {
    return fail(Code::exhausted, "there are " + std::to_string(most_apps) + " apps already; delete one first");
  }
  FirstGeneration first;
  if (old == nullptr) {
    TRY(first, first_generation(state_, {tenant, spec.name}));
  }
  deployed = {{tenant, spec, old == nullptr ? first.generation : old->generation}, old == nullptr, {}};
  const bool same = old != nullptr && same_spec(old->spec, spec);
  if (!same) refusal = over_spend_cap(tenant, old == nullptr ? nullptr : &old->spec, spec);
  if (refusal) return fail(Code::unsupported, refusal->detail);
  if (old != nullptr && !same) ++deployed->app.generation;
  deployed->placement = plan(deployed->app);
  refusal = deployed->placement.refusal;
  if (refusal && !same) return fail(Code::unsupported, refusal->detail);
  if (same) return Edit{};
  const std::string key = key::app(deployed->app.key());
  Edit edit{{desired_.guard(key)}, {write_json(key, deployed->app)}};
  if (old == nullptr) edit.guards.push_back(first.guard);
  edit.detail = "generation " + std::to_string(deployed->app.generation);
  add_release(edit.writes, deployed->app);
  return edit;
}

tl::expected<Deployed, Rejected> Control::deploy(const TenantId& tenant, AppSpec spec, const Author& by) {
  auto rejected = [](Error error, std::optional<Refusal> refusal = {}) {
    return tl::unexpected(Rejected{std::move(error), std::move(refusal)});
  };
  if (auto good = check_models(tenant, spec); !good) return rejected(good.error());
  // The path on the uploader's machine means nothing here.
  if (!spec.model.sha256.empty()) spec.model.file.clear();
  if (spec.container) spec.container->file.clear();
  if (spec.program) spec.program->file.clear();
  if (spec.pipeline) {
    for (PipelineStep& step : spec.pipeline->steps) step.model.file.clear();
  }
  std::optional<Deployed> deployed;
  std::optional<Refusal> refusal;
  const AppKey key{tenant, spec.name};
  auto changed =
      change({by, "app deploy", key.str(), tenant}, [&] { return try_deploy(tenant, spec, deployed, refusal); });
  if (!changed) {
    log_info("app refused", {{"app", tenant.str() + "/" + spec.name.str()}, {"why", changed.error().text()}});
    return rejected(changed.error(), refusal);
  }
  log_info("app deployed", {{"app", deployed->app.key().str()},
                            {"generation", std::to_string(deployed->app.generation)},
                            {"replicas", std::to_string(deployed->placement.replicas.size())}});
  return std::move(*deployed);
}

Result<void> Control::remove(const AppKey& app, const Author& by) {
  auto erase = [&]() -> Result<Edit> {
    TRY(auto writes, make_room_for_past_app(state_, app));
    TRY(const App* present, known_app(app));
    writes.push_back({key::app(app), std::nullopt});
    writes.push_back(write_past_app(*present, runtime_.wall()));
    Edit edit{{desired_.guard(key::app(app))}, std::move(writes)};
    const auto known = desired_.releases.find(app);
    for (const Release& release : known == desired_.releases.end() ? std::vector<Release>() : known->second)
      edit.writes.push_back({key::release(app, release.generation), std::nullopt});
    return edit;
  };
  TRY_DO(change({by, "app delete", app.str(), app.tenant}, erase));
  log_info("app deleted", {{"app", app.str()}});
  return {};
}

Result<Site> Control::set_status(const SiteId& site, SiteStatus status, const Author& by) {
  std::optional<Site> changed;
  auto set = [&]() -> Result<Edit> {
    const Site* present = desired_.network.find(site);
    if (present == nullptr) return fail(Code::not_found, "there is no site '" + site.str() + "'", "site");
    changed = *present;
    if (present->status == status) return Edit{};
    if (!may_become(present->status, status)) return wrong_status(*present, status);
    if (status == SiteStatus::retired) TRY_DO(check_empty(*present));
    changed->status = status;
    return Edit{{desired_.guard(key::site(site))}, {write_site(desired_, *changed)}, to_name(status)};
  };
  TRY_DO(change({by, "site status", site.str()}, set));
  log_info("site status set", {{"site", site.str()}, {"status", to_name(status)}});
  return std::move(*changed);
}

/// A site that still serves cannot go: who depends on it is named.
Result<void> Control::check_empty(const Site& site) const {
  std::vector<std::string> left;
  for (const Replica& replica : desired_.replicas) {
    if (replica.site == site.id) left.push_back(replica.app.str() + " (" + leave_text(replica) + ")");
  }
  const std::string then = "; it can be retired once it is empty";
  if (!left.empty()) {
    return fail(Code::conflict,
                site.id.str() + " still runs " + join_text(std::span<const std::string>(left), ", ") + then, "status");
  }
  constexpr size_t most_named = 10;
  size_t kept = 0;
  for (const Bucket& bucket : desired_.buckets) {
    if (bucket.is_member(site.id) && ++kept <= most_named) left.push_back(bucket.name.str());
  }
  if (kept == 0) return {};
  return fail(Code::conflict,
              site.id.str() + " still keeps " + std::to_string(kept) + (kept == 1 ? " bucket (" : " buckets (") +
                  join_text(std::span<const std::string>(left), ", ") + (kept > most_named ? ", ...)" : ")") + then,
              "status");
}

Result<SiteId> Control::find_site(std::string_view id_or_city) const {
  const std::string wanted = folded_place(id_or_city);
  std::vector<std::string> in_city;
  std::vector<std::string> names;
  for (const Site& site : desired_.network.sites) {
    if (site.id.str() == id_or_city) return site.id;
    if (!wanted.empty() && folded_place(site.city) == wanted) in_city.push_back(site.id.str());
    names.push_back(site.id.str());
    names.push_back(folded_place(site.city));
  }
  if (in_city.size() == 1) return SiteId::of(in_city.front());
  const std::string shown(id_or_city.substr(0, 80));
  if (in_city.size() > 1) {
    return fail(Code::invalid,
                shown + " has several sites, name one: " + join_text(std::span<const std::string>(in_city), ", "),
                "site");
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto close = nearest(wanted, known);
  std::string hint = "GET /barrio/v1/sites lists all";
  if (close) {
    const auto index = static_cast<size_t>(std::ranges::find(names, *close) - names.begin());
    const Site& site = desired_.network.sites[index / 2];
    hint = "did you mean " + site.id.str() + " (" + site.city + ")?";
  }
  return fail(Code::not_found, "there is no site or city '" + shown + "'; " + hint, "site");
}

Result<void> Control::add_model(const TenantId& tenant, const std::string& sha256, const std::string& bytes,
                                const Author& by) {
  if (blobs_ == nullptr) return fail(Code::unsupported, "this control keeps no model files");
  TRY_DO(blobs_->put(sha256, bytes));
  const Act act{by, "file upload", sha256, tenant};
  TRY_DO(state_.commit({},
                       {{key::blob(tenant, sha256), "{}"}, audit_entry(act, std::to_string(bytes.size()) + " bytes")}));
  log_info("file uploaded", {{"tenant", tenant.str()}, {"sha256", sha256}, {"bytes", std::to_string(bytes.size())}});
  return {};
}

Result<void> Control::take_copy(const std::string& sha256, const std::string& bytes) {
  if (blobs_ == nullptr) return fail(Code::unsupported, "this control keeps no model files");
  return blobs_->put_here(sha256, bytes);
}

Result<std::string> Control::give_copy(const std::string& sha256) {
  if (blobs_ == nullptr) return fail(Code::unsupported, "this control keeps no model files");
  return blobs_->get_here(sha256);
}

Result<std::string> Control::model(const TenantId& tenant, const std::string& sha256) {
  if (blobs_ == nullptr) return fail(Code::unsupported, "this control keeps no model files");
  if (!tenant.empty()) {
    TRY(auto owned, state_.get(key::blob(tenant, sha256)));
    if (!owned) return fail(Code::not_found, "there is no content with this hash", sha256);
  }
  return blobs_->get(sha256);
}

}  // namespace barrio::control
