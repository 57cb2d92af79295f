#include "cli/proof_story.h"

#include <algorithm>
#include <chrono>

#include "cli/files.h"
#include "cli/storage_story.h"
#include "decide/proof/proof_file.h"

namespace barrio::cli {

namespace {

constexpr Duration cosigned_within = 20s;

int64_t requests_in(const decide::ProofVerdict& verdict) {
  int64_t requests = 0;
  for (const auto& site : verdict.sites) {
    for (const auto& finding : site.findings) requests += finding.leaf.session ? finding.leaf.session->requests : 0;
  }
  return requests;
}

int64_t stored_in(const decide::ProofVerdict& verdict) {
  int64_t objects = 0;
  for (const auto& site : verdict.sites) {
    objects += std::ranges::count_if(
        site.findings, [](const decide::Finding& finding) { return finding.leaf.operation == LogOperation::stored; });
  }
  return objects;
}

struct Proved {
  std::string keys;
  std::string text;  // of the file
};

/// As three commands: log keys, prove, and the file read back.
Result<Proved> prove_last_hour(const World& world, const std::string& tenant) {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const std::string out = world.plan().home + "/hour.proof";
  Session session = world.operator_session();
  TRY(auto keys, log_keys_text(session));
  TRY_DO(write_file(world.plan().home + "/log-keys", keys));
  session.global.as = tenant;
  TRY_DO(prove(session, {.tenant = tenant,
                         .jurisdiction = story_area,
                         .from = to_string(WallTime(now - 1h)),
                         .to = "",
                         .out = out,
                         .subjects = {}}));
  TRY(auto text, read_file(out));
  return Proved{std::move(keys), std::move(text)};
}

Result<decide::ProofVerdict> verdict_on(const std::string& text, const std::string& keys) {
  TRY(const auto json, parse_json(text));
  TRY(const auto file, from_json<decide::ProofFile>(json));
  TRY(const auto trusted, decide::TrustedKeys::parse_lines(keys));
  return decide::verify_proof(file, trusted, 1);
}

}  // namespace

void play_proof(World& world, Verdicts& verdicts) {
  const std::string tenant = tenant_of_area(world.plan());
  if (tenant.empty()) return verdicts.skip("8. Proof", "no app of the demo stays in " + std::string(story_area));
  verdicts.begin("8. What was processed and stored for " + tenant + " is proved, and verified offline");
  Result<Proved> proved = fail(Code::unavailable, "not tried");
  // What was logged in the last seconds is in no checkpoint yet that another site has cosigned.
  world.wait(cosigned_within, [&] {
    proved = prove_last_hour(world, tenant);
    const auto sofar =
        proved ? verdict_on(proved->text, proved->keys) : Result<decide::ProofVerdict>(fail(proved.error()));
    return sofar && stored_in(*sofar) > 0;
  });
  verdicts.expect("the sites' logs are proved in one file", proved.has_value(),
                  proved ? std::to_string(proved->text.size()) + " bytes" : proved.error().text());
  if (!proved) return;
  const auto verdict = verdict_on(proved->text, proved->keys);
  const std::string found = verdict ? std::to_string(requests_in(*verdict)) + " requests by the logs of " +
                                          std::to_string(verdict->sites.size()) + " sites"
                                    : verdict.error().text();
  verdicts.expect("every proof holds, with another site's cosignature", verdict.has_value(), found);
  verdicts.expect("pictures were processed in " + std::string(story_area) + ", and nothing anywhere else",
                  verdict && requests_in(*verdict) > 0 && verdict->outside.empty(), found);
  verdicts.expect("the objects that were stored stand in it", verdict && stored_in(*verdict) > 0,
                  verdict ? std::to_string(stored_in(*verdict)) + " objects" : "");
  std::string tampered = proved->text;
  const size_t at = tampered.find("jurisdiction ES-PV\\n");
  if (at != std::string::npos) tampered.replace(at, 18, "jurisdiction ES-MD");
  const auto refused = verdict_on(tampered, proved->keys);
  verdicts.expect("a file in which one jurisdiction was changed is refused", at != std::string::npos && !refused,
                  refused ? "it was taken" : refused.error().text());
}

}  // namespace barrio::cli
