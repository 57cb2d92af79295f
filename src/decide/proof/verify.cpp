#include <algorithm>

#include "base/text.h"
#include "decide/proof/proof_file.h"
#include "decide/proof/salt.h"
#include "model/site_identity.h"

namespace barrio::decide {

namespace {

tl::unexpected<Error> refused(std::string why) {
  return fail(Code::denied, std::move(why));
}

Result<std::vector<Digest>> parse_hashes(const std::vector<std::string>& texts) {
  std::vector<Digest> hashes;
  for (const std::string& text : texts) {
    TRY(const Digest hash, parse_hash(text));
    hashes.push_back(hash);
  }
  return hashes;
}

/// One site's part of a file, against the keys.
class SiteVerifier {
 public:
  SiteVerifier(const ProofFile& file, const SiteProof& proof) : file_(file), proof_(proof) {}

  Result<SiteFindings> verify(const TrustedKeys& keys, size_t cosignatures) {
    TRY_DO(check_checkpoint(keys, cosignatures));
    tenant_ = salted_tenant(salt_, file_.tenant);
    if (proof_.range) {
      TRY_DO(check_range(*proof_.range));
    } else {
      TRY_DO(check_leaves());
    }
    found_.complete = proof_.range.has_value();
    return std::move(found_);
  }

 private:
  Result<void> check_checkpoint(const TrustedKeys& keys, size_t cosignatures) {
    TRY(const Note note, parse_note(proof_.checkpoint));
    TRY(checkpoint_, parse_checkpoint(note.text));
    const auto log = std::ranges::find(keys.logs, checkpoint_.origin, &NoteVerifier::name);
    if (log == keys.logs.end()) return refused("no key is trusted for the log " + checkpoint_.origin);
    TRY(checkpoint_, verify_checkpoint(note, *log));
    for (const NoteVerifier& witness : keys.witnesses) {
      if (const auto when = witness.verify(note)) found_.cosigned[witness.name()] = *when;
    }
    if (found_.cosigned.size() < cosignatures) {
      return refused("the checkpoint is cosigned by " + std::to_string(found_.cosigned.size()) +
                     " trusted witnesses, not by " + std::to_string(cosignatures));
    }
    // A site's logs bear its name: an empty stretch of another site's must not stand for this one's.
    if (!checkpoint_.origin.starts_with(site_host(proof_.site) + "/")) {
      return refused("the log " + checkpoint_.origin + " is not of this site");
    }
    TRY(salt_, verify_salt(proof_.salt, proof_.site, file_.tenant, *log));
    found_.site = proof_.site;
    found_.log = checkpoint_.origin;
    found_.size = checkpoint_.size;
    return {};
  }

  Result<void> check_range(const LeafRange& range) {
    if (range.first < 0) return fail(Code::invalid, "must not be negative", "range.first");
    const auto first = static_cast<uint64_t>(range.first);
    TRY(const auto proof, parse_hashes(range.proof));
    if (checkpoint_.size == 0) {
      if (!range.leaves.empty() || first != 0 || !proof.empty())
        return refused("the log is empty, and there are leaves");
      return {};
    }
    std::vector<Digest> hashes;
    for (const std::string& leaf : range.leaves) hashes.push_back(merkle_leaf(leaf));
    TRY_DO(verify_range(first, hashes, checkpoint_.size, proof, checkpoint_.root));
    TRY(const auto leaves, read_range(range));
    const bool begins = first == 0 || leaves.front().time < file_.from;
    const bool ends = first + leaves.size() == checkpoint_.size || leaves.back().time >= file_.to;
    if (!begins || !ends) return refused("the leaves do not cover the whole time");
    found_.looked_at = leaves.size();
    for (size_t i = 0; i < leaves.size(); ++i) take(leaves[i], range.first + static_cast<int64_t>(i));
    return {};
  }

  Result<std::vector<Leaf>> read_range(const LeafRange& range) const {
    std::vector<Leaf> leaves;
    for (const std::string& text : range.leaves) {
      TRY(auto leaf, read_leaf(text));
      if (!leaves.empty() && leaf.time < leaves.back().time) return refused("the log's times go backwards");
      leaves.push_back(std::move(leaf));
    }
    return leaves;
  }

