#include "report.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace barrio::bench {

namespace {

std::string commit() {
  if (const char* told = std::getenv("BARRIO_COMMIT")) return told;
  std::string text;
  if (FILE* pipe = popen("git rev-parse --short HEAD 2>/dev/null", "r")) {
    char line[64] = {};
    if (std::fgets(line, sizeof(line), pipe) != nullptr) text = line;
    pclose(pipe);
  }
  return text.substr(0, text.find('\n'));
}

double machine_load() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : -1;
}

}  // namespace

JsonObject figure(const std::string& name, double value, std::string_view unit, std::string_view better,
                  std::string_view against) {
  JsonObject made{{"name", name}, {"value", value}, {"unit", unit}, {"better", better}};
  if (!against.empty()) made["against"] = against;
  return made;
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return -1;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, at);
  return *at;
}

void print_report(std::string_view bench, const JsonObject& conditions, JsonArray results) {
  JsonObject report{{"bench", bench}, {"commit", commit()}, {"machine_load", machine_load()}};
  for (const auto& [name, value] : conditions) report[name] = value;
  report["results"] = std::move(results);
  std::printf("%s\n", pretty_json(report).c_str());
}

}  // namespace barrio::bench
