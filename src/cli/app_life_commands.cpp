// What an app does now and did before: logs, usage, releases.

#include "cli/actions.h"

namespace barrio::cli {

Result<void> show_logs(Session&, const AppLogsCommand&) { return {}; }
Result<void> show_app_top(Session&, const AppTopCommand&) { return {}; }
Result<void> list_releases(Session&, const AppReleasesCommand&) { return {}; }
Result<void> roll_back(Session&, const AppRollbackCommand&) { return {}; }

}  // namespace barrio::cli
