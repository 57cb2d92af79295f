// barrio log, barrio prove, barrio verify.

#include <algorithm>
#include <chrono>
#include <set>

#include "base/text.h"
#include "cli/files.h"
#include "cli/log_reader.h"
#include "cli/roles.h"
#include "cli/table.h"
#include "cli/view.h"
#include "decide/proof/check_log.h"
#include "decide/proof/receipt.h"

namespace barrio::cli {

namespace {

Result<LogKeysText> keys_of(LogReader& log) {
  TRY(const auto text, log.get("/log/keys"));
  TRY(const auto json, parse_json(text));
  return from_json<LogKeysText>(json);
}

void warn(const std::string& text) {
  std::fprintf(stderr, "barrio: %s\n", text.c_str());
}

struct SiteKeys {
  LogSite site;
  LogKeysText keys;
  std::string text() const {
    return "# " + site.id.str() + ": " + site.about + "\n" + keys.log + "\n" + keys.witness + "\n";
  }
};

/// Of all sites that can be reached. Errors: unavailable: none can.
Result<std::vector<SiteKeys>> all_keys(Session& session, const std::string& only) {
  TRY(auto control, session.control(Speaker::operating));
  TRY(const auto sites, log_sites(control, only));
  std::vector<SiteKeys> all;
  for (const LogSite& site : sites) {
    LogReader log(session.http, site);
    auto keys = keys_of(log);
    if (keys) {
      all.push_back({site, std::move(*keys)});
    } else {
      warn("left out: " + keys.error().text());
    }
  }
  if (all.empty()) return fail(Code::unavailable, "no site tells its keys");
  return all;
}

std::string area_of(const decide::ProofFile& file) {
  return file.jurisdiction ? file.jurisdiction->str() : std::string("any jurisdiction");
}

struct SiteSums {
  int64_t requests = 0;
  int64_t minutes = 0;
  int64_t replicas = 0;
  int64_t objects = 0;
};

SiteSums sums_of(const decide::SiteFindings& site) {
  SiteSums sums;
  for (const auto& finding : site.findings) {
    const auto& leaf = finding.leaf;
    if (leaf.session) {
      ++sums.minutes;
      sums.requests += leaf.session->requests;
    } else if (leaf.operation == LogOperation::placed || leaf.operation == LogOperation::removed) {
      ++sums.replicas;
    } else {
      ++sums.objects;
    }
  }
  return sums;
}

/// With the last of their times. Who they are stands below the table.
std::string cosigners_of(const decide::SiteFindings& site) {
  uint64_t last = 0;
  for (const auto& [name, seconds] : site.cosigned) last = std::max(last, seconds);
  if (site.cosigned.empty()) return "nobody";
  return std::to_string(site.cosigned.size()) + ", until " + to_string(WallTime(std::chrono::seconds(last)));
}

std::string witnesses_of(const decide::ProofVerdict& verdict) {
  std::set<std::string> names;
  for (const auto& site : verdict.sites) {
    for (const auto& [name, seconds] : site.cosigned) names.insert(name);
  }
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "witnesses: " : ", ") + name;
  return text.empty() ? text : text + "\n";
}

bool nothing_found(const decide::ProofVerdict& verdict) {
  return std::ranges::all_of(verdict.sites, [](const auto& site) { return site.findings.empty(); });
}

std::string verdict_text(const decide::ProofFile& file, const decide::ProofVerdict& verdict) {
  Table table(
      {"SITE", "LOG SIZE", "LEAVES READ", "COMPLETE", "MINUTES", "REQUESTS", "REPLICAS", "OBJECTS", "COSIGNED BY"});
  for (const auto& site : verdict.sites) {
    const SiteSums sums = sums_of(site);
    table.add({site.site.str(), std::to_string(site.size), std::to_string(site.looked_at), site.complete ? "yes" : "no",
               std::to_string(sums.minutes), std::to_string(sums.requests), std::to_string(sums.replicas),
               std::to_string(sums.objects), cosigners_of(site)});
  }
  std::string text = "tenant " + file.tenant.str() + ", logged from " + to_string(file.from) + " to " +
                     to_string(file.to) + ", in " + area_of(file) + "\n" + table.text() + witnesses_of(verdict);
  for (const std::string& outside : verdict.outside) text += "OUTSIDE: " + outside + "\n";
  for (const std::string& log : verdict.not_covered) text += "NOT COVERED: " + log + "\n";
  if (nothing_found(verdict) && verdict.not_covered.empty())
    text += "valid: these logs say nothing of this tenant in this time\n";
  else if (verdict.outside.empty() && verdict.not_covered.empty())
    text += "valid: these logs say of this tenant nothing outside of " + area_of(file) + "\n";
  return text;
}

Json verdict_json(const decide::ProofVerdict& verdict) {
  JsonArray sites;
  for (const auto& site : verdict.sites) {
    JsonArray leaves;
    for (const auto& finding : site.findings) {
      JsonObject leaf{{"index", finding.index},
                      {"operation", to_json(finding.leaf.operation)},
                      {"time", to_string(finding.leaf.time)},
                      {"jurisdiction", finding.leaf.where.str()},
                      {"subject", finding.subject},
                      {"policy", finding.leaf.policy}};
      if (finding.leaf.session) leaf["session"] = to_json(*finding.leaf.session);
      leaves.push_back(std::move(leaf));
    }
    JsonObject cosigned;
    for (const auto& [name, seconds] : site.cosigned) cosigned[name] = static_cast<int64_t>(seconds);
    sites.push_back(JsonObject{{"site", site.site.str()},
                               {"log", site.log},
                               {"size", static_cast<int64_t>(site.size)},
                               {"complete", site.complete},
                               {"looked_at", static_cast<int64_t>(site.looked_at)},
                               {"cosigned", std::move(cosigned)},
                               {"leaves", std::move(leaves)}});
  }
  return JsonObject{{"sites", std::move(sites)},
                    {"outside", to_json(verdict.outside)},
                    {"not_covered", to_json(verdict.not_covered)}};
}

/// What a header Barrio-Receipt holds.
Result<void> show_receipt(Session& session, std::string_view header, const decide::TrustedKeys& keys) {
  TRY(const auto receipt, decide::verify_receipt(header, keys.logs));
  session.print(JsonObject{{"time", to_string(receipt.time)},
                           {"site", receipt.site.str()},
                           {"jurisdiction", receipt.where.str()},
                           {"policy", receipt.policy},
                           {"request_sha256", receipt.request},
                           {"status", receipt.status}},
                "valid: site " + receipt.site.str() + " says that it answered " + std::to_string(receipt.status) +
                    " in " + receipt.where.str() + " at " + to_string(receipt.time) +
                    " to a request whose body has the SHA-256 " + receipt.request + ", under version " +
                    std::to_string(receipt.policy) + " of its policy\n");
  return {};
}

/// One proof file, from all the sites that can be reached.
class Proving {
 public:
  Proving(Session& session, const ProveCommand& command) : session_(session), command_(command) {}

