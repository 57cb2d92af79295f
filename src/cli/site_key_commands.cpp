// Letting sites in: what the site's machine and the operator each do.

#include "base/log.h"
#include "cli/actions.h"
#include "cli/files.h"
#include "cli/site_join.h"
#include "cli/table.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

std::string key_table(const JsonArray& keys) {
  Table table({"SITE", "FINGERPRINT", "STATE", "SINCE", "EXPIRES", "REVOKED"});
  for (const Json& key : keys) {
    const Json* revoked = key.is_object() ? key.get_object().if_contains("revoked") : nullptr;
    const bool told = revoked != nullptr && revoked->is_bool();
    table.add({text_at(key, "site"), text_at(key, "fingerprint"), text_at(key, "state"), text_at(key, "since"),
               text_at(key, "expires"),
               !told                 ? ""
               : revoked->get_bool() ? "yes"
                                     : "no"});
  }
  return table.text();
}

std::string site_path(const std::string& site, const char* verb) {
  return "/sites/" + net::percent_encode(site) + verb;
}

}  // namespace

/// The fingerprint goes out first: whoever stands there reads it while the command waits.
Result<void> join_control(Session& session, const SiteJoinCommand& command) {
  TRY(const auto file, read_yaml<SiteFile>(command.config));
  configure_log("site " + file.site, LogLevel::info, "");
  TRY(const auto join, SiteJoin::prepare(file));
  std::fprintf(stderr, "the key of site %s has the fingerprint %s\n", file.site.c_str(), join.fingerprint().c_str());
  TRY_DO(join_and_wait(file, join));
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const bool has_one = join.has_certificate(now);
  session.print(JsonObject{{"site", file.site}, {"fingerprint", join.fingerprint()}, {"certificate", has_one}},
                has_one ? "site " + file.site + " is let in; its certificate is " + file.peer_tls->chain + "\n"
                        : "site " + file.site + " is let in; control signs no certificates: have one for " +
                              file.peer_tls->key + " signed and put it into " + file.peer_tls->chain + "\n");
  return {};
}

Result<void> list_site_keys(Session& session, const SitePendingCommand& command) {
  TRY(auto control, session.control(Speaker::operating));
  TRY(const auto answer, control.list("/site-keys", "keys"));
  JsonArray shown;
  for (const Json& key : items(answer, "keys")) {
    if (command.all || text_at(key, "state") == "pending") shown.push_back(key);
  }
  const std::string table = key_table(shown);
  session.print(JsonObject{{"keys", std::move(shown)}}, table);
  return {};
}

Result<void> approve_site(Session& session, const SiteApproveCommand& command) {
  TRY(auto control, session.control(Speaker::operating));
  TRY(const auto key,
      control.post(site_path(command.site, "/approve"), JsonObject{{"fingerprint", command.fingerprint}}));
  const bool second = text_at(key, "state") == "next";
  session.print(key, "site " + text_at(key, "site") + " is let in with key " + text_at(key, "fingerprint") +
                         (second ? "; the one before ends when this one is used first\n" : "\n"));
  return {};
}

Result<void> revoke_site(Session& session, const SiteRevokeCommand& command) {
  if (!command.yes) {
    const std::string question =
        command.fingerprint.empty()
            ? "Let site " + command.site + " in no more, until another key of it is approved?"
            : "Let key " + command.fingerprint + " of site " + command.site + " in never again?";
    TRY_DO(session.confirm(question, command.site));
  }
  TRY(auto control, session.control(Speaker::operating));
  JsonObject wanted;
  if (!command.fingerprint.empty()) wanted["fingerprint"] = command.fingerprint;
  TRY(const auto left, control.post(site_path(command.site, "/revoke"), wanted));
  session.print(left, key_table(items(left, "keys")));
  return {};
}

}  // namespace barrio::cli
