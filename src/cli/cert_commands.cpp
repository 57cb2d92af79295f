#include "base/text.h"
#include "cli/actions.h"
#include "cli/certificates.h"
#include "cli/files.h"
#include "cli/table.h"

namespace barrio::cli {

namespace {

WallTime wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string names_text(const CertificateInfo& info) {
  std::vector<std::string> all;
  for (const auto* names : {&info.uris, &info.dns, &info.ips}) all.insert(all.end(), names->begin(), names->end());
  return join_text(all, " ");
}

JsonArray json_list(const std::vector<std::string>& texts) {
  JsonArray list;
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

Json json_of(const CertificateInfo& info) {
  return JsonObject{{"subject", info.subject},
                    {"issuer", info.issuer},
                    {"serial", info.serial},
                    {"not_before", to_string(info.not_before)},
                    {"not_after", to_string(info.not_after)},
                    {"dns", json_list(info.dns)},
                    {"ips", json_list(info.ips)},
                    {"uris", json_list(info.uris)},
                    {"key", info.key},
                    {"fingerprint", info.fingerprint},
                    {"authority", info.authority},
                    {"valid", info.valid_at(wall_now())}};
}

std::string described(const CertificateInfo& info) {
  Table table({"FIELD", "VALUE"});
  table.add({"subject", info.subject});
  table.add({"issuer", info.issuer});
  table.add({"names", names_text(info)});
  table.add({"key", info.key});
  table.add({"fingerprint", info.fingerprint});
  table.add({"serial", info.serial});
  table.add({"valid", to_string(info.not_before) + " to " + to_string(info.not_after) +
                          (info.valid_at(wall_now()) ? "" : " (not now)")});
  table.add({"authority", info.authority ? "yes" : "no"});
  return table.text();
}

Result<Certificate> issue_wanted(const CertificateAuthority& authority, const CertIssueCommand& command) {
  const auto days = std::chrono::days(command.days);
  if (command.control) {
    return issue_to(command.folder, authority, "control", control_certificate(command.names, command.ips, days),
                    wall_now());
  }
  TRY(const auto site, SiteId::parse(command.site));
  return issue_to(command.folder, authority, {.site = site, .names = command.names, .ips = command.ips, .days = days},
                  wall_now());
}

}  // namespace

Result<void> make_certificate_authority(Session& session, const CertCaCommand& command) {
  TRY(const auto made, make_authority(command.folder, wall_now()));
  session.print(json_of(made.certificate().info()), "made " + command.folder +
                                                        "/ca.pem and ca.key; keep ca.key safe\n" +
                                                        "next: barrio cert issue " + command.folder + " --site ID\n");
  return {};
}

Result<void> issue_certificate(Session& session, const CertIssueCommand& command) {
  if (command.control == !command.site.empty()) return fail(Code::invalid, "name a site, or give --control", "--site");
  if (command.control && command.ips.empty())
    return fail(Code::invalid, "is needed: sites verify the address that they reach control at", "--ip");
  TRY(const auto authority, load_authority(command.folder));
  TRY(const auto issued, issue_wanted(authority, command));
  const std::string path = command.folder + "/" + (command.control ? "control" : command.site);
  session.print(json_of(issued.info()),
                "made " + path + ".pem and .key, valid until " + to_string(issued.info().not_after) + "\n");
  return {};
}

Result<void> show_certificates(Session& session, const CertShowCommand& command) {
  TRY(const std::string text, read_file(command.file));
  auto all = Certificate::read_all(text);
  if (!all) return fail(std::move(all).error().within(command.file));
  JsonArray list;
  std::string table;
  for (const Certificate& one : *all) {
    list.push_back(json_of(one.info()));
    table += (table.empty() ? "" : "\n") + described(one.info());
  }
  session.print(JsonObject{{"certificates", std::move(list)}}, table);
  return {};
}

}  // namespace barrio::cli
