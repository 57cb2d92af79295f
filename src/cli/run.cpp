#include "cli/run.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "base/cores.h"
#include "cli/actions.h"
#include "cli/exit_code.h"
#include "cli/home_lock.h"
#include "cli/roles.h"
#include "cli/up.h"

namespace barrio::cli {

namespace {

/// What it expects are times on a machine that can keep them.
Result<void> story_failed() {
  double load = 0;
  const size_t cores = usable_cores();
  const std::string busy =
      ::getloadavg(&load, 1) == 1 && load > 2.0 * static_cast<double>(cores)
          ? fmt::format("; the load here is {:.1f} on {} cores: it needs a machine with less to do", load, cores)
          : "";
  return fail(Code::unsupported, "not every expectation held; the lines marked FAIL above say which" + busy,
              "the story");
}

/// One overload per command: the compiler finds a forgotten one.
struct Act {
  Session& session;

  Result<void> operator()(const UpCommand& command) const {
    TRY(const bool held, up(session.home, command));
    return held ? Result<void>() : story_failed();
  }
  Result<void> operator()(const RoleCommand& command) const {
    switch (command.role) {
      case Role::control: return serve_control(command);
      case Role::site: return serve_site(command.config);
      case Role::wan: return serve_wan(command.config);
      case Role::cameras: return serve_cameras(command.config);
    }
    return {};
  }
  Result<void> operator()(const EngineCommand&) const { return {}; }  // run() has done it: its exit codes are its own
  Result<void> operator()(const ModelWorkerCommand&) const { return {}; }  // the same
  Result<void> operator()(const StateCommand& command) const { return move_state(session, command); }
  Result<void> operator()(const TopCommand& command) const { return show_top(session, command); }
  Result<void> operator()(const SiteListCommand&) const { return list_sites(session); }
  Result<void> operator()(const SiteCommand& command) const { return act_on_site(session, command); }
  Result<void> operator()(const SiteAddCommand& command) const { return add_site(session, command); }
  Result<void> operator()(const SiteSetCommand& command) const { return set_site(session, command); }
  Result<void> operator()(const SiteAccountCommand& command) const { return make_site_account(session, command); }
  Result<void> operator()(const SiteJoinCommand& command) const { return join_control(session, command); }
  Result<void> operator()(const SitePendingCommand& command) const { return list_site_keys(session, command); }
  Result<void> operator()(const SiteApproveCommand& command) const { return approve_site(session, command); }
  Result<void> operator()(const SiteRevokeCommand& command) const { return revoke_site(session, command); }
  Result<void> operator()(const SiteDevicesCommand&) const { return list_devices(session); }
  Result<void> operator()(const AppDeployCommand& command) const { return run_deploy(session, command); }
  Result<void> operator()(const AppListCommand&) const { return list_apps(session); }
  Result<void> operator()(const AppCommand& command) const { return act_on_app(session, command); }
  Result<void> operator()(const AppLogsCommand& command) const { return show_logs(session, command); }
  Result<void> operator()(const AppTopCommand& command) const { return show_app_top(session, command); }
  Result<void> operator()(const AppReleasesCommand& command) const { return list_releases(session, command); }
  Result<void> operator()(const AppRollbackCommand& command) const { return roll_back(session, command); }
  Result<void> operator()(const ImageKeyCommand& command) const { return make_image_key(session, command); }
  Result<void> operator()(const ImageSignCommand& command) const { return sign_image(session, command); }
  Result<void> operator()(const SecretCommand& command) const { return act_on_secret(session, command); }
  Result<void> operator()(const InferCommand& command) const { return infer(session, command); }
  Result<void> operator()(const TenantListCommand&) const { return list_tenants(session); }
  Result<void> operator()(const TenantCreateCommand& command) const { return create_tenant(session, command); }
  Result<void> operator()(const TenantShowCommand& command) const { return show_tenant(session, command); }
  Result<void> operator()(const TenantSetCommand& command) const { return set_tenant(session, command); }
  Result<void> operator()(const TenantQuotaCommand& command) const { return set_quota(session, command); }
  Result<void> operator()(const KeyCreateCommand& command) const { return create_key(session, command); }
  Result<void> operator()(const KeyListCommand& command) const { return list_keys(session, command); }
  Result<void> operator()(const KeyRevokeCommand& command) const { return revoke_key(session, command); }
  Result<void> operator()(const TenantEraseCommand& command) const { return erase_tenant(session, command); }
  Result<void> operator()(const S3KeyCommand& command) const { return act_on_s3_key(session, command); }
  Result<void> operator()(const BucketCreateCommand& command) const { return create_bucket(session, command); }
  Result<void> operator()(const BucketCopiesCommand& command) const { return change_copies(session, command); }
  Result<void> operator()(const BucketListCommand&) const { return list_buckets(session); }
  Result<void> operator()(const BucketDeleteCommand& command) const { return delete_bucket(session, command); }
  Result<void> operator()(const ObjectCommand& command) const { return act_on_object(session, command); }
  Result<void> operator()(const ExportCommand& command) const { return export_tenant(session, command); }
  Result<void> operator()(const ContextListCommand&) const { return list_contexts(session); }
  Result<void> operator()(const TokenCommand&) const { return print_token(session); }
  Result<void> operator()(const ContextUseCommand& command) const { return use_context(session, command); }
  Result<void> operator()(const ContextSetCommand& command) const { return set_context(session, command); }
  Result<void> operator()(const UsageCommand& command) const { return show_usage(session, command); }
  Result<void> operator()(const ConfigCommand& command) const { return act_on_config(session, command); }
  Result<void> operator()(const PriceSetCommand& command) const { return set_prices(session, command); }
  Result<void> operator()(const PriceListCommand&) const { return list_prices(session); }
  Result<void> operator()(const AuditCommand& command) const { return show_audit(session, command); }
  Result<void> operator()(const EventsCommand& command) const { return watch_events(session, command); }
  Result<void> operator()(const LogKeysCommand& command) const { return show_log_keys(session, command); }
  Result<void> operator()(const LogCheckCommand& command) const { return check_site_log(session, command); }
  Result<void> operator()(const ProveCommand& command) const { return prove(session, command); }
  Result<void> operator()(const VerifyCommand& command) const { return verify(session, command); }
  Result<void> operator()(const WitnessCommand& command) const { return serve_witness(command); }
  Result<void> operator()(const CertCaCommand& command) const { return make_certificate_authority(session, command); }
  Result<void> operator()(const CertIssueCommand& command) const { return issue_certificate(session, command); }
  Result<void> operator()(const CertShowCommand& command) const { return show_certificates(session, command); }
  Result<void> operator()(const CompletionCommand& command) const {
    std::fputs(completion_script(command).c_str(), stdout);
    return {};
  }
  Result<void> operator()(const NamesCommand& command) const {
    std::fputs(known_names(session, command).c_str(), stdout);
    return {};
  }
  Result<void> operator()(const VersionCommand&) const {
    session.print(JsonObject{{"version", program_version}}, std::string("barrio ") + program_version + "\n");
    return {};
  }
};

}  // namespace

int run(int argc, char** argv) {
  const Parsed parsed = parse_options(argc, argv);
  if (parsed.exit >= 0) return parsed.exit;
  if (const auto* engine = std::get_if<EngineCommand>(&parsed.command)) return serve_engine(*engine);
  if (const auto* worker = std::get_if<ModelWorkerCommand>(&parsed.command)) serve_model_worker(*worker);
  const std::string home = home_folder(parsed.global.home);
  Typed typed{.command = parsed.global.command, .names = parsed.global.names};
  if (parsed.global.output == Output::csv && !std::holds_alternative<UsageCommand>(parsed.command)) {
    return report({Code::invalid, "only usage is printed as csv; others as table or json", "--output"}, typed,
                  Output::table);
  }
  Session session{.global = parsed.global, .home = home, .http = {}};
  auto done = std::visit(Act{session}, parsed.command);
  if (!done) {
    typed.network_runs = network_runs_in(home);
    return report(done.error(), typed, parsed.global.output);
  }
  return static_cast<int>(Exit::ok);
}

}  // namespace barrio::cli
