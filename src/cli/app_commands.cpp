#include <poll.h>

#include <cstdio>

#include "cli/actions.h"
#include "cli/deploy.h"
#include "cli/table.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

bool pause_for(Duration duration) {
  ::poll(nullptr, 0, static_cast<int>(duration / 1ms));
  return true;
}

std::string app_table(const Json& answer) {
  Table table({"APP", "RUNS", "OBJECTIVE", "GENERATION"});
  for (const Json& app : items(answer, "apps")) {
    const std::string image = text_at(app, "app.spec.container.image");
    const bool is_program = !text_at(app, "app.spec.program.sha256").empty();
    const std::string backend = is_program ? "program" : text_at(app, "app.spec.model.backend");
    table.add({text_at(app, "app.tenant") + "/" + text_at(app, "app.spec.name"),
               image.empty() ? backend : "container " + image.substr(0, image.find('@')),
               text_at(app, "app.spec.objective.latency") + " at p" + text_at(app, "app.spec.objective.percentile"),
               text_at(app, "app.generation")});
  }
  return table.text();
}

constexpr std::string_view decisions_path = "placement.decisions";

/// What stands in the app's file, and who it belongs to: one line for each value, but for where it is, which is a
/// table.
void add_fields(Table& table, const std::string& path, const Json& value) {
  if (const auto* object = value.if_object()) {
    for (const auto& item : *object) {
      add_fields(table, path.empty() ? std::string(item.key()) : path + "." + std::string(item.key()), item.value());
    }
  } else if (!value.is_null() && path != decisions_path) {
    table.add({path, text_at(value, "")});
  }
}

std::string app_fields_table(const Json& app) {
  Table table({"FIELD", "VALUE"});
  add_fields(table, "", app);
  return table.text() + "\n" + decisions_table(items(app, decisions_path));
}

Result<void> erase_app(Session& session, ControlClient& control, const AppCommand& command) {
  if (!command.yes)
    TRY_DO(session.confirm("Delete " + command.app + " of " + control.context().name + " everywhere?", command.app));
  TRY_DO(control.remove("/apps/" + command.app));
  session.print(JsonObject{{"deleted", command.app}}, "deleted " + command.app + "\n");
  return {};
}

}  // namespace

Result<void> run_deploy(Session& session, const AppDeployCommand& command) {
  // The file is checked first, so that a slip in it is told even where there is no control.
  TRY(auto control, session.control(Speaker::tenant));
  const DeploySteps steps{.wait = !command.no_wait,
                          .say = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); },
                          .pause = pause_for};
  TRY(auto explanation, deploy_app(control, command.file, steps));
  session.print(explanation, explain_table(explanation));
  return {};
}

Result<void> list_apps(Session& session) {
  TRY(auto control, session.control(Speaker::tenant));
  TRY(auto answer, control.list("/apps", "apps"));
  session.print(answer, app_table(answer));
  return {};
}

Result<void> act_on_app(Session& session, const AppCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  if (command.verb == AppCommand::Verb::erase) return erase_app(session, control, command);
  const bool explain = command.verb == AppCommand::Verb::explain;
  TRY(auto answer, control.get("/apps/" + command.app + (explain ? "/explain" : "")));
  session.print(answer, explain ? explain_table(answer) : app_fields_table(answer));
  return {};
}

}  // namespace barrio::cli
