#include "decide/proof/merkle.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <bit>

#include "base/text.h"

namespace barrio::decide::merkle_test {

namespace {

std::string bytes_of(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

/// The definition of RFC 6962 section 2.1, word by word.
Digest by_definition(std::span<const std::string> leaves) {
  if (leaves.empty()) return sha256("");
  if (leaves.size() == 1) return sha256(std::string(1, '\0') + leaves[0]);
  const size_t k = std::bit_floor(leaves.size() - 1);
  const Digest left = by_definition(leaves.first(k));
  const Digest right = by_definition(leaves.subspan(k));
  return sha256("\x01" + std::string(text_of(left)) + std::string(text_of(right)));
}

std::vector<std::string> some_leaves(size_t count) {
  std::vector<std::string> leaves;
  for (size_t i = 0; i < count; ++i) leaves.push_back("leaf " + std::to_string(i * 7919));
  return leaves;
}

NodeReader reader_of(const std::vector<std::string>& leaves) {
  return [&leaves](int level, uint64_t index) -> Result<Digest> {
    const size_t count = size_t{1} << level;
    REQUIRE((index + 1) * count <= leaves.size());
    return by_definition(std::span(leaves).subspan(index * count, count));
  };
}

std::vector<Digest> hashes_of(std::span<const std::string> leaves) {
  std::vector<Digest> hashes;
  for (const std::string& leaf : leaves) hashes.push_back(merkle_leaf(leaf));
  return hashes;
}

void flip(Digest& digest, uint64_t bit) {
  digest[bit / 8 % 32] ^= static_cast<unsigned char>(1 << bit % 8);
}

}  // namespace

TEST_CASE("roots are those that implementations of RFC 6962 are tested with") {
  // The eight leaves and roots that the certificate transparency implementations share as their test vectors.
  const std::vector<std::string> leaves = {
      "",
      bytes_of({0x00}),
      bytes_of({0x10}),
      bytes_of({0x20, 0x21}),
      bytes_of({0x30, 0x31}),
      bytes_of({0x40, 0x41, 0x42, 0x43}),
      bytes_of({0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57}),
      bytes_of({0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f})};
  const char* roots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                         "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                         "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                         "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                         "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  for (size_t size = 0; size <= leaves.size(); ++size) {
    CHECK(to_hex(*merkle_root(size, reader_of(leaves))) == roots[size]);
  }
}

TEST_CASE("every leaf of every tree up to 130 leaves is proved, and no other leaf by its proof") {
  for (size_t size = 1; size <= 130; ++size) {
    const auto leaves = some_leaves(size);
    const NodeReader node = reader_of(leaves);
    const Digest root = by_definition(leaves);
    for (size_t index = 0; index < size; ++index) {
      const auto proof = *inclusion_proof(index, size, node);
      const Digest leaf = merkle_leaf(leaves[index]);
      REQUIRE(verify_inclusion(leaf, index, size, proof, root));
      REQUIRE(!verify_inclusion(merkle_leaf("another"), index, size, proof, root));
      if (size > 1) REQUIRE(!verify_inclusion(leaf, (index + 1) % size, size, proof, root));
    }
  }
}

TEST_CASE("every tree up to 70 leaves is consistent with every one before it, and with no other") {
  const auto leaves = some_leaves(70);
  const NodeReader node = reader_of(leaves);
  std::vector<Digest> roots;
  for (size_t size = 0; size <= leaves.size(); ++size) roots.push_back(by_definition(std::span(leaves).first(size)));
  for (size_t size = 1; size <= leaves.size(); ++size) {
    for (size_t old_size = 0; old_size <= size; ++old_size) {
      const auto proof = *consistency_proof(old_size, size, node);
      REQUIRE(verify_consistency(old_size, roots[old_size], size, roots[size], proof));
      if (old_size > 0) REQUIRE(!verify_consistency(old_size, roots[old_size - 1], size, roots[size], proof));
      REQUIRE(!verify_consistency(old_size, roots[old_size], size, sha256("x"), proof) == (old_size > 0));
    }
  }
}

TEST_CASE("every range of every tree up to 33 leaves is proved whole") {
  for (size_t size = 1; size <= 33; ++size) {
    const auto leaves = some_leaves(size);
    const auto hashes = hashes_of(leaves);
    const Digest root = by_definition(leaves);
    for (size_t first = 0; first < size; ++first) {
      for (size_t end = first + 1; end <= size; ++end) {
        const auto proof = *range_proof(first, end, size, reader_of(leaves));
        const auto range = std::span(hashes).subspan(first, end - first);
        REQUIRE(verify_range(first, range, size, proof, root));
        if (range.size() > 1) REQUIRE(!verify_range(first, range.first(range.size() - 1), size, proof, root));
        if (first > 0) REQUIRE(!verify_range(first - 1, range, size, proof, root));
      }
    }
  }
}

TEST_CASE("a proof that is changed in any way is refused") {
  CHECK(rc::check("inclusion", [](uint16_t seed) {
    const size_t size = 2 + seed % 300;
    const auto leaves = some_leaves(size);
    const size_t index = *rc::gen::inRange<size_t>(0, size);
    Digest root = by_definition(leaves);
    Digest leaf = merkle_leaf(leaves[index]);
    auto proof = *inclusion_proof(index, size, reader_of(leaves));
    const auto bit = *rc::gen::inRange<uint64_t>(0, 256);
    switch (*rc::gen::inRange(0, 6)) {
      case 0: flip(proof[*rc::gen::inRange<size_t>(0, proof.size())], bit); break;
      case 1: proof.pop_back(); break;
      case 2: proof.push_back(root); break;
      case 3: flip(root, bit); break;
      case 4: flip(leaf, bit); break;
      case 5: proof.erase(proof.begin()); break;
    }
    RC_ASSERT(!verify_inclusion(leaf, index, size, proof, root));
  }));
  CHECK(rc::check("consistency", [](uint16_t seed) {
    const size_t size = 3 + seed % 100;
    const auto leaves = some_leaves(size);
    const size_t old_size = *rc::gen::inRange<size_t>(1, size);
    const Digest old_root = by_definition(std::span(leaves).first(old_size));
    auto proof = *consistency_proof(old_size, size, reader_of(leaves));
    flip(proof[*rc::gen::inRange<size_t>(0, proof.size())], *rc::gen::inRange<uint64_t>(0, 256));
    RC_ASSERT(!verify_consistency(old_size, old_root, size, by_definition(leaves), proof));
  }));
}

TEST_CASE("sizes that no tree has are refused, not computed") {
  const Digest hash = sha256("x");
  CHECK(!verify_inclusion(hash, 5, 5, {}, hash));
  CHECK(!verify_inclusion(hash, 0, 0, {}, hash));
  CHECK(!verify_inclusion(hash, UINT64_MAX - 1, UINT64_MAX, {}, hash));
  CHECK(!verify_consistency(3, hash, 2, hash, {}));
  CHECK(!verify_consistency(1, hash, UINT64_MAX, hash, {}));
  const Digest one[] = {hash};
  CHECK(!verify_range(UINT64_MAX, one, UINT64_MAX, {}, hash));
  CHECK(!verify_range(0, {}, 4, {}, hash));
  CHECK(!verify_range(0, one, UINT64_MAX, {}, hash));
}

}  // namespace barrio::decide::merkle_test
