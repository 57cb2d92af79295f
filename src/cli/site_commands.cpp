#include "base/yaml.h"
#include "cli/actions.h"
#include "cli/files.h"
#include "cli/table.h"
#include "cli/view.h"
#include "model/network.h"

namespace barrio::cli {

namespace {

std::string site_list_table(const Json& answer) {
  Table table({"SITE", "CITY", "JURISDICTION", "STATUS", "CONNECTED", "POWER", "REPLICAS"});
  for (const Json& site : items(answer, "sites")) {
    table.add({text_at(site, "id"), text_at(site, "city"), text_at(site, "jurisdiction"), text_at(site, "status"),
               true_at(site, "connected") ? "yes" : "no",
               text_at(site, "power.used") + " of " + text_at(site, "power.it_budget"),
               std::to_string(items(site, "replicas").size())});
  }
  return table.text();
}

/// At the meter, and at each node of the tree below: what refusals of placement name.
void add_power(const Json& site, Table& table) {
  const auto used = [](const Json& node, const std::string& most) {
    return text_at(node, "used") + " used of " + text_at(node, most);
  };
  const std::string cap = text_at(site, "power.cap");
  const std::string units = text_at(site, "power.redundancy.units");
  table.add(
      {"power",
       used(member(site, "power"), "it_budget") + " for IT (" + text_at(site, "power.budget") + " at the meter" +
           (units.empty() ? "" : ", " + text_at(site, "power.redundancy.spare") + " of " + units + " units to spare") +
           ", PUE " + text_at(site, "power.pue") + (cap.empty() ? "" : ", capped at " + cap) + ")"});
  for (const Json& feeder : items(site, "feeders"))
    table.add({"feeder " + text_at(feeder, "name"), used(feeder, "usable")});
  for (const Json& rack : items(site, "racks")) {
    const std::string by = text_at(rack, "feeder");
    table.add({"rack " + text_at(rack, "name"), used(rack, "usable") + (by.empty() ? "" : ", fed by " + by)});
  }
}

std::string site_table(const Json& site) {
  Table table({"FIELD", "VALUE"});
  for (const char* field : {"id", "city", "owner", "jurisdiction", "status", "connected", "gateway"})
    table.add({field, text_at(site, field)});
  if (text_at(site, "gateway").empty() && text_at(site, "status") == "active")
    table.add({"never heard from", "it is given what no other site has room for, until its machine speaks to control"});
  table.add({"location", text_at(site, "location.lat") + ", " + text_at(site, "location.lon")});
  add_power(site, table);
  for (const Json& accelerator : items(site, "accelerators")) {
    table.add({"accelerator", text_at(accelerator, "count") + " x " + text_at(accelerator, "model")});
  }
  table.add({"servers", text_at(site, "servers.cores") + " cores, " + text_at(site, "servers.memory")});
  for (const Json& replica : items(site, "replicas")) {
    table.add({"replica", text_at(replica, "app") + " " + text_at(replica, "phase") + " (" + text_at(replica, "id") +
                              ")" + (text_at(replica, "detail").empty() ? "" : ": " + text_at(replica, "detail"))});
  }
  table.add({"buckets", text_at(site, "buckets")});
  for (const Json& assumption : items(site, "assumptions")) table.add({"assumption", text_at(assumption, "")});
  return table.text();
}

std::string verb_path(SiteCommand::Verb verb) {
  switch (verb) {
    case SiteCommand::Verb::activate: return "/activate";
    case SiteCommand::Verb::drain: return "/drain";
    case SiteCommand::Verb::retire: return "/retire";
    case SiteCommand::Verb::show: break;
  }
  return "";
}

/// What became of it, and for a draining site what is still there and why.
std::string status_text(const Json& site) {
  const std::string id = text_at(site, "id");
  const std::string status = text_at(site, "status");
  std::string text = id + " (" + text_at(site, "city") + ") is " + status + "\n";
  if (status != "draining") return text;
  for (const Json& replica : items(site, "replicas")) {
    text += "  " + text_at(replica, "app") + " " + text_at(replica, "detail") + "\n";
  }
  if (text_at(site, "buckets") != "0") text += "  buckets kept here: " + text_at(site, "buckets") + "\n";
  if (items(site, "replicas").empty() && text_at(site, "buckets") == "0")
    return text + "  it is empty: barrio site activate " + id + ", or for good: barrio site retire " + id + "\n";
  return text + "  watch it: barrio site show " + id + "\n";
}

/// Sends the one site that a file describes; control's answer. Errors name the file's line and field.
Result<Json> put_site_file(Session& session, const std::string& file, const std::string& path) {
  TRY(const auto text, read_file(file));
  TRY(const auto document, parse_yaml(text, file));
  const auto wanted = from_json<Site>(document.value);
  if (!wanted) return fail(document.locate(wanted.error()));
  TRY(auto control, session.control(Speaker::operating));
  auto answer = control.put("/sites/" + wanted->id.str() + path, to_json(*wanted));
  // Only what is wrong with the file has a line in it.
  if (!answer && answer.error().code == Code::invalid) return fail(document.locate(answer.error()));
  return answer;
}

}  // namespace

Result<void> list_sites(Session& session) {
  TRY(auto control, session.control(Speaker::operating));
  TRY(auto answer, control.list("/sites", "sites"));
  session.print(answer, site_list_table(answer));
  return {};
}

Result<void> add_site(Session& session, const SiteAddCommand& command) {
  TRY(const auto site, put_site_file(session, command.file, ""));
  const std::string id = text_at(site, "id");
  session.print(site, id + " (" + text_at(site, "city") + ") is " + text_at(site, "status") +
                          "\nnext: barrio site account " + id + ", and at the site: barrio site join\n");
  return {};
}

Result<void> set_site(Session& session, const SiteSetCommand& command) {
  TRY(const auto site, put_site_file(session, command.file, "/equipment"));
  session.print(site, site_table(site));
  return {};
}

Result<void> make_site_account(Session& session, const SiteAccountCommand& command) {
  TRY(auto control, session.control(Speaker::operating));
  TRY(const auto answer, control.post("/sites/" + net::percent_encode(command.site) + "/account",
                                      JsonObject{{"replace", command.replace}}));
  session.print(answer, "client_id: " + text_at(answer, "client_id") +
                            "\nclient_secret: " + text_at(answer, "client_secret") + "\n# for the file of site " +
                            text_at(answer, "site") + "; it is not shown again\n");
  return {};
}

Result<void> act_on_site(Session& session, const SiteCommand& command) {
  TRY(auto control, session.control(Speaker::operating));
  const std::string path = "/sites/" + net::percent_encode(command.site);
  if (command.verb == SiteCommand::Verb::show) {
    TRY(auto site, control.get(path));
    session.print(site, site_table(site));
    return {};
  }
  if (command.verb == SiteCommand::Verb::retire && !command.yes) {
    TRY_DO(session.confirm("Retire site " + command.site + " for good? It takes no replica ever again.", command.site));
  }
  TRY(auto site, control.post(path + verb_path(command.verb), JsonObject()));
  session.print(site, status_text(site));
  return {};
}

}  // namespace barrio::cli
