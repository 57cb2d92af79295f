#pragma once
// What every program here prints: one JSON object that begins the same way.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace barrio::bench {

/// One figure. `better`: "higher" or "lower"; `against`: what it is to be compared with.
JsonObject figure(const std::string& name, double value, std::string_view unit, std::string_view better,
                  std::string_view against = {});

/// Of all values, the one below which this share of them lies. -1: there are none.
double percentile(std::vector<double> values, double share);

/// Prints {"bench", "commit", "machine_load", all of `conditions`, "results"}. The commit is BARRIO_COMMIT, else that
/// of the working directory; the load that of the last minute, this program's own included.
void print_report(std::string_view bench, const JsonObject& conditions, JsonArray results);

}  // namespace barrio::bench