  Result<decide::ProofFile> run() {
    TRY_DO(read_question());
    // A site tells a salt to the tenant alone.
    if (session_.global.as.empty()) session_.global.as = command_.tenant;
    TRY(auto control, session_.control(Speaker::tenant));
    TRY(const auto apps, control.list("/apps", "apps"));
    for (const Json& app : items(apps, "apps")) file_.subjects.push_back("app/" + text_at(app, "name"));
    for (const std::string& subject : command_.subjects) file_.subjects.push_back(subject);
    TRY(const auto token, control.token());
    TRY(const auto sites, log_sites(control, ""));
    bool denied = false;
    for (const LogSite& site : sites) {
      auto proof = prove(site, token);
      if (proof) {
        file_.sites.push_back(std::move(*proof));
      } else {
        denied = proof.error().code == Code::denied;
        warn("left out, and the verifier will say so: " + proof.error().text());
      }
    }
    if (file_.sites.empty() && denied)
      return fail(Code::denied, "no site tells its salt: this must be a context of the tenant itself", "--as");
    if (file_.sites.empty()) return fail(Code::unavailable, "no site's log could be read");
    return std::move(file_);
  }

 private:
  Result<void> read_question() {
    file_.format = decide::ProofFile::version;
    TRY(file_.tenant, TenantId::parse(command_.tenant));
    if (!command_.jurisdiction.empty()) {
      TRY(file_.jurisdiction, Jurisdiction::parse(command_.jurisdiction));
    }
    TRY(file_.from, parse_wall_time(command_.from));
    file_.to = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    if (!command_.to.empty()) {
      TRY(file_.to, parse_wall_time(command_.to));
    }
    return file_.check();
  }

