#include "decide/proof/proof_file.h"

#include <doctest/doctest.h>

#include "base/rng.h"
#include "decide/proof/salt.h"
#include "model/site_identity.h"

namespace barrio::decide::proof_file_test {

namespace {

const TenantId acme = TenantId::of("acme");
const WallTime day{std::chrono::sys_days(std::chrono::year(2026) / 11 / 24)};

/// A site's log in memory, with every tile that tlog-tiles asks for.
class MemoryLog {
 public:
  MemoryLog(const std::string& site, const std::string& jurisdiction)
      : site_(SiteId::of(site)),
        where_(*Jurisdiction::parse(jurisdiction)),
        log_(site_host(site_) + "/log/1", NoteKeyKind::log, *Ed25519Key::generate()),
        witness_("w.example/1", NoteKeyKind::witness, *Ed25519Key::generate()) {}

  void add(const std::string& tenant, WallTime time, const std::string& subject = "app/people") {
    const TenantId id = TenantId::of(tenant);
    const LogEvent event{.operation = LogOperation::session,
                         .tenant = id,
                         .subject = subject,
                         .content = "",
                         .where = where_,
                         .policy = 1,
                         .session = LoggedSession{time - 1min, time, 5, 50, 60}};
    leaves_.push_back(make_leaf(event, site_, salt_of(id), time).str());
  }
  TenantSalt salt_of(const TenantId& tenant) const { return tenant_salt("secret of " + site_.str(), tenant); }

  std::string salt_note(const TenantId& tenant) const { return sign_salt({site_, tenant, salt_of(tenant)}, log_); }

