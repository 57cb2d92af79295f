#include "api/oauth/api_key.h"

#include <doctest/doctest.h>

namespace barrio::api_key_test {

TEST_CASE("a new key carries its id, is never the same twice, and only its hash tells it") {
  const api::NewApiKey key = api::make_api_key();
  CHECK(key.text.size() == 64);
  CHECK(api::api_key_id(key.text) == key.id);
  CHECK(key.sha256 == api::api_key_hash(key.text));
  CHECK(key.sha256.find(key.text.substr(21)) == std::string::npos);
  CHECK(api::make_api_key().text != key.text);
}

TEST_CASE("what has not the form of a key has no id") {
  const std::string good = api::make_api_key().text;
  for (const std::string& bad :
       {std::string(), std::string("brk_"), good + "x", good.substr(0, 63), "brK_" + good.substr(4),
        "brk_" + std::string(16, 'g') + good.substr(20), good.substr(0, 20) + "-" + good.substr(21)}) {
    CHECK_MESSAGE(!api::api_key_id(bad), bad);
  }
}

}  // namespace barrio::api_key_test
