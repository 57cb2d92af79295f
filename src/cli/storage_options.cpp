#include "cli/storage_options.h"

#include <memory>

namespace barrio::cli {

namespace {

/// `command` is filled in when the line is parsed, which is before it is asked for.
template <class T>
std::function<Command()> made_of(std::shared_ptr<T> command) {
  return [command] { return Command(*command); };
}

CLI::App& add_storage_group(CLI::App& root, const char* name, const char* help) {
  CLI::App* app = root.add_subcommand(name, help);
  app->require_subcommand(1);
  return *app;
}

void add_bucket(CLI::App& root, const AddLeaf& add_leaf) {
  CLI::App& bucket = add_storage_group(root, "bucket", "Where a tenant's objects are kept");
  auto create = std::make_shared<BucketCreateCommand>();
  auto* creating = add_leaf(bucket, "create", "Make a bucket; its objects stay where its policy says", made_of(create));
  creating->add_option("NAME", create->name, "3 to 63 of a-z, 0-9, '-' and '.'")->required();
  creating->add_option("--location", create->location, "A site, a city, a region (ES-PV) or a country (ES)");
  creating->add_option("--policy", create->policy, "YAML file with jurisdictions, sites, operators");
  creating->add_option("--copies", create->copies, "At how many sites each object is kept")->capture_default_str();
  creating->add_flag("--object-lock", create->object_lock, "Keep versions, and let them be locked (S3 object lock)");
  auto copies = std::make_shared<BucketCopiesCommand>();
  auto* changing = add_leaf(bucket, "copies", "Change at how many sites each object is kept", made_of(copies));
  changing->add_option("NAME", copies->name)->required();
  changing->add_option("COPIES", copies->copies, "1 to 5, the home among them")->required();
  add_leaf(bucket, "list", "All buckets of the tenant", made_of(std::make_shared<BucketListCommand>()));
  auto erase = std::make_shared<BucketDeleteCommand>();
  add_leaf(bucket, "delete", "Delete an empty bucket", made_of(erase))->add_option("NAME", erase->name)->required();
}

void add_object(CLI::App& root, const AddLeaf& add_leaf) {
  CLI::App& object = add_storage_group(root, "object", "A tenant's objects, without an S3 client");
  const auto verb = [&](const char* name, const char* help, const char* target, ObjectCommand::Verb which) {
    auto command = std::make_shared<ObjectCommand>();
    command->verb = which;
    auto* app = add_leaf(object, name, help, made_of(command));
    if (which == ObjectCommand::Verb::put) app->add_option("FILE", command->file, "- for standard input")->required();
    app->add_option(target, command->target)->required();
    if (which == ObjectCommand::Verb::get) app->add_option("FILE", command->file, "Default: standard output");
  };
  verb("put", "Store a file", "BUCKET/KEY", ObjectCommand::Verb::put);
  verb("get", "Read an object", "BUCKET/KEY", ObjectCommand::Verb::get);
  verb("ls", "List objects", "BUCKET[/PREFIX]", ObjectCommand::Verb::ls);
  verb("rm", "Delete an object", "BUCKET/KEY", ObjectCommand::Verb::rm);
  verb("policy", "Where a bucket's objects may be, and are", "BUCKET", ObjectCommand::Verb::policy);
}

}  // namespace

void add_storage_commands(CLI::App& root, const AddLeaf& add_leaf) {
  add_bucket(root, add_leaf);
  add_object(root, add_leaf);
  auto command = std::make_shared<ExportCommand>();
  auto* exporting = add_leaf(
      root, "export", "Everything that the tenant has: apps, their files, buckets, objects, usage", made_of(command));
  exporting->add_option("FOLDER", command->folder, "Made; must not be there")->required();
  exporting->add_flag("--versions", command->versions, "All versions of objects, and delete markers");
}

}  // namespace barrio::cli
