#include "cli/site_options.h"

#include <memory>

namespace barrio::cli {

namespace {

/// `command` is filled in when the line is parsed, which is before it is asked for.
template <class T>
std::function<Command()> site_command_of(std::shared_ptr<T> command) {
  return [command] { return Command(*command); };
}

}  // namespace

void add_new_site_commands(CLI::App& site, const AddLeaf& add_leaf) {
  auto add = std::make_shared<SiteAddCommand>();
  add_leaf(site, "add", "Add a site to the network; it takes nothing before it is activated", site_command_of(add))
      ->add_option("FILE", add->file, "One site (YAML), as in the network file")
      ->required();
  auto set = std::make_shared<SiteSetCommand>();
  add_leaf(site, "set", "Change what a site has: its power at any time, the rest while nothing runs there",
           site_command_of(set))
      ->add_option("FILE", set->file, "The site (YAML), as in the network file; its status stays")
      ->required();
  auto account = std::make_shared<SiteAccountCommand>();
  auto* making = add_leaf(site, "account", "Make the account that a site speaks to control with, and show its secret",
                          site_command_of(account));
  making->add_option("SITE", account->site, "Id or city")->required();
  making->add_flag("--replace", account->replace, "A new secret; the one that the site has counts no more");
}

void add_site_key_commands(CLI::App& site, const AddLeaf& add_leaf) {
  auto join = std::make_shared<SiteJoinCommand>();
  add_leaf(site, "join", "On a site's machine: make its key, ask control to let it in, and fetch its certificate",
           site_command_of(join))
      ->add_option("--config", join->config, "The site's file (YAML)")
      ->required();
  auto pending = std::make_shared<SitePendingCommand>();
  add_leaf(site, "pending", "Sites that ask to be let in, with the fingerprints of their keys",
           site_command_of(pending))
      ->add_flag("--all", pending->all, "Also keys that are approved or have ended, and which of these were revoked");
  auto approve = std::make_shared<SiteApproveCommand>();
  auto* approving =
      add_leaf(site, "approve", "Let a site in with the key that its machine shows", site_command_of(approve));
  approving->add_option("SITE", approve->site, "Id or city")->required();
  approving->add_option("--fingerprint", approve->fingerprint, "As the site's machine shows it")->required();
  auto revoke = std::make_shared<SiteRevokeCommand>();
  auto* revoking = add_leaf(site, "revoke", "End a site's keys, so that it needs another one and approval, or one key",
                            site_command_of(revoke));
  revoking->add_option("SITE", revoke->site, "Id or city")->required();
  revoking->add_option("--fingerprint", revoke->fingerprint,
                       "Only this key: one that waits, was replaced, is in use, or was never seen");
  revoking->add_flag("--yes", revoke->yes, "Do not ask");
}

}  // namespace barrio::cli
