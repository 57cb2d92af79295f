#include <doctest/doctest.h>

#include "base/ed25519.h"

#include "base/crypto.h"
#include "base/text.h"

namespace barrio::base::ed25519_test {

namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

}  // namespace

TEST_CASE("the signature of RFC 8032 section 7.1, test 3, is good, and of nothing else") {
  const auto key = Ed25519PublicKey::of(from_hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"));
  std::string signature = from_hex(
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
      "c"
      "027beceea1ec40a");
  CHECK(key.verify("\xaf\x82", signature).has_value());
  CHECK(key.verify("\xaf\x83", signature).error().code == Code::denied);
  signature[5] = static_cast<char>(signature[5] ^ 1);
  CHECK_FALSE(key.verify("\xaf\x82", signature).has_value());
  CHECK_FALSE(key.verify("\xaf\x82", "short").has_value());
}

TEST_CASE("a key survives its file, and only an Ed25519 key is one") {
  const auto key = Ed25519Key::generate();
  REQUIRE(key);
  const auto again = Ed25519Key::from_pem(key->pem());
  REQUIRE(again);
  CHECK(again->public_key() == key->public_key());
  const auto shown = Ed25519PublicKey::parse(key->public_key().str());
  REQUIRE(shown);
  CHECK(shown->verify("text", again->sign("text")).has_value());
  CHECK(Ed25519Key::from_pem(Es256Key::generate()->pem()).error().code == Code::invalid);
  CHECK_FALSE(Ed25519PublicKey::parse("ed25519:AAAA").has_value());
  CHECK_FALSE(Ed25519PublicKey::parse(key->public_key().str().substr(8)).has_value());
}

}  // namespace barrio::base::ed25519_test