  Result<Leaf> read_leaf(const std::string& text) const {
    TRY(auto leaf, parse_leaf(text));
    if (leaf.site != proof_.site) return refused("a leaf is of site " + leaf.site.str());
    return leaf;
  }

  Result<void> check_leaves() {
    int64_t last = -1;
    for (const ProvedLeaf& proved : proof_.leaves) {
      if (proved.index <= last) return refused("the leaves are not in the log's order, or one stands there twice");
      last = proved.index;
      TRY(const auto proof, parse_hashes(proved.proof));
      TRY_DO(verify_inclusion(merkle_leaf(proved.leaf), static_cast<uint64_t>(proved.index), checkpoint_.size, proof,
                              checkpoint_.root));
      TRY(const auto leaf, read_leaf(proved.leaf));
      if (leaf.tenant != tenant_) return refused("a leaf is of another tenant");
      take(leaf, proved.index);
    }
    found_.looked_at = proof_.leaves.size();
    return {};
  }

  void take(const Leaf& leaf, int64_t index) {
    if (leaf.tenant != tenant_ || leaf.time < file_.from || leaf.time >= file_.to) return;
    Finding finding{leaf, index, {}};
    for (const std::string& subject : file_.subjects) {
      if (salted_subject(salt_, subject) == leaf.subject) finding.subject = subject;
    }
    found_.findings.push_back(std::move(finding));
  }

  const ProofFile& file_;
  const SiteProof& proof_;
  Checkpoint checkpoint_;
  TenantSalt salt_;
  std::string tenant_;
  SiteFindings found_;
};

void note_outside(ProofVerdict& verdict, const SiteFindings& site, const Jurisdiction& area) {
  for (const Finding& finding : site.findings) {
    if (area.contains(finding.leaf.where)) continue;
    verdict.outside.push_back("site " + site.site.str() + " in " + finding.leaf.where.str() + ", leaf " +
                              std::to_string(finding.index) + " at " + to_string(finding.leaf.time));
  }
}

}  // namespace

Result<void> ProofFile::check() const {
  if (format != version)
    return fail(Code::unsupported, "must be " + std::string(version) + "; logs keep their leaves: make the file again",
                "format");
  if (from >= to) return fail(Code::invalid, "must be after 'from'", "to");
  return {};
}

Result<TrustedKeys> TrustedKeys::parse_lines(std::string_view text) {
  TrustedKeys keys;
  size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    auto key = NoteVerifier::parse(line);
    if (!key) return fail(std::move(key.error()).within("line " + std::to_string(number)));
    auto& kind = key->kind() == NoteKeyKind::log ? keys.logs : keys.witnesses;
    if (std::ranges::any_of(kind, [&](const auto& known) { return known.name() == key->name(); })) {
      return fail(Code::invalid, "names a key a second time: " + key->name(), "line " + std::to_string(number));
    }
    kind.push_back(std::move(*key));
  }
  return keys;
}

Result<ProofVerdict> verify_proof(const ProofFile& file, const TrustedKeys& keys, size_t cosignatures) {
  TRY_DO(file.check());
  ProofVerdict verdict;
  for (const SiteProof& proof : file.sites) {
    auto found = SiteVerifier(file, proof).verify(keys, cosignatures);
    if (!found) return fail(std::move(found.error()).within("site " + proof.site.str()));
    const auto twice = [&](const SiteFindings& one) { return one.log == found->log; };
    if (std::ranges::any_of(verdict.sites, twice)) return refused("site " + proof.site.str() + " is there twice");
    if (file.jurisdiction) note_outside(verdict, *found, *file.jurisdiction);
    verdict.sites.push_back(std::move(*found));
  }
  for (const NoteVerifier& log : keys.logs) {
    const auto is_it = [&](const SiteFindings& one) { return one.log == log.name(); };
    if (std::ranges::none_of(verdict.sites, is_it)) verdict.not_covered.push_back(log.name());
  }
  return verdict;
}

}  // namespace barrio::decide
