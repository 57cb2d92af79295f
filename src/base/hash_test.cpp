#include "base/hash.h"

#include <doctest/doctest.h>

namespace barrio::hash_test {

TEST_CASE("digests of pieces are those of RFC 1321 and FIPS 180") {
  Hasher md5(HashKind::md5);
  md5.add("message ");
  md5.add("digest");
  CHECK(hex_of(md5.finish()) == "f96b697d7cb7938d525a2f31aaf161d0");
  CHECK(hex_of(hash_of(HashKind::sha1, "abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex_of(hash_of(HashKind::sha256, "abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("hex: there and back, and nothing else is taken") {
  for (const std::string text : {"", "f", "foobar"}) CHECK(*bytes_of_hex(hex_of(text)) == text);
  CHECK(*bytes_of_hex("0aFf") == "\x0a\xff");
  for (const char* bad : {"a", "0g", "0x"}) CHECK(!bytes_of_hex(bad));
}

}  // namespace barrio::hash_test
