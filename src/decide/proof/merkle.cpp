#include "decide/proof/merkle.h"

#include <bit>

#include "base/check.h"

namespace barrio::decide {

namespace {

/// The largest power of two below n; n > 1.
uint64_t split_of(uint64_t n) {
  return std::bit_floor(n - 1);
}

/// MTH(D[first:end]), which the recursion from the root only asks for where first is a multiple of what it needs.
Result<Digest> range_hash(uint64_t first, uint64_t end, const NodeReader& node) {
  const uint64_t count = end - first;
  if (std::has_single_bit(count)) return node(std::countr_zero(count), first / count);
  const uint64_t middle = first + split_of(count);
  TRY(const Digest left, range_hash(first, middle, node));
  TRY(const Digest right, range_hash(middle, end, node));
  return merkle_node(left, right);
}

tl::unexpected<Error> bad_proof(const char* what) {
  return fail(Code::denied, what, "Merkle proof");
}

Result<void> collect_range(uint64_t from, uint64_t until, uint64_t first, uint64_t end, const NodeReader& node,
                           std::vector<Digest>& proof) {
  if (from >= first && until <= end) return {};
  if (until <= first || from >= end) {
    TRY(const Digest outside, range_hash(from, until, node));
    proof.push_back(outside);
    return {};
  }
  const uint64_t middle = from + split_of(until - from);
  TRY_DO(collect_range(from, middle, first, end, node, proof));
  return collect_range(middle, until, first, end, node, proof);
}

/// Rebuilds the root from known leaves and, where none are known, the next hash of the proof.
class RangeReader {
 public:
  RangeReader(uint64_t first, std::span<const Digest> leaves, std::span<const Digest> proof)
      : first_(first), leaves_(leaves), proof_(proof) {}

  Result<Digest> root(uint64_t from, uint64_t until) {
    const uint64_t end = first_ + leaves_.size();
    if (until <= first_ || from >= end) {
      if (used_ == proof_.size()) return bad_proof("is too short");
      return proof_[used_++];
    }
    if (until - from == 1) return leaves_[from - first_];
    const uint64_t middle = from + split_of(until - from);
    TRY(const Digest left, root(from, middle));
    TRY(const Digest right, root(middle, until));
    return merkle_node(left, right);
  }
  bool used_all() const { return used_ == proof_.size(); }

