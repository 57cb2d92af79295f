#include <cstdio>

#include "cli/actions.h"
#include "cli/table.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

std::vector<std::string> cells(const Json& line) {
  std::vector<std::string> row = {text_at(line, "hour"), text_at(line, "tenant"), text_at(line, "app"),
                                  text_at(line, "site")};
  for (const char* amount : {"served.requests", "served.bytes_in", "served.bytes_out", "served.compute_us",
                             "forwarded.requests", "noted.refused", "noted.failed", "noted.late"}) {
    row.push_back(text_at(line, std::string("usage.") + amount));
  }
  return row;
}

}  // namespace

Result<void> show_usage(Session& session, const UsageCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  const std::string path = "/usage" + query_of({{"tenant", command.tenant},
                                                {"app", command.app},
                                                {"site", command.site},
                                                {"from", command.from},
                                                {"to", command.to},
                                                {"by", command.by}});
  if (session.global.output == Output::csv) {
    TRY(const auto text, control.get_text(path + (path.find('?') == std::string::npos ? "?" : "&") + "format=csv"));
    std::fwrite(text.data(), 1, text.size(), stdout);
    return {};
  }
  TRY(const auto answer, control.get(path));
  Table table({"HOUR", "TENANT", "APP", "SITE", "REQUESTS", "BYTES IN", "BYTES OUT", "COMPUTE US", "FORWARDED",
               "REFUSED", "FAILED", "LATE"});
  for (const Json& line : items(answer, "lines")) table.add(cells(line));
  auto total = cells(member(answer, "total"));
  total[0] = "total";
  table.add(std::move(total));
  session.print(answer, table.text() + "from " + text_at(answer, "from") + " to " + text_at(answer, "to") + "\n");
  return {};
}

}  // namespace barrio::cli
