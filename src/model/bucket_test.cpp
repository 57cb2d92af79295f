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

TEST_CASE("a bucket has from 1 to 5 copies; its home counts as one that is in sync") {
  NewBucket wanted{*BucketName::parse("frames"), "ES", {}, 6};
  CHECK(wanted.check().error().where == "copies");
  CHECK(wanted.check().error().code == Code::invalid);
  wanted.copies = 0;
  CHECK(!wanted.check());
  wanted.copies = 5;
  CHECK(wanted.check());
  wanted.policy.emplace();
  CHECK(!wanted.check());
  Bucket bucket;
  bucket.home = SiteId::of("bio1");
  bucket.followers = {{SiteId::of("vit1"), CopyState::in_sync}, {SiteId::of("mad1"), CopyState::joining}};
  CHECK(bucket.in_sync() == 2);
  CHECK(bucket.is_member(SiteId::of("mad1")));
  CHECK(!bucket.is_member(SiteId::of("bcn1")));
  CHECK(bucket.follower(SiteId::of("bio1")) == nullptr);
}

}  // namespace barrio::model::bucket_test
