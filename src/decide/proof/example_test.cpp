// The worked example of docs/proof.md: made here from fixed keys, compared with what stands there, and verified from
// there.

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "base/base64.h"
#include "decide/proof/proof_file.h"
#include "decide/proof/salt.h"

namespace barrio::decide::example_test {

namespace {

/// RFC 8410 section 7: PKCS #8 of a seed.
Ed25519Key key_of(char seed) {
  const std::string der =
      std::string("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 16) + std::string(32, seed);
  return *Ed25519Key::from_pem("-----BEGIN PRIVATE KEY-----\n" + base64(der) + "\n-----END PRIVATE KEY-----\n");
}

std::string block_of(const std::string& fence) {
  std::ifstream in(std::string(BARRIO_SOURCE_DIR) + "/docs/proof.md");
  std::stringstream text;
  text << in.rdbuf();
  const std::string all = text.str();
  const std::string begin = "```" + fence + "\n";
  const size_t at = all.find(begin) + begin.size();
  return all.substr(at, all.find("```", at) - at);
}

struct Example {
  NoteSigner log{"bio1.site.barrio.internal/log/00c0ffee", NoteKeyKind::log, key_of('l')};
  NoteSigner witness{"witness.example.org/1a2b3c4d", NoteKeyKind::witness, key_of('w')};
  std::vector<std::string> leaves;

  Example() {
    const TenantId tenants[] = {TenantId::of("vasca"), TenantId::of("other"), TenantId::of("vasca")};
    const WallTime day{std::chrono::sys_days(std::chrono::year(2026) / 11 / 24)};
    for (int i = 0; i < 3; ++i) {
      LogEvent event{.operation = i == 0 ? LogOperation::placed : LogOperation::session,
                     .tenant = tenants[i],
                     .subject = "app/people",
                     .content = "",
                     .where = *Jurisdiction::parse("ES-PV"),
                     .policy = 1};
      const WallTime minute = day - 1h + i * 1h;
      if (i > 0) event.session = LoggedSession{minute, minute + 1min, 6 * i, 1000 * i, 900 * i};
      leaves.push_back(make_leaf(event, SiteId::of("bio1"), salt(tenants[i]), minute + 63s).str());
    }
  }
  static TenantSalt salt(const TenantId& tenant) { return tenant_salt("the example site's secret", tenant); }

  std::string keys() const { return log.verifier().str() + "\n" + witness.verifier().str() + "\n"; }
  std::string proof() const {
    const auto read = [this](const TileName& name) -> Result<std::string> {
      std::string bundle;
      std::vector<Digest> hashes;
      for (const std::string& leaf : leaves) {
        append_to_bundle(bundle, leaf);
        hashes.push_back(merkle_leaf(leaf));
      }
      return name.level ? print_tile(hashes) : bundle;
    };
    const Checkpoint checkpoint{log.name(), leaves.size(), *merkle_root(leaves.size(), nodes_from_tiles(3, read))};
    const std::string text = checkpoint.text();
    const Note note{text, {log.sign(text), witness.sign(text, 1'795'564'800)}};
    ProofFile file{.format = std::string(ProofFile::version),
                   .tenant = TenantId::of("vasca"),
                   .jurisdiction = *Jurisdiction::parse("ES-PV"),
                   .from = *parse_wall_time("2026-11-24"),
                   .to = *parse_wall_time("2026-11-25"),
                   .subjects = {"app/people"},
                   .sites = {}};
    const std::string named = sign_salt({SiteId::of("bio1"), file.tenant, salt(file.tenant)}, log);
    const ProofRequest request{file.tenant, file.from, file.to, Completeness::whole_range};
    file.sites.push_back(*prove_site(SiteId::of("bio1"), note.str(), named, request, read));
    return pretty_json(to_json(file)) + "\n";
  }
};

}  // namespace

TEST_CASE("the example of docs/proof.md is what this code makes") {
  const Example example;
  CHECK(block_of("keys") == example.keys());
  CHECK(block_of("proof") == example.proof());
}

TEST_CASE("the example of docs/proof.md verifies as the page says") {
  const auto keys = TrustedKeys::parse_lines(block_of("keys"));
  REQUIRE(keys);
  const auto json = parse_json(block_of("proof"));
  REQUIRE(json);
  const auto file = from_json<ProofFile>(*json);
  REQUIRE(file);
  const auto verdict = verify_proof(*file, *keys, 1);
  REQUIRE(verdict);
  REQUIRE(verdict->sites.size() == 1);
  const SiteFindings& site = verdict->sites[0];
  CHECK(site.size == 3);
  CHECK(site.complete);
  CHECK(site.cosigned.at("witness.example.org/1a2b3c4d") == 1'795'564'800);
  REQUIRE(site.findings.size() == 1);
  CHECK(site.findings[0].subject == "app/people");
  CHECK(site.findings[0].leaf.session->requests == 12);
  CHECK(verdict->outside.empty());
  CHECK(verdict->not_covered.empty());
}

}  // namespace barrio::decide::example_test
