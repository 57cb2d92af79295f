#include "agent/replica_figures.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::agent {

namespace {

/// What an app writes is bytes; JSON is text.
std::string as_text(std::string line) {
  if (is_utf8(line)) return line;
  std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return line;
}

std::vector<std::string> last_lines(std::vector<std::string> all) {
  size_t bytes = 0;
  auto first = all.end();
  while (first != all.begin() && bytes + (first - 1)->size() <= most_log_bytes) bytes += (--first)->size();
  std::vector<std::string> kept;
  for (; first != all.end(); ++first) kept.push_back(as_text(std::move(*first)));
  return kept;
}

}  // namespace

api::ReplicaFiguresList replica_figures(ports::WorkloadRuntime& workloads, const SiteId& site, const AppKey& app,
                                        size_t lines) {
  api::ReplicaFiguresList list{site, {}};
  const auto statuses = workloads.list();
  for (const auto& status : statuses ? *statuses : std::vector<ports::WorkloadStatus>()) {
    if (status.app != app) continue;
    const ReplicaReport& report = status.report;
    api::ReplicaFigures figures{.id = report.id,
                                .generation = report.generation,
                                .phase = report.phase,
                                .detail = report.detail,
                                .restarts = report.restarts};
    if (lines > 0) {
      auto log = workloads.logs(report.id, std::min(lines, most_log_lines));
      if (log) figures.lines = last_lines(std::move(*log));
      if (!log) figures.detail += (figures.detail.empty() ? "" : "; ") + log.error().text();
    } else if (const auto usage = workloads.usage(report.id)) {
      figures.cores = usage->cores;
      figures.memory = usage->memory;
      figures.processes = usage->processes;
    }
    list.replicas.push_back(std::move(figures));
  }
  return list;
}

}  // namespace barrio::agent
