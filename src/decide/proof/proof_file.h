#pragma once
// What `barrio prove` writes and `barrio verify` reads (docs/proof.md, "barrio.proof/2"): for each site a stretch of
// its log, so that it can be shown that nothing of a tenant was left out of it, or single leaves with a proof each.
// Pure.

#include <map>

#include "decide/proof/leaf.h"
#include "decide/proof/note.h"
#include "decide/proof/tiles.h"

namespace barrio::decide {

/// Leaves that follow each other, and the hashes that lead from them to the checkpoint's root.
struct LeafRange {
  int64_t first = 0;
  std::vector<std::string> leaves;  // as they stand in the log
  std::vector<std::string> proof;   // base64
};
BARRIO_DESCRIBE(LeafRange, (), (first, leaves, proof))

struct ProvedLeaf {
  int64_t index = 0;
  std::string leaf;
  std::vector<std::string> proof;  // of inclusion, base64
};
BARRIO_DESCRIBE(ProvedLeaf, (), (index, leaf, proof))

struct SiteProof {
  SiteId site;
  std::string checkpoint;               // a signed note
  std::string salt;                     // a signed note, too: the tenant's at this site (decide/proof/salt.h)
  std::optional<LeafRange> range = {};  // complete: all leaves of the time, and one on each side of it
  std::vector<ProvedLeaf> leaves = {};  // else
};
BARRIO_DESCRIBE(SiteProof, (), (site, checkpoint, salt, range, leaves))

struct ProofFile {
  static constexpr std::string_view version = "barrio.proof/2";
  std::string format;
  TenantId tenant;
  std::optional<Jurisdiction> jurisdiction;
  WallTime from;                      // of the times at which leaves were appended
  WallTime to;                        // not included
  std::vector<std::string> subjects;  // in clear, as far as known to who made the file: "app/people"
  std::vector<SiteProof> sites;
  Result<void> check() const;
};
BARRIO_DESCRIBE(ProofFile, (), (format, tenant, jurisdiction, from, to, subjects, sites))

// --- making ---

inline constexpr uint64_t most_range_leaves = 1'000'000;

enum class Completeness { whole_range, own_leaves };
struct ProofRequest {
  TenantId tenant;
  WallTime from;
  WallTime to;
  Completeness completeness = Completeness::whole_range;
};
/// Reads a log's files by tiles. `note` is its checkpoint, `salt` the note of the tenant's salt. Errors: those of
/// `read`, invalid, denied (the salt is another tenant's), exhausted (the time holds too many leaves).
Result<SiteProof> prove_site(const SiteId& site, const std::string& note, const std::string& salt,
                             const ProofRequest& request, const TileReader& read);

// --- verifying ---

/// Public keys that the verifier trusts: lines of verifier keys, of logs and witnesses; empty lines and those with # at
/// the beginning are left out. Errors: invalid.
struct TrustedKeys {
  std::vector<NoteVerifier> logs;
  std::vector<NoteVerifier> witnesses;
  static Result<TrustedKeys> parse_lines(std::string_view text);
};

/// A leaf of the tenant.
struct Finding {
  Leaf leaf;
  int64_t index = 0;
  std::string subject;  // in clear; empty: none of the file's
};
struct SiteFindings {
  SiteId site;
  std::string log;    // its key's name
  uint64_t size = 0;  // of the checkpoint
  bool complete = false;
  uint64_t looked_at = 0;                         // leaves of all tenants
  std::map<std::string, uint64_t> cosigned = {};  // witness -> when, in seconds since 1970
  std::vector<Finding> findings = {};
};
struct ProofVerdict {
  std::vector<SiteFindings> sites;
  std::vector<std::string> outside;      // findings outside of the jurisdiction, in words
  std::vector<std::string> not_covered;  // trusted logs that the file has nothing of
};
/// Errors: denied (a proof, a signature does not hold), invalid (not such a file).
Result<ProofVerdict> verify_proof(const ProofFile& file, const TrustedKeys& keys, size_t cosignatures);

}  // namespace barrio::decide