  Result<decide::SiteProof> prove(const LogSite& site, const std::string& token) {
    LogReader log(session_.http, site);
    TRY(const auto note, log.get("/log/checkpoint"));
    TRY(const auto salt, log.get("/log/salt", {{"Authorization", "Bearer " + token}}));
    const decide::ProofRequest request{
        file_.tenant, file_.from, file_.to,
        command_.leaves_only ? decide::Completeness::own_leaves : decide::Completeness::whole_range};
    return decide::prove_site(site.id, note, salt, request, log.tiles());
  }

  Session& session_;
  const ProveCommand& command_;
  decide::ProofFile file_;
};

}  // namespace

Result<std::string> log_keys_text(Session& session) {
  TRY(const auto keys, all_keys(session, ""));
  std::string text;
  for (const SiteKeys& one : keys) text += one.text();
  return text;
}

Result<void> show_log_keys(Session& session, const LogKeysCommand& command) {
  TRY(const auto keys, all_keys(session, command.site));
  JsonArray all;
  std::string text;
  for (const SiteKeys& one : keys) {
    text += one.text();
    all.push_back(JsonObject{{"site", one.site.id.str()}, {"log", one.keys.log}, {"witness", one.keys.witness}});
  }
  session.print(JsonObject{{"sites", std::move(all)}}, text);
  return {};
}

Result<void> check_site_log(Session& session, const LogCheckCommand& command) {
  TRY(auto control, session.control(Speaker::operating));
  TRY(const auto sites, log_sites(control, command.site));
  TRY(const auto text, read_file(command.keys));
  TRY(const auto keys, decide::TrustedKeys::parse_lines(text));
  LogReader log(session.http, sites.front());
  TRY(const auto note, log.get("/log/checkpoint"));
  TRY(const auto parsed, decide::parse_note(note));
  TRY(const auto checkpoint, decide::parse_checkpoint(parsed.text));
  const auto key = std::ranges::find(keys.logs, checkpoint.origin, &decide::NoteVerifier::name);
  if (key == keys.logs.end()) return fail(Code::denied, "no key is trusted for the log " + checkpoint.origin);
  TRY(const auto check, decide::check_log(note, *key, log.tiles()));
  session.print(JsonObject{{"log", checkpoint.origin}, {"leaves", static_cast<int64_t>(check.leaves)}},
                checkpoint.origin + ": " + std::to_string(check.leaves) + " leaves and " + std::to_string(check.tiles) +
                    " tiles are those of its checkpoint\n");
  return {};
}

Result<void> prove(Session& session, const ProveCommand& command) {
  TRY(const auto file, Proving(session, command).run());
  const std::string text = print_json(to_json(file)) + "\n";
  TRY_DO(write_file(command.out, text, 0600));
  session.print(JsonObject{{"file", command.out}, {"sites", static_cast<int64_t>(file.sites.size())}},
                command.out + ": " + std::to_string(file.sites.size()) + " sites, " + std::to_string(text.size()) +
                    " bytes; barrio verify " + command.out + " --keys KEYS\n");
  return {};
}

Result<void> verify(Session& session, const VerifyCommand& command) {
  TRY(const auto keys_text, read_file(command.keys));
  auto keys = decide::TrustedKeys::parse_lines(keys_text);
  if (!keys) return fail(std::move(keys).error().within(command.keys));
  TRY(const auto text, read_file(command.file));
  if (!trim(text).starts_with('{')) return show_receipt(session, trim(text), *keys);
  TRY(const auto json, parse_json(text));
  auto file = from_json<decide::ProofFile>(json);
  if (!file) return fail(std::move(file).error().within(command.file));
  auto verdict = decide::verify_proof(*file, *keys, static_cast<size_t>(command.cosignatures));
  if (!verdict) return fail(std::move(verdict).error().within(command.file));
  session.print(verdict_json(*verdict), verdict_text(*file, *verdict));
  if (!verdict->outside.empty()) {
    return fail(Code::conflict, "the proofs hold, and show data outside of " + area_of(*file), command.file);
  }
  if (!verdict->not_covered.empty() && !command.partial) {
    return fail(Code::not_found,
                "it has nothing of " + std::to_string(verdict->not_covered.size()) +
                    " logs whose keys are trusted (--partial takes that)",
                command.file);
  }
  return {};
}

}  // namespace barrio::cli
