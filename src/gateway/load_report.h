#pragma once
// What a gateway tells its peers each second, and what an answer says about itself.

#include <optional>

#include "model/ids.h"

namespace barrio::gateway {

struct AppLoadReport {
  AppKey app;
  bool ready = false;
  double waiting = 0;
  double service_mean_ms = 0;
  double service_p99_ms = 0;
  int64_t samples = 0;  // that the two are made of; 0: they mean nothing
  static constexpr std::string_view defaulted[] = {"samples"};
};
BARRIO_DESCRIBE(AppLoadReport, (), (app, ready, waiting, service_mean_ms, service_p99_ms, samples))

/// All apps that the site runs: an app that is not in it is not ready there.
struct LoadReport {
  SiteId site;
  std::vector<AppLoadReport> apps;
};
BARRIO_DESCRIBE(LoadReport, (), (site, apps))

}  // namespace barrio::gateway
