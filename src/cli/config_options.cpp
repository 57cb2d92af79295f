#include "cli/config_options.h"

#include <memory>

namespace barrio::cli {

void add_config_commands(CLI::App& root, const AddLeaf& add_leaf) {
  CLI::App* config = root.add_subcommand("config", "What all sites decide by, and how a change of it comes to them");
  config->require_subcommand(1);
  const auto verb = [&](const char* name, const char* help, ConfigCommand::Verb which) {
    auto command = std::make_shared<ConfigCommand>();
    command->verb = which;
    auto* app = add_leaf(*config, name, help, [command] { return Command(*command); });
    return std::pair(app, command);
  };
  verb("show", "The snapshot that sites have, and the changes that are not at all of them", ConfigCommand::Verb::show);
  const auto [retry, retried] =
      verb("retry", "Let one that failed begin again at one site", ConfigCommand::Verb::retry);
  retry->add_option("CHANGE", retried->target, "As 'config show' names it")->required();
  const auto [force, forced] = verb("force", "Give one to all sites at once", ConfigCommand::Verb::force);
  force->add_option("CHANGE", forced->target, "As 'config show' names it")->required();
  const auto [network, file] =
      verb("network", "Show operators and delay priors, or change them", ConfigCommand::Verb::network);
  network->add_option("FILE", file->target, "Network file whose operators and paths the network is to have");
}

}  // namespace barrio::cli
