#include <algorithm>
#include <cstdio>

#include "cli/actions.h"
#include "cli/table.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

std::vector<std::string> cells(const Json& line) {
  std::vector<std::string> row = {text_at(line, "hour"), text_at(line, "tenant"), text_at(line, "app"),
                                  text_at(line, "site")};
  for (const char* amount :
       {"served.requests", "served.bytes_in", "served.bytes_out", "served.compute_us", "served.frames",
        "served.tokens_in", "served.tokens_out", "forwarded.requests", "noted.refused", "noted.failed", "noted.late"}) {
    row.push_back(text_at(line, std::string("usage.") + amount));
  }
  row.push_back(text_at(line, "cost"));
  return row;
}

/// Of storage: what the table of apps has no columns for.
std::vector<std::string> storage_cells(const Json& line) {
  std::vector<std::string> row = {text_at(line, "hour"), text_at(line, "tenant"), text_at(line, "bucket"),
                                  text_at(line, "site"), text_at(line, "to")};
  for (const char* amount :
       {"stored.byte_hours", "stored.reads", "stored.writes", "stored.lists", "stored.deletes", "stored.bytes_in",
        "stored.bytes_out", "stored.passed_on", "stored.passed_back", "noted.refused", "noted.failed"}) {
    row.push_back(text_at(line, std::string("usage.") + amount));
  }
  row.push_back(text_at(line, "cost"));
  return row;
}

bool is_of_storage(const Json& line) {
  if (!text_at(line, "bucket").empty()) return true;
  const auto* stored = member(line, "usage.stored").if_object();
  return stored != nullptr &&
         std::ranges::any_of(*stored, [](const auto& one) { return text_at(one.value(), "") != "0"; });
}

template <class CellsOf>
void add_total(Table& table, const Json& answer, CellsOf cells_of) {
  auto total = cells_of(member(answer, "total"));
  total[0] = "total";
  table.add(std::move(total));
}

/// Apps, and below them buckets, if there was any use of these.
std::string text_of_usage(const Json& answer) {
  Table apps({"HOUR", "TENANT", "APP", "SITE", "REQUESTS", "BYTES IN", "BYTES OUT", "COMPUTE US", "FRAMES", "TOKENS IN",
              "TOKENS OUT", "FORWARDED", "REFUSED", "FAILED", "LATE", "COST"});
  Table buckets({"HOUR", "TENANT", "BUCKET", "SITE", "TO", "BYTE HOURS", "READS", "WRITES", "LISTS", "DELETES",
                 "BYTES IN", "BYTES OUT", "PASSED ON", "PASSED BACK", "REFUSED", "FAILED", "COST"});
  for (const Json& line : items(answer, "lines")) {
    if (text_at(line, "bucket").empty()) apps.add(cells(line));
    if (is_of_storage(line)) buckets.add(storage_cells(line));
  }
  add_total(apps, answer, cells);
  std::string text = apps.text();
  if (is_of_storage(member(answer, "total"))) {
    add_total(buckets, answer, storage_cells);
    text += "\nstorage\n" + buckets.text();
  }
  return text + "from " + text_at(answer, "from") + " to " + text_at(answer, "to") + "\n";
}

}  // namespace

Result<void> show_usage(Session& session, const UsageCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  const std::string path = "/usage" + query_of({{"tenant", command.tenant},
                                                {"app", command.app},
                                                {"bucket", command.bucket},
                                                {"site", command.site},
                                                {"from", command.from},
                                                {"to", command.to},
                                                {"by", command.by},
                                                {"cost", command.cost ? "true" : ""}});
  if (session.global.output == Output::csv) {
    TRY(const auto text, control.get_text(path + (path.find('?') == std::string::npos ? "?" : "&") + "format=csv"));
    std::fwrite(text.data(), 1, text.size(), stdout);
    return {};
  }
  TRY(const auto answer, control.get(path));
  session.print(answer, text_of_usage(answer));
  return {};
}

}  // namespace barrio::cli
