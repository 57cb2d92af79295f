#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "base/crypto.h"
#include "base/text.h"

namespace barrio::crypto_test {

TEST_CASE("SHA-256 of the empty and of a known text (FIPS 180-2, appendix B.1)") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a key survives PEM and its signatures verify, only for this data and this key") {
  auto key = Es256Key::generate();
  REQUIRE(key);
  auto again = Es256Key::from_pem(key->pem());
  REQUIRE(again);
  CHECK(again->x() == key->x());
  std::string signature = again->sign("hello");
  CHECK(signature.size() == 64);
  CHECK(verify_es256(key->x(), key->y(), "hello", signature));
  CHECK(verify_es256(key->x(), key->y(), "hellO", signature).error().code == Code::denied);
  auto other = Es256Key::generate();
  CHECK(verify_es256(other->x(), other->y(), "hello", signature).error().code == Code::denied);
  signature[5] = static_cast<char>(signature[5] ^ 1);
  CHECK(!verify_es256(key->x(), key->y(), "hello", signature));
  CHECK(!verify_es256(key->x(), key->y(), "hello", "short"));
  CHECK(!verify_es256(key->x(), key->y(), "hello", std::string(64, '\0')));
}

TEST_CASE("the ES256 example of RFC 7515 appendix A.3 verifies") {
  const std::string data =
      "eyJhbGciOiJFUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  auto signature =
      from_base64url("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  REQUIRE(signature);
  CHECK(verify_es256("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", data,
                     *signature));
}

TEST_CASE("what is no key is refused: other text, another curve, a point off the curve") {
  CHECK(!Es256Key::from_pem("hello"));
  CHECK(!Es256Key::from_pem(""));
  const std::string off = base64url(std::string(32, '\x01'));
  CHECK(verify_es256(off, off, "a", std::string(64, '\x01')).error().code == Code::invalid);
  CHECK(verify_es256("!!", "", "a", std::string(64, '\x01')).error().code == Code::invalid);
}

TEST_CASE("a secret's hash depends on secret and salt, and is repeatable") {
  CHECK(hash_secret("secret", "salt") == hash_secret("secret", "salt"));
  CHECK(hash_secret("secret", "salt") != hash_secret("secret", "tlas"));
  CHECK(hash_secret("secret", "salt") != hash_secret("secre", "salt"));
  CHECK(constant_time_equal("abc", "abc"));
  CHECK(!constant_time_equal("abc", "abd"));
  CHECK(!constant_time_equal("abc", "ab"));
}

}  // namespace barrio::crypto_test
