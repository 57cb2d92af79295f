#include "model/bucket.h"

#include <doctest/doctest.h>

namespace barrio::model::bucket_test {

TEST_CASE("bucket names follow S3's rules") {
  for (const char* good : {"abc", "my-bucket", "a.b.c", "123"}) {
    CHECK_MESSAGE(BucketName::parse(good), good);
  }
  for (const char* bad : {"", "ab", "Abc", "a_b", "-abc", "abc-", ".abc", "a..b", "192.168.0.1", "a/b", "ñandu"}) {
    CHECK_MESSAGE(!BucketName::parse(bad), bad);
  }
  CHECK(BucketName::parse(std::string(63, 'a')));
  CHECK(!BucketName::parse(std::string(64, 'a')));
}

TEST_CASE("copies without sense are refused by name") {
  NewBucket wanted{*BucketName::parse("abc"), "ES", {}, 2};
  CHECK(wanted.check());
  for (const int copies : {0, -1, NewBucket::most_copies + 1}) {
    wanted.copies = copies;
    CHECK(wanted.check().error().where == "copies");
    CHECK(wanted.check().error().code == Code::invalid);
  }
  wanted.copies = 1;
  CHECK(wanted.check());
  wanted.policy.emplace();
  CHECK(!wanted.check());
}

}  // namespace barrio::model::bucket_test
