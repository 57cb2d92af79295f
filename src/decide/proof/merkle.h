#pragma once
// The Merkle tree of a transparency log: RFC 6962 section 2.1, proofs verified as RFC 9162 section 2.1 writes it down.
// Pure. What reads hashes of the tree is handed in: a tile, a file, a vector.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/digest.h"
#include "base/result.h"

namespace barrio::decide {

/// SHA-256 of 0x00 and the leaf; of 0x01 and both children.
Digest merkle_leaf(std::string_view leaf);
Digest merkle_node(const Digest& left, const Digest& right);

/// The hash of the perfect subtree of 2^level leaves that begins at leaf index << level. Errors are passed on.
using NodeReader = std::function<Result<Digest>(int level, uint64_t index)>;

/// Of the tree of the first `size` leaves; of none: SHA-256 of nothing.
Result<Digest> merkle_root(uint64_t size, const NodeReader& node);
/// index < size. At most 64 hashes, from the leaf upwards.
Result<std::vector<Digest>> inclusion_proof(uint64_t index, uint64_t size, const NodeReader& node);
/// old_size <= size. Empty when the sizes are equal or old_size is 0.
Result<std::vector<Digest>> consistency_proof(uint64_t old_size, uint64_t size, const NodeReader& node);
/// What is missing to compute the root from the leaves [first, end): in the order in which it is needed from the left.
/// first < end <= size.
Result<std::vector<Digest>> range_proof(uint64_t first, uint64_t end, uint64_t size, const NodeReader& node);

/// Errors: denied.
Result<void> verify_inclusion(const Digest& leaf, uint64_t index, uint64_t size, std::span<const Digest> proof,
                              const Digest& root);
Result<void> verify_consistency(uint64_t old_size, const Digest& old_root, uint64_t size, const Digest& root,
                                std::span<const Digest> proof);
/// That these are the hashes of the leaves from `first` on, one after the other with none left out.
Result<void> verify_range(uint64_t first, std::span<const Digest> leaves, uint64_t size, std::span<const Digest> proof,
                          const Digest& root);

}  // namespace barrio::decide
