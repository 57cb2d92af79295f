#include "cli/actions.h"
#include "cli/table.h"
#include "cli/view.h"

namespace barrio::cli {

Result<void> show_audit(Session& session, const AuditCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  const std::string query = query_of({{"tenant", command.tenant}, {"from", command.from}, {"to", command.to}});
  TRY(const auto answer, control.list("/audit" + query, "entries"));
  Table table({"AT", "BY", "ACTION", "WHAT", "TENANT", "DETAIL"});
  for (const Json& entry : items(answer, "entries")) {
    table.add({text_at(entry, "at"), text_at(entry, "by"), text_at(entry, "action"), text_at(entry, "what"),
               text_at(entry, "tenant"), text_at(entry, "detail")});
  }
  session.print(answer, table.text());
  return {};
}

Result<void> watch_events(Session& session, const EventsCommand& command) {
  Time until = Time::max();
  if (!command.within.empty()) {
    auto within = parse_duration(command.within);
    if (!within) return fail(Code::invalid, within.error().what, "--for");
    until = session.http.now() + *within;
  }
  TRY(auto control, session.control(Speaker::tenant));
  const auto connected = [](bool is_connected) {
    std::fprintf(stderr, "%s; Ctrl-C ends it\n",
                 is_connected ? "watching" : "control does not answer, going on when it does");
  };
  const auto told = [&](std::string_view kind, const Json& event) {
    if (session.global.output == Output::json) {
      std::printf("%s\n", print_json(event).c_str());
    } else if (kind == "missed") {
      std::printf("(some events are not kept any more)\n");
    } else {
      std::printf("%s  %-17s %s%s%s\n", text_at(event, "at").c_str(), std::string(kind).c_str(),
                  text_at(event, "what").c_str(), text_at(event, "detail").empty() ? "" : "  ",
                  text_at(event, "detail").c_str());
    }
    std::fflush(stdout);
  };
  return control.watch("/events" + query_of({{"tenant", command.tenant}}), until, connected, told);
}

}  // namespace barrio::cli