  TileReader reader() const {
    return [this](const TileName& name) -> Result<std::string> {
      std::vector<Digest> row;
      for (const auto& leaf : leaves_) row.push_back(merkle_leaf(leaf));
      if (!name.level) {
        std::string bundle;
        for (uint64_t i = 0; i < name.width; ++i) append_to_bundle(bundle, leaves_.at(name.index * tile_width + i));
        return bundle;
      }
      for (int level = 0; level < *name.level; ++level) {
        std::vector<Digest> above;
        for (size_t i = 0; i + tile_width <= row.size(); i += tile_width)
          above.push_back(fold_hashes(std::span(row).subspan(i, tile_width)));
        row = above;
      }
      return print_tile(std::span(row).subspan(name.index * tile_width, name.width));
    };
  }
  std::string note() const {
    const uint64_t size = leaves_.size();
    const Checkpoint checkpoint{log_.name(), size, *merkle_root(size, nodes_from_tiles(size, reader()))};
    return Note{checkpoint.text(), {log_.sign(checkpoint.text()), witness_.sign(checkpoint.text(), 1'764'000'000)}}
        .str();
  }
  SiteProof prove(Completeness completeness, WallTime from = day, WallTime to = day + 24h) const {
    return *prove_site(site_, note(), salt_note(acme), {acme, from, to, completeness}, reader());
  }
  std::string keys() const { return "# " + site_.str() + "\n" + log_.verifier().str() + "\n\n"; }
  std::string witness_key() const { return witness_.verifier().str() + "\n"; }

 private:
  SiteId site_;
  Jurisdiction where_;
  NoteSigner log_;
  NoteSigner witness_;
  std::vector<std::string> leaves_;
};

ProofFile file_of(std::vector<SiteProof> sites) {
  return {.format = std::string(ProofFile::version),
          .tenant = acme,
          .jurisdiction = *Jurisdiction::parse("ES"),
          .from = day,
          .to = day + 24h,
          .subjects = {"app/other", "app/people"},
          .sites = std::move(sites)};
}

MemoryLog busy_log() {
  MemoryLog log("bio1", "ES-PV");
  for (int i = -20; i < 600; ++i) log.add(i % 3 == 0 ? "acme" : "other", day + i * 3min);
  return log;
}

}  // namespace

TEST_CASE("a day's leaves of a tenant are proved whole, and what a verifier sees is what was logged") {
  const MemoryLog log = busy_log();
  const auto keys = *TrustedKeys::parse_lines(log.keys() + log.witness_key());
  for (const auto completeness : {Completeness::whole_range, Completeness::own_leaves}) {
    const ProofFile file = file_of({log.prove(completeness)});
    const auto back = from_json<ProofFile>(*parse_json(print_json(to_json(file))));
    REQUIRE(back);
    const auto verdict = verify_proof(*back, keys, 1);
    REQUIRE(verdict);
    const SiteFindings& site = verdict->sites.at(0);
    CHECK(site.findings.size() == 160);  // every third of 480
    CHECK(site.findings[0].subject == "app/people");
    CHECK(site.complete == (completeness == Completeness::whole_range));
    CHECK(site.cosigned.at("w.example/1") == 1'764'000'000);
    CHECK(verdict->outside.empty());
    CHECK(verdict->not_covered.empty());
  }
}

TEST_CASE("data outside of the jurisdiction is found, and logs that are left out are named") {
  MemoryLog bilbao("bio1", "ES-PV");
  MemoryLog lyon("lys1", "FR");
  bilbao.add("acme", day + 1h);
  lyon.add("acme", day + 2h);
  const auto keys = *TrustedKeys::parse_lines(bilbao.keys() + lyon.keys());
  const auto both =
      verify_proof(file_of({bilbao.prove(Completeness::whole_range), lyon.prove(Completeness::whole_range)}), keys, 0);
  REQUIRE(both);
  CHECK(both->outside.size() == 1);
  const auto one = verify_proof(file_of({bilbao.prove(Completeness::whole_range)}), keys, 0);
  REQUIRE(one);
  CHECK(one->outside.empty());
  CHECK(one->not_covered.size() == 1);
}

TEST_CASE("an empty log and a day without leaves are proved, too") {
  MemoryLog log("bio1", "ES-PV");
  const auto keys = *TrustedKeys::parse_lines(log.keys());
  CHECK(verify_proof(file_of({log.prove(Completeness::whole_range)}), keys, 0));
  log.add("acme", day - 1h);
  log.add("acme", day + 25h);
  const auto verdict = verify_proof(file_of({log.prove(Completeness::whole_range)}), keys, 0);
  REQUIRE(verdict);
  CHECK(verdict->sites[0].findings.empty());
  CHECK(verdict->sites[0].looked_at == 2);
}

TEST_CASE("what is left out, moved or not signed is refused") {
  const MemoryLog log = busy_log();
  const auto keys = *TrustedKeys::parse_lines(log.keys() + log.witness_key());
  auto refused = [&](auto change) {
    ProofFile file = file_of({log.prove(Completeness::whole_range)});
    change(file);
    return !verify_proof(file, keys, 1);
  };
  CHECK(refused([](ProofFile& f) { f.sites[0].range->leaves.pop_back(); }));
  CHECK(refused([](ProofFile& f) { f.sites[0].range->leaves.erase(f.sites[0].range->leaves.begin() + 7); }));
  CHECK(refused([](ProofFile& f) { f.sites[0].range->first += 1; }));
  CHECK(refused([](ProofFile& f) { f.sites[0].range->first = -1; }));
  CHECK(refused([](ProofFile& f) { f.sites[0].range->proof.pop_back(); }));
  CHECK(refused([](ProofFile& f) { f.from = day - 48h; }));
  CHECK(refused([](ProofFile& f) { f.from = day - 30min; }));
  CHECK(refused([](ProofFile& f) { f.to = day + 26h; }));
  CHECK(refused([](ProofFile& f) { f.sites.push_back(f.sites[0]); }));
  CHECK(refused([](ProofFile& f) { f.sites[0].site = SiteId::of("mad1"); }));
  CHECK(refused([](ProofFile& f) { f.format = "barrio.proof/1"; }));
  // Under another name, or another salt, it would seem to have nothing outside.
  CHECK(refused([](ProofFile& f) { f.tenant = TenantId::of("other"); }));
  CHECK(refused([&](ProofFile& f) { f.sites[0].salt = log.salt_note(TenantId::of("other")); }));
  CHECK(refused([](ProofFile& f) { f.sites[0].salt = busy_log().salt_note(acme); }));
  CHECK(refused([](ProofFile& f) { f.sites[0].salt = MemoryLog("mad1", "ES-MD").salt_note(acme); }));
  CHECK(refused([&](ProofFile& f) {
    f.tenant = TenantId::of("other");
    f.sites[0].salt = log.salt_note(acme);
  }));
  CHECK(refused([](ProofFile& f) { f.sites[0].checkpoint = f.sites[0].checkpoint.substr(0, 200); }));
  CHECK(!verify_proof(file_of({log.prove(Completeness::whole_range)}), keys, 2));
  CHECK(
      !verify_proof(file_of({log.prove(Completeness::whole_range)}), *TrustedKeys::parse_lines(busy_log().keys()), 0));
  ProofFile leaves = file_of({log.prove(Completeness::own_leaves)});
  leaves.sites[0].leaves.push_back(leaves.sites[0].leaves[0]);
  CHECK(!verify_proof(leaves, keys, 1));
}

TEST_CASE("of 5,000 changes to a proof file none gives another verdict") {
  MemoryLog log("bio1", "ES-PV");
  for (int i = 0; i < 40; ++i) log.add(i % 2 == 0 ? "acme" : "other", day + i * 30min);
  const auto keys = *TrustedKeys::parse_lines(log.keys() + log.witness_key());
  const ProofFile file = file_of({log.prove(Completeness::whole_range)});
  const std::string good = print_json(to_json(file));
  const auto truth = *verify_proof(file, keys, 1);
  // What the file claims by itself (its question, names in clear) is not the log's: docs/proof.md.
  const size_t signed_part = good.find("\"checkpoint\"");
  Rng rng(20261124);
  int refused = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string text = good;
    const size_t at = signed_part + rng.below(text.size() - signed_part);
    text[at] = static_cast<char>(text[at] ^ static_cast<char>(1 + rng.below(255)));
    const auto json = parse_json(text);
    const auto read = json ? from_json<ProofFile>(*json) : Result<ProofFile>(fail(Code::invalid, ""));
    const auto verdict = read ? verify_proof(*read, keys, 1) : Result<ProofVerdict>(fail(Code::invalid, ""));
    if (!verdict) {
      ++refused;
      continue;
    }
    // Another spelling of the same JSON.
    CHECK(verdict->sites.at(0).findings.size() == truth.sites[0].findings.size());
    CHECK(print_json(to_json(*read)) == good);
  }
  CHECK(refused > 4900);
}

TEST_CASE("keys that a verifier cannot use are refused by their line") {
  CHECK(TrustedKeys::parse_lines("")->logs.empty());
  CHECK(TrustedKeys::parse_lines("\n# a comment\n\nnonsense\n").error().text().find("line 4") != std::string::npos);
  const std::string key = MemoryLog("bio1", "ES-PV").keys();
  CHECK(!TrustedKeys::parse_lines(key + key));
}

}  // namespace barrio::decide::proof_file_test
