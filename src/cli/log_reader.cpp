#include "cli/log_reader.h"

#include "base/text.h"
#include "cli/view.h"

namespace barrio::cli {

Result<std::vector<LogSite>> log_sites(ControlClient& control, const std::string& only) {
  TRY(const auto answer, control.list("/sites", "sites"));
  std::vector<LogSite> sites;
  for (const Json& site : items(answer, "sites")) {
    const auto gateway = net::SocketAddress::parse(text_at(site, "gateway"));
    const std::string id = text_at(site, "id");
    if (!only.empty() && only != id && to_lower(only) != to_lower(text_at(site, "city"))) continue;
    if (!gateway) continue;
    sites.push_back({SiteId::of(id), text_at(site, "city") + ", " + text_at(site, "jurisdiction"), *gateway});
  }
  if (sites.empty()) return fail(Code::not_found, "no site with a gateway" + (only.empty() ? "" : ": " + only));
  return sites;
}

Result<std::string> LogReader::get(const std::string& path, const net::OwnedHeaders& headers) {
  auto answer =
      http_.call(site_.gateway, {.method = "GET", .target = path, .headers = headers, .body = {}, .peer_ip = {}});
  if (!answer) return fail(std::move(answer).error().within("site " + site_.id.str()));
  if (answer->status == 200) return std::move(answer->body);
  Error error = problem(*answer);
  if (!parse_json(answer->body)) error.what += ": " + std::string(trim(answer->body));
  return fail(std::move(error).within("site " + site_.id.str() + " " + path));
}

decide::TileReader LogReader::tiles() {
  return [this](const decide::TileName& name) { return get("/log/" + name.path()); };
}

}  // namespace barrio::cli
