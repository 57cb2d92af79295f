#include "cli/live_table.h"

#include <fmt/format.h>

#include "cli/table.h"

namespace barrio::cli {

namespace {

constexpr int64_t window_ms = 10'000;

struct Seen {
  std::vector<double> network, queue, compute, total;
  int late = 0, refused = 0, lost = 0;
  std::string site, processed_in, refusal;
};

Seen look(const std::vector<emulation::Shot>& shots) {
  Seen seen;
  for (const auto& shot : shots) {
    using emulation::Outcome;
    seen.late += shot.outcome == Outcome::late;
    seen.refused += shot.outcome == Outcome::refused;
    seen.lost += shot.outcome == Outcome::lost;
    if (shot.outcome == Outcome::refused) seen.refusal = shot.detail;
    seen.site = shot.served_by;
    if (shot.served_by.empty()) continue;
    seen.processed_in = shot.processed_in;
    seen.network.push_back(shot.network_ms);
    seen.queue.push_back(shot.queue_ms);
    seen.compute.push_back(shot.compute_ms);
    seen.total.push_back(shot.total_ms);
  }
  return seen;
}

std::string pair(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const Percentiles p = percentiles(values);
  return fmt::format("{:.1f} / {:.1f}", p.p50, p.p99);
}

}  // namespace

std::string live_table(const CameraBook& book, const Demo& demo, int64_t now_ms) {
  Table table({"CAMERA", "TENANT", "ACCESS", "SITE", "NETWORK p50/p99", "QUEUE", "COMPUTE", "TOTAL ms", "LATE",
               "REFUSED", "LOST", "PROCESSED IN"});
  std::string refusals;
  for (const DemoCamera& camera : demo.cameras) {
    const Seen seen = look(book.since(camera.name, now_ms - window_ms));
    table.add({camera.name, camera.tenant.str(), camera.access == Access::nr5g ? "5G" : "fibre",
               seen.site.empty() ? "-" : seen.site, pair(seen.network), pair(seen.queue), pair(seen.compute),
               pair(seen.total), std::to_string(seen.late), std::to_string(seen.refused), std::to_string(seen.lost),
               seen.processed_in});
    if (!seen.refusal.empty() && seen.site.empty()) refusals += "  " + camera.name + " refused: " + seen.refusal + "\n";
  }
  return table.text() + refusals;
}

}  // namespace barrio::cli
