#include "cli/demo.h"

#include <algorithm>

namespace barrio::cli {

Result<void> Demo::check() const {
  if (interval < 20ms) return fail(Code::invalid, "must be at least 20ms", "interval");
  if (cameras.size() > 80) return fail(Code::invalid, "must be at most 80", "cameras");
  for (size_t i = 0; i < cameras.size(); ++i) {
    const auto& tenant = cameras[i].tenant;
    if (std::none_of(apps.begin(), apps.end(), [&](const DemoApp& app) { return app.tenant == tenant; })) {
      return fail(Code::invalid, "tenant " + tenant.str() + " has no app in this file",
                  "cameras[" + std::to_string(i) + "].tenant");
    }
  }
  return {};
}

}  // namespace barrio::cli
