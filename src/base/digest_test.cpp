#include "base/digest.h"

#include <doctest/doctest.h>

namespace barrio::digest_test {

TEST_CASE("digests of pieces are those of RFC 1321 and FIPS 180") {
  Digest md5(DigestKind::md5);
  md5.add("message ");
  md5.add("digest");
  CHECK(hex_of(md5.finish()) == "f96b697d7cb7938d525a2f31aaf161d0");
  CHECK(hex_of(digest_of(DigestKind::sha1, "abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex_of(digest_of(DigestKind::sha256, "abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("HMAC-SHA-256 is that of RFC 4231, test case 2") {
  CHECK(hex_of(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("base64 and hex: there and back, and nothing else is taken") {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    CHECK(*from_base64(base64(text)) == text);
    CHECK(*bytes_of_hex(hex_of(text)) == text);
  }
  CHECK(base64("foob") == "Zm9vYg==");
  for (const char* bad : {"Zg", "Zg=", "Z===", "Zg==\n", "Z g=", "=g==", "Zm9=Zm9v"}) CHECK(!from_base64(bad));
  for (const char* bad : {"a", "0g", "0x"}) CHECK(!bytes_of_hex(bad));
}

TEST_CASE("what was sealed opens with the same key, nonce and context alone, and not after any bit was changed") {
  const std::string key(seal_key_bytes, 'k');
  const std::string nonce(seal_nonce_bytes, 'n');
  const std::string sealed = seal(key, nonce, "context", "a text");
  CHECK(sealed.size() == 6 + seal_tag_bytes);
  CHECK(*unseal(key, nonce, "context", sealed) == "a text");
  CHECK(!unseal(std::string(seal_key_bytes, 'x'), nonce, "context", sealed));
  CHECK(!unseal(key, std::string(seal_nonce_bytes, 'x'), "context", sealed));
  CHECK(!unseal(key, nonce, "another", sealed));
  for (size_t i = 0; i < sealed.size() * 8; ++i) {
    std::string changed = sealed;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << (i % 8)));
    CHECK(!unseal(key, nonce, "context", changed));
  }
  CHECK(*unseal_boxed(key, "c", seal_boxed(key, "c", "")) == "");
  CHECK(!unseal_boxed(key, "c", "short"));
}

}  // namespace barrio::digest_test
