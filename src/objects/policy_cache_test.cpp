#include "objects/policy_cache.h"

#include <doctest/doctest.h>

namespace barrio::objects::policy_cache_test {

namespace {

constexpr const char* open_to_all =
    R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::frames/*"}]})";
constexpr const char* closed =
    R"({"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::frames/*"}]})";

Bucket frames(const std::string& id) {
  Bucket made;
  made.name = *BucketName::parse("frames");
  made.id = id;
  return made;
}

}  // namespace

TEST_CASE("a bucket's policy is parsed once for each text, and what was not used for longest is forgotten") {
  PolicyCache cache(3000);
  for (int i = 0; i < 3; ++i) CHECK((*cache.of(frames("a"), open_to_all))->front().allows);
  CHECK(cache.parsed() == 1);
  CHECK(!(*cache.of(frames("a"), closed))->front().allows);
  CHECK((*cache.of(frames("a"), open_to_all))->front().allows);
  CHECK(cache.parsed() == 3);
  CHECK(cache.of(frames("b"), "{").error().code == "MalformedPolicy");
  CHECK(cache.parsed() == 3);
  const auto kept = *cache.of(frames("a"), open_to_all);
  for (int i = 0; i < 20; ++i) {
    CHECK(cache.of(frames("other-" + std::to_string(i)), closed));
    if (i < 10) CHECK(cache.of(frames("a"), open_to_all));
  }
  CHECK(cache.parsed() == 23);
  CHECK(cache.of(frames("a"), open_to_all));  // it went meanwhile
  CHECK(cache.parsed() == 24);
  CHECK(kept->front().allows);
}

}  // namespace barrio::objects::policy_cache_test
