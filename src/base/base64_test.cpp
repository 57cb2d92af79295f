#include "base/base64.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "base/crypto.h"
#include "base/digest.h"
#include "base/text.h"

namespace barrio::base64_test {

TEST_CASE("base64 writes what RFC 4648 section 10 lists, and reads it back") {
  const std::pair<const char*, const char*> listed[] = {{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : listed) {
    CHECK(base64(bytes) == text);
    CHECK(from_base64(text) == bytes);
  }
}

TEST_CASE("base64 takes one text for each value only") {
  for (const char* text : {"Zg=", "Zg", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm-v", " Zm9v"}) {
    CHECK_MESSAGE(!from_base64(text), text);
  }
  CHECK(rc::check("what is read is what would be written",
                  [](const std::string& bytes) { RC_ASSERT(from_base64(base64(bytes)) == bytes); }));
}

TEST_CASE("digests are those of the standards") {
  CHECK(to_hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-4
  // RFC 4231 section 4.3
  CHECK(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  Sha256 pieces;
  pieces.add("a");
  pieces.add("");
  pieces.add("bc");
  CHECK(pieces.finish() == sha256("abc"));
  CHECK(pieces.finish() == sha256(""));
}

}  // namespace barrio::base64_test
