#include "model/settings.h"

#include <algorithm>

namespace barrio {

namespace {

constexpr std::string_view tenant_prefix = "tenant/";
constexpr std::string_view app_prefix = "app/";

}  // namespace

bool same_settings(const Settings& a, const Settings& b) {
  return print_json(to_json(a)) == print_json(to_json(b));
}

NetworkSettings settings_of(const Network& network) {
  return {network.operators, network.paths};
}

AppSettings settings_of(const AppSpec& spec) {
  return {spec.objective, spec.limits};
}

void put_settings(Snapshot& snapshot, const std::string& what, const Settings& settings) {
  if (settings.network) {
    snapshot.network.operators = settings.network->operators;
    snapshot.network.paths = settings.network->paths;
  }
  if (settings.quota && what.starts_with(tenant_prefix)) {
    snapshot.quotas[what.substr(tenant_prefix.size())] = *settings.quota;
  }
  if (!settings.app || !what.starts_with(app_prefix)) return;
  const std::string name = what.substr(app_prefix.size());
  const auto app = std::ranges::find_if(snapshot.apps, [&](const App& one) { return one.key().str() == name; });
  if (app == snapshot.apps.end()) return;
  app->spec.objective = settings.app->objective;
  app->spec.limits = settings.app->limits;
}

TenantId tenant_of_settings(const std::string& what) {
  const std::string_view prefix = what.starts_with(app_prefix) ? app_prefix : tenant_prefix;
  if (!what.starts_with(prefix)) return {};
  const std::string rest = what.substr(prefix.size());
  const auto tenant = TenantId::parse(rest.substr(0, rest.find('/')));
  return tenant ? *tenant : TenantId();
}

BARRIO_JSON_HERE(Settings)

}  // namespace barrio
