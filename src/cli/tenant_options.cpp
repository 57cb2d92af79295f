#include "cli/tenant_options.h"

#include <memory>

namespace barrio::cli {

namespace {

class TenantGrammar {
 public:
  explicit TenantGrammar(const AddLeaf& add_leaf) : add_leaf_(add_leaf) {}

  void add(CLI::App& root) {
    CLI::App& tenant = *root.add_subcommand("tenant", "Who deploys and pays");
    tenant.require_subcommand(1);
    leaf(tenant, "list", "All tenants", std::make_shared<TenantListCommand>());
    auto create = std::make_shared<TenantCreateCommand>();
    leaf(tenant, "create", "Add a tenant; its credentials become a context", create)
        ->add_option("NAME", create->name)
        ->required();
    add_quota(tenant);
    add_spending(tenant);
    add_keys(tenant);
    add_s3_keys(tenant);
    auto erase = std::make_shared<TenantEraseCommand>();
    auto* erasing = leaf(tenant, "erase", "Erase what a tenant has in storage, at every site and for good", erase);
    erasing->add_option("NAME", erase->name, "Tenant")->required();
    erasing->add_flag("--yes", erase->sure, "Really: nothing of it can be read again");
    erasing->add_flag("--status", erase->only_status, "Only show which sites have done it");
  }

 private:
  template <class T>
  CLI::App* leaf(CLI::App& parent, const char* name, const char* help, std::shared_ptr<T> command) {
    return add_leaf_(parent, name, help, [command] { return Command(*command); });
  }

  void add_s3_keys(CLI::App& tenant) {
    CLI::App* key = tenant.add_subcommand("s3-key", "Pairs of keys that S3 clients sign with");
    key->require_subcommand(1);
    const auto verb = [&](const char* name, const char* help, S3KeyCommand::Verb which) {
      auto command = std::make_shared<S3KeyCommand>();
      command->verb = which;
      auto* app = leaf(*key, name, help, command);
      app->add_option("NAME", command->tenant, "Tenant")->required();
      if (which == S3KeyCommand::Verb::revoke) app->add_option("ID", command->id, "As 'list' shows it")->required();
    };
    verb("create", "Make a pair; its secret is shown once", S3KeyCommand::Verb::create);
    verb("list", "The ids of a tenant's pairs", S3KeyCommand::Verb::list);
    verb("revoke", "End a pair; sites refuse it within seconds", S3KeyCommand::Verb::revoke);
  }

  void add_quota(CLI::App& tenant) {
    auto quota = std::make_shared<TenantQuotaCommand>();
    auto* app =
        leaf(tenant, "quota",
             "Show what a tenant may ask of each gateway, or change it; what is left out stays as it is", quota);
    app->add_option("NAME", quota->name)->required();
    app->add_option("--rate", quota->rate, "Requests per second");
    app->add_option("--burst", quota->burst, "Requests at once");
    app->add_option("--in-flight", quota->in_flight, "Requests that are not answered yet");
    app->add_option("--body", quota->body, "Longest body of a request, like 16MiB");
    app->add_option("--weight", quota->weight, "Weight of its share when a gateway is busy");
    app->add_option("--storage", quota->storage, "Its objects at one site, like 100GiB");
    app->add_option("--buckets", quota->buckets, "Its buckets in the whole network");
    app->add_flag("--receipts", quota->receipts, "Its answers carry a receipt that the site signs");
    app->add_flag("--no-receipts", quota->no_receipts, "They carry none");
    app->add_flag("--default", quota->defaults, "What is left out becomes the default");
  }

  void add_spending(CLI::App& tenant) {
    auto show = std::make_shared<TenantShowCommand>();
    leaf(tenant, "show", "A tenant's quota, and what it has spent of its cap", show)
        ->add_option("NAME", show->name, "Tenant")
        ->required();
    auto set = std::make_shared<TenantSetCommand>();
    auto* setting = leaf(tenant, "set", "Set what a tenant may spend", set);
    setting->add_option("NAME", set->name, "Tenant")->required();
    setting->add_option("--spend-cap", set->spend_cap, "In a calendar month (UTC), like 100EUR; none: without a cap")
        ->required();
  }

  void add_keys(CLI::App& tenant) {
    CLI::App* key = tenant.add_subcommand("key", "API keys, for devices that hold no token");
    key->require_subcommand(1);
    auto create = std::make_shared<KeyCreateCommand>();
    auto* creating = leaf(*key, "create", "Make a key; it is shown once", create);
    creating->add_option("NAME", create->tenant, "Tenant")->required();
    creating->add_option("--scope", create->scopes, "What it may do")->capture_default_str();
    creating->add_option("--expires", create->expires, "After this time, like 90d or 12h (default: never)");
    auto list = std::make_shared<KeyListCommand>();
    leaf(*key, "list", "All keys of a tenant", list)->add_option("NAME", list->tenant, "Tenant")->required();
    auto revoke = std::make_shared<KeyRevokeCommand>();
    auto* revoking = leaf(*key, "revoke", "End a key; gateways refuse it within seconds", revoke);
    revoking->add_option("NAME", revoke->tenant, "Tenant")->required();
    revoking->add_option("ID", revoke->id, "As 'tenant key list' shows it")->required();
  }

  const AddLeaf& add_leaf_;
};

}  // namespace

void add_tenant_commands(CLI::App& root, const AddLeaf& add_leaf) {
  TenantGrammar(add_leaf).add(root);
}

}  // namespace barrio::cli
