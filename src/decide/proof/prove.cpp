#include "base/base64.h"
#include "decide/proof/proof_file.h"
#include "decide/proof/salt.h"

namespace barrio::decide {

namespace {

/// The leaves of a log, by bundles; the last bundle read is kept.
class LogReader {
 public:
  LogReader(uint64_t size, const TileReader& read) : size_(size), read_(read) {}

  Result<std::string> leaf(uint64_t index) {
    const TileName name = tile_of(std::nullopt, index, size_);
    if (!loaded_ || name.index != loaded_->index) {
      TRY(const std::string bundle, read_(name));
      auto leaves = parse_bundle(bundle, name.width);
      if (!leaves) return fail(std::move(leaves.error()).within(name.path()));
      leaves_ = std::move(*leaves);
      loaded_ = name;
    }
    return leaves_[index % tile_width];
  }

  /// Of the first leaf that was appended at this time or later; size: there is none.
  Result<uint64_t> first_since(WallTime time) {
    uint64_t low = 0;
    uint64_t high = size_;
    while (low < high) {
      const uint64_t middle = low + (high - low) / 2;
      TRY(const std::string text, leaf(middle));
      TRY(const Leaf found, parse_leaf(text));
      if (found.time < time)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }

 private:
  const uint64_t size_;
  const TileReader& read_;
  std::optional<TileName> loaded_;
  std::vector<std::string> leaves_;
};

std::vector<std::string> print_hashes(const std::vector<Digest>& hashes) {
  std::vector<std::string> texts;
  for (const Digest& hash : hashes) texts.push_back(base64(text_of(hash)));
  return texts;
}

Result<void> add_range(SiteProof& proof, uint64_t first, uint64_t end, uint64_t size, LogReader& log,
                       const NodeReader& nodes) {
  LeafRange range{.first = static_cast<int64_t>(first), .leaves = {}, .proof = {}};
  for (uint64_t index = first; index < end; ++index) {
    TRY(auto text, log.leaf(index));
    range.leaves.push_back(std::move(text));
  }
  if (first < end) {
    TRY(const auto hashes, range_proof(first, end, size, nodes));
    range.proof = print_hashes(hashes);
  }
  proof.range = std::move(range);
  return {};
}

Result<void> add_leaves(SiteProof& proof, uint64_t first, uint64_t end, uint64_t size, const std::string& tenant,
                        LogReader& log, const NodeReader& nodes) {
  for (uint64_t index = first; index < end; ++index) {
    TRY(auto text, log.leaf(index));
    const auto leaf = parse_leaf(text);
    if (!leaf || leaf->tenant != tenant) continue;
    TRY(const auto hashes, inclusion_proof(index, size, nodes));
    proof.leaves.push_back({static_cast<int64_t>(index), std::move(text), print_hashes(hashes)});
  }
  return {};
}

}  // namespace

Result<SiteProof> prove_site(const SiteId& site, const std::string& note, const std::string& salt,
                             const ProofRequest& request, const TileReader& read) {
  TRY(const auto parsed, parse_note(note));
  TRY(const auto checkpoint, parse_checkpoint(parsed.text));
  TRY(const SignedSalt named, parse_salt(salt));
  if (named.tenant != request.tenant)
    return fail(Code::denied, "is of tenant " + named.tenant.str() + ", not of " + request.tenant.str(), "salt");
  SiteProof proof{.site = site, .checkpoint = note, .salt = salt};
  LogReader log(checkpoint.size, read);
  const NodeReader nodes = nodes_from_tiles(checkpoint.size, read);
  TRY(uint64_t first, log.first_since(request.from));
  TRY(uint64_t end, log.first_since(request.to));
  if (end - first > most_range_leaves) {
    return fail(Code::exhausted, "has " + std::to_string(end - first) + " leaves in this time; ask for less of it",
                "site " + site.str());
  }
  if (request.completeness == Completeness::own_leaves) {
    TRY_DO(add_leaves(proof, first, end, checkpoint.size, salted_tenant(named.salt, request.tenant), log, nodes));
    return proof;
  }
  // One more on each side shows where the time begins and ends.
  first -= first > 0 ? 1 : 0;
  end += end < checkpoint.size ? 1 : 0;
  TRY_DO(add_range(proof, first, end, checkpoint.size, log, nodes));
  return proof;
}

}  // namespace barrio::decide
