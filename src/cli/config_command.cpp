#include "api/operator/config_views.h"
#include "base/text.h"
#include "cli/actions.h"
#include "cli/files.h"
#include "cli/table.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

std::string change_reach(const Json& change) {
  const JsonArray& sites = items(change, "sites");
  if (sites.size() == 1 && sites.at(0).is_string()) return std::string(sites.at(0).get_string());
  return std::to_string(sites.size()) + " of " + text_at(change, "of") + " sites";
}

std::string config_text(const Json& config) {
  std::string text = "snapshot " + text_at(config, "snapshot_version") + ", " + text_at(config, "snapshot_bytes") +
                     " of at most " + text_at(config, "most_snapshot_bytes") + " bytes\n";
  const std::string fault = text_at(config, "fault");
  if (!fault.empty()) text += "the newest is not given out: " + fault + "\n";
  for (const Json& refusal : items(config, "refusals")) {
    text += text_at(refusal, "site") + " does not take snapshot " + text_at(refusal, "version") + ": " +
            text_at(refusal, "why") + "\n";
  }
  if (items(config, "changes").empty()) return text + "every change is at all sites\n";
  Table table({"CHANGE", "STAGE", "AT", "BY", "SINCE", "REASON"});
  for (const Json& change : items(config, "changes")) {
    table.add({text_at(change, "what"), text_at(change, "stage"), change_reach(change), text_at(change, "by"),
               text_at(change, "at"), text_at(change, "reason")});
  }
  return text + table.text();
}

std::string network_text(const Json& settings) {
  Table table({"DELAY PRIOR", "VALUE"});
  for (const char* name : {"fibre_per_km", "stretch", "access_fibre", "access_5g"}) {
    table.add({name, text_at(settings, std::string("paths.") + name)});
  }
  Table operators({"OPERATOR", "NAME", "COUNTRY"});
  for (const Json& one : items(settings, "operators")) {
    operators.add({text_at(one, "id"), text_at(one, "name"), text_at(one, "country")});
  }
  return table.text() + operators.text();
}

Result<void> act_on_network(Session& session, ControlClient& control, const std::string& file) {
  if (file.empty()) {
    TRY(const auto settings, control.get("/config/network"));
    session.print(settings, network_text(settings));
    return {};
  }
  TRY(const auto network, read_yaml<Network>(file));
  TRY(const auto settings, control.put("/config/network", to_json(settings_of(network))));
  TRY(const auto config, control.get("/config"));
  session.print(settings, network_text(settings) + config_text(config));
  return {};
}

}  // namespace

Result<void> act_on_config(Session& session, const ConfigCommand& command) {
  using Verb = ConfigCommand::Verb;
  TRY(auto control, session.control(command.verb == Verb::show ? Speaker::tenant : Speaker::operating));
  if (command.verb == Verb::network) return act_on_network(session, control, command.target);
  if (command.verb == Verb::show) {
    TRY(const auto config, control.get("/config"));
    session.print(config, config_text(config));
    return {};
  }
  const std::string path = command.verb == Verb::retry ? "/config/retry" : "/config/force";
  TRY(const auto config, control.post(path, to_json(api::ConfigChangeName{command.target})));
  session.print(config, config_text(config));
  return {};
}

}  // namespace barrio::cli
