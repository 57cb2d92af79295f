#pragma once
// Deploying an app file: the same steps for `barrio app deploy` and for the supervisor.

#include <functional>
#include <string>

#include "cli/control_client.h"

namespace barrio::cli {

struct DeploySteps {
  bool wait = true;
  Duration within = 180s;
  std::function<void(const std::string&)> say;  // progress, one line each
  std::function<bool(Duration)> pause;          // waits; false: stop
};

/// Reads and checks the file, uploads its model, puts the app, waits until one replica is ready. Returns control's
/// explanation. Errors: invalid with file and line, conflict when no site takes it, and those of ControlClient.
Result<Json> deploy_app(ControlClient& control, const std::string& file, const DeploySteps& steps);

/// Until the newest release of this app runs at all its sites. Errors: unavailable with the reason where it was
/// stopped or its replicas fail, conflict, timed_out.
Result<Json> wait_until_ready(ControlClient& control, const std::string& name, const DeploySteps& steps);

/// Where it is and why not elsewhere, a line for each site.
std::string decisions_table(const JsonArray& decisions);

/// `explain` as a table: where it is and why not elsewhere.
std::string explain_table(const Json& explanation);

}  // namespace barrio::cli