 private:
  uint64_t first_;
  std::span<const Digest> leaves_;
  std::span<const Digest> proof_;
  size_t used_ = 0;
};

}  // namespace

Digest merkle_leaf(std::string_view leaf) {
  std::string bytes(1, '\0');
  bytes += leaf;
  return sha256(bytes);
}

Digest merkle_node(const Digest& left, const Digest& right) {
  std::array<char, 65> bytes{};
  bytes[0] = 1;
  std::ranges::copy(left, bytes.begin() + 1);
  std::ranges::copy(right, bytes.begin() + 33);
  return sha256({bytes.data(), bytes.size()});
}

Result<Digest> merkle_root(uint64_t size, const NodeReader& node) {
  return size == 0 ? Result<Digest>(sha256("")) : range_hash(0, size, node);
}

Result<std::vector<Digest>> inclusion_proof(uint64_t index, uint64_t size, const NodeReader& node) {
  CHECK(index < size);
  std::vector<Digest> proof;
  uint64_t first = 0;
  uint64_t end = size;
  while (end - first > 1) {  // from the root down: the other half each time
    const uint64_t middle = first + split_of(end - first);
    const bool left = index < middle;
    TRY(const Digest other, left ? range_hash(middle, end, node) : range_hash(first, middle, node));
    proof.insert(proof.begin(), other);
    (left ? end : first) = middle;
  }
  return proof;
}

Result<std::vector<Digest>> consistency_proof(uint64_t old_size, uint64_t size, const NodeReader& node) {
  CHECK(old_size <= size);
  std::vector<Digest> proof;
  if (old_size == 0 || old_size == size) return proof;
  uint64_t first = 0;
  uint64_t end = size;
  bool whole = true;  // the old tree is the subtree [first, old_size) and nothing left of it
  while (old_size != end) {
    const uint64_t middle = first + split_of(end - first);
    const bool left = old_size <= middle;
    TRY(const Digest other, left ? range_hash(middle, end, node) : range_hash(first, middle, node));
    proof.insert(proof.begin(), other);
    (left ? end : first) = middle;
    if (!left) whole = false;
  }
  if (!whole) {
    TRY(const Digest same, range_hash(first, end, node));
    proof.insert(proof.begin(), same);
  }
  return proof;
}

Result<std::vector<Digest>> range_proof(uint64_t first, uint64_t end, uint64_t size, const NodeReader& node) {
  CHECK((first < end && end <= size));
  std::vector<Digest> proof;
  TRY_DO(collect_range(0, size, first, end, node, proof));
  return proof;
}

Result<void> verify_inclusion(const Digest& leaf, uint64_t index, uint64_t size, std::span<const Digest> proof,
                              const Digest& root) {
  if (index >= size) return bad_proof("is of a leaf that the tree does not have");
  uint64_t at = index;
  uint64_t last = size - 1;
  Digest hash = leaf;
  for (const Digest& sibling : proof) {
    if (last == 0) return bad_proof("is too long");
    if ((at & 1) != 0 || at == last) {
      hash = merkle_node(sibling, hash);
      while ((at & 1) == 0 && at != 0) at >>= 1, last >>= 1;
    } else {
      hash = merkle_node(hash, sibling);
    }
    at >>= 1, last >>= 1;
  }
  if (last != 0) return bad_proof("is too short");
  if (hash != root) return bad_proof("does not lead to the root");
  return {};
}

Result<void> verify_consistency(uint64_t old_size, const Digest& old_root, uint64_t size, const Digest& root,
                                std::span<const Digest> proof) {
  if (old_size > size) return bad_proof("is of a tree that shrinks");
  if (old_size == 0 || old_size == size) {
    if (!proof.empty()) return bad_proof("is too long");
    if (old_size == size && old_root != root) return bad_proof("is of two trees of one size");
    if (old_size == 0 && old_root != sha256("")) return bad_proof("is of an empty tree with a root");
    return {};
  }
  std::vector<Digest> path(proof.begin(), proof.end());
  if (path.empty()) return bad_proof("is too short");
  if (std::has_single_bit(old_size)) path.insert(path.begin(), old_root);
  uint64_t at = old_size - 1;
  uint64_t last = size - 1;
  while ((at & 1) != 0) at >>= 1, last >>= 1;
  Digest old_hash = path.front();
  Digest hash = path.front();
  for (const Digest& next : std::span(path).subspan(1)) {
    if (last == 0) return bad_proof("is too long");
    if ((at & 1) != 0 || at == last) {
      old_hash = merkle_node(next, old_hash);
      hash = merkle_node(next, hash);
      while ((at & 1) == 0 && at != 0) at >>= 1, last >>= 1;
    } else {
      hash = merkle_node(hash, next);
    }
    at >>= 1, last >>= 1;
  }
  if (last != 0) return bad_proof("is too short");
  if (old_hash != old_root || hash != root) return bad_proof("does not lead from one root to the other");
  return {};
}

Result<void> verify_range(uint64_t first, std::span<const Digest> leaves, uint64_t size, std::span<const Digest> proof,
                          const Digest& root) {
  if (leaves.empty() || first > size || leaves.size() > size - first) return bad_proof("is of leaves outside the tree");
  RangeReader reader(first, leaves, proof);
  TRY(const Digest found, reader.root(0, size));
  if (!reader.used_all()) return bad_proof("is too long");
  if (found != root) return bad_proof("does not lead to the root");
  return {};
}

}  // namespace barrio::decide
