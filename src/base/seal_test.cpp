#include "base/seal.h"

#include <doctest/doctest.h>

namespace barrio::seal_test {

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

}  // namespace barrio::seal_test
