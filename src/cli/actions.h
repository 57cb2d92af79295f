#pragma once
// What the client commands do. Each prints its result on standard output and returns an Error for exit_code.h to tell.

#include "cli/control_client.h"
#include "cli/options.h"

namespace barrio::cli {

/// What every command needs: who speaks, how to print.
struct Session {
  GlobalOptions global;
  std::string home;
  Http http;
  Result<ControlClient> control(Speaker speaker);
  /// A table for people or the whole answer as JSON.
  void print(const Json& answer, const std::string& table) const;
  /// Asks whether what cannot be undone is meant. Errors: cancelled, about `subject`, for any answer but yes; invalid
  /// where nobody can be asked.
  Result<void> confirm(const std::string& question, const std::string& subject) const;
};

Result<void> move_state(Session& session, const StateCommand& command);
Result<void> show_top(Session& session, const TopCommand& command);
Result<void> list_sites(Session& session);
Result<void> add_site(Session& session, const SiteAddCommand& command);
Result<void> set_site(Session& session, const SiteSetCommand& command);
Result<void> make_site_account(Session& session, const SiteAccountCommand& command);
Result<void> act_on_site(Session& session, const SiteCommand& command);
Result<void> join_control(Session& session, const SiteJoinCommand& command);
Result<void> list_site_keys(Session& session, const SitePendingCommand& command);
Result<void> approve_site(Session& session, const SiteApproveCommand& command);
Result<void> revoke_site(Session& session, const SiteRevokeCommand& command);
/// Those of this machine.
Result<void> list_devices(Session& session);
Result<void> run_deploy(Session& session, const AppDeployCommand& command);
Result<void> list_apps(Session& session);
Result<void> act_on_app(Session& session, const AppCommand& command);
Result<void> show_logs(Session& session, const AppLogsCommand& command);
Result<void> show_app_top(Session& session, const AppTopCommand& command);
Result<void> list_releases(Session& session, const AppReleasesCommand& command);
Result<void> roll_back(Session& session, const AppRollbackCommand& command);
Result<void> make_image_key(Session& session, const ImageKeyCommand& command);
Result<void> sign_image(Session& session, const ImageSignCommand& command);
Result<void> act_on_secret(Session& session, const SecretCommand& command);
Result<void> infer(Session& session, const InferCommand& command);
Result<void> list_tenants(Session& session);
Result<void> create_tenant(Session& session, const TenantCreateCommand& command);
Result<void> show_tenant(Session& session, const TenantShowCommand& command);
Result<void> set_tenant(Session& session, const TenantSetCommand& command);
Result<void> set_quota(Session& session, const TenantQuotaCommand& command);
Result<void> create_key(Session& session, const KeyCreateCommand& command);
Result<void> list_keys(Session& session, const KeyListCommand& command);
Result<void> revoke_key(Session& session, const KeyRevokeCommand& command);
Result<void> erase_tenant(Session& session, const TenantEraseCommand& command);
Result<void> act_on_s3_key(Session& session, const S3KeyCommand& command);
Result<void> create_bucket(Session& session, const BucketCreateCommand& command);
Result<void> change_copies(Session& session, const BucketCopiesCommand& command);
Result<void> list_buckets(Session& session);
Result<void> delete_bucket(Session& session, const BucketDeleteCommand& command);
Result<void> act_on_object(Session& session, const ObjectCommand& command);
Result<void> export_tenant(Session& session, const ExportCommand& command);
Result<void> list_contexts(Session& session);
Result<void> use_context(Session& session, const ContextUseCommand& command);
Result<void> set_context(Session& session, const ContextSetCommand& command);
Result<void> print_token(Session& session);
Result<void> show_usage(Session& session, const UsageCommand& command);
Result<void> act_on_config(Session& session, const ConfigCommand& command);
Result<void> set_prices(Session& session, const PriceSetCommand& command);
Result<void> list_prices(Session& session);
Result<void> show_audit(Session& session, const AuditCommand& command);
Result<void> watch_events(Session& session, const EventsCommand& command);
/// A file of keys, as `barrio log keys` prints it.
Result<std::string> log_keys_text(Session& session);
Result<void> show_log_keys(Session& session, const LogKeysCommand& command);
Result<void> check_site_log(Session& session, const LogCheckCommand& command);
Result<void> prove(Session& session, const ProveCommand& command);
Result<void> verify(Session& session, const VerifyCommand& command);
Result<void> make_certificate_authority(Session& session, const CertCaCommand& command);
Result<void> issue_certificate(Session& session, const CertIssueCommand& command);
Result<void> show_certificates(Session& session, const CertShowCommand& command);
std::string completion_script(const CompletionCommand& command);
/// One a line; none where there is nobody to ask.
std::string known_names(Session& session, const NamesCommand& command);

}  // namespace barrio::cli
