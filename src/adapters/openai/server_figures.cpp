#include "adapters/openai/server_figures.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"

namespace barrio::adapters::openai {

namespace {

struct Known {
  std::string_view name;  // without what comes before a colon
  std::optional<double> ServerFigures::* figure;
};
constexpr std::array<Known, 11> known_series = {
    {{"num_requests_waiting", &ServerFigures::waiting},
     {"num_queue_reqs", &ServerFigures::waiting},
     {"num_requests_running", &ServerFigures::running},
     {"num_request_running", &ServerFigures::running},
     {"num_running_reqs", &ServerFigures::running},
     {"kv_cache_usage_perc", &ServerFigures::kv_usage},
     {"gpu_cache_usage_perc", &ServerFigures::kv_usage},
     {"token_usage", &ServerFigures::kv_usage},
     {"time_to_first_token_seconds_sum", &ServerFigures::first_token_sum},
     {"time_to_first_token_seconds_count", &ServerFigures::first_token_count},
     {"num_request_waiting", &ServerFigures::waiting}}};

void take(ServerFigures& figures, std::string_view name, double value) {
  const size_t colon = name.rfind(':');
  if (colon != std::string_view::npos) name.remove_prefix(colon + 1);
  const auto* found =
      std::find_if(known_series.begin(), known_series.end(), [&](const Known& known) { return known.name == name; });
  if (found == known_series.end() || !std::isfinite(value) || value < 0) return;
  std::optional<double>& into = figures.*(found->figure);
  if (found->figure == &ServerFigures::kv_usage)
    into = std::min(1.0, std::max(into.value_or(0), value));
  else
    into = into.value_or(0) + value;
}

}  // namespace

ServerFigures parse_server_figures(std::string_view metrics) {
  ServerFigures figures;
  for (std::string_view line : split(metrics, '\n')) {
    line = trim(line);
    if (line.empty() || line.front() == '#') continue;
    const size_t name_end = line.find_first_of("{ \t");
    if (name_end == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, name_end);
    // A label's value may hold anything, also a brace, but no series of these has a text after the last one.
    const size_t labels_end = line[name_end] == '{' ? line.rfind('}') : name_end;
    if (labels_end == std::string_view::npos) continue;
    std::string_view rest = trim(line.substr(labels_end + 1));
    rest = rest.substr(0, rest.find_first_of(" \t"));  // a timestamp may follow
    if (const auto value = parse_double(rest)) take(figures, name, *value);
  }
  return figures;
}

decide::ServerReport report_of(const ServerFigures& now, const ServerFigures& before) {
  decide::ServerReport report{now.waiting.value_or(0), now.running.value_or(0), now.kv_usage, {}};
  const double count = now.first_token_count.value_or(0) - before.first_token_count.value_or(0);
  const double sum = now.first_token_sum.value_or(0) - before.first_token_sum.value_or(0);
  // A server that has started again counts from zero.
  if (before.first_token_count && count > 0 && sum >= 0) report.recent_first_token = from_ms(1000 * sum / count);
  return report;
}

}  // namespace barrio::adapters::openai
