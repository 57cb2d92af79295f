#include "objects/conditions.h"

#include <doctest/doctest.h>

#include "objects/answers.h"

namespace barrio::objects::conditions_test {

namespace {

using api::s3::RequestView;

RequestView with(std::vector<std::pair<std::string_view, std::string_view>> headers) {
  return {"GET", "/b/k", "", std::move(headers)};
}

ports::ObjectMeta object() {
  ports::ObjectMeta meta;
  meta.etag = "abc";
  meta.modified = *parse_wall_time("2026-11-24T10:00:00.500Z");
  return meta;
}

std::string outcome(const api::s3::Outcome<Wanted>& wanted) {
  if (!wanted) return wanted.error().code;
  return *wanted == Wanted::answer ? "answer" : "not modified";
}

}  // namespace

TEST_CASE("conditions of reads are decided in the order of RFC 9110") {
  const auto of = [](std::vector<std::pair<std::string_view, std::string_view>> headers) {
    return outcome(check_conditions(with(std::move(headers)), object()));
  };
  const std::string_view before = "Tue, 24 Nov 2026 09:59:59 GMT";
  const std::string_view same = "Tue, 24 Nov 2026 10:00:00 GMT";
  CHECK(of({}) == "answer");
  CHECK(of({{"If-Match", "\"abc\""}}) == "answer");
  CHECK(of({{"If-Match", "*"}}) == "answer");
  CHECK(of({{"If-Match", "\"x\", \"abc\""}}) == "answer");
  CHECK(of({{"If-Match", "\"x\""}}) == "PreconditionFailed");
  CHECK(of({{"If-Match", "\"abc\""}, {"If-Unmodified-Since", before}}) == "answer");
  CHECK(of({{"If-Unmodified-Since", before}}) == "PreconditionFailed");
  CHECK(of({{"If-Unmodified-Since", same}}) == "answer");
  CHECK(of({{"If-None-Match", "\"abc\""}}) == "not modified");
  CHECK(of({{"If-None-Match", "W/\"abc\""}}) == "not modified");
  CHECK(of({{"If-None-Match", "\"x\""}, {"If-Modified-Since", same}}) == "answer");
  CHECK(of({{"If-Modified-Since", same}}) == "not modified");
  CHECK(of({{"If-Modified-Since", before}}) == "answer");
  CHECK(of({{"If-Modified-Since", "nonsense"}}) == "answer");
  CHECK(outcome(check_conditions(with({{"x-amz-copy-source-if-none-match", "\"abc\""}}), object(),
                                 "x-amz-copy-source-")) == "PreconditionFailed");
}

TEST_CASE(
    "ranges: of the beginning, of the end, cut at the end; what is outside is refused, what is not understood left "
    "out") {
  const auto of = [](std::string_view header, uint64_t size) {
    const auto range = range_of(header, size);
    if (!range) return range.error().code;
    return *range ? std::to_string((*range)->from) + "-" + std::to_string((*range)->until) : std::string("whole");
  };
  CHECK(of("bytes=0-9", 100) == "0-10");
  CHECK(of("bytes=90-200", 100) == "90-100");
  CHECK(of("bytes=5-", 100) == "5-100");
  CHECK(of("bytes=-5", 100) == "95-100");
  CHECK(of("bytes=-500", 100) == "0-100");
  CHECK(of("bytes=100-", 100) == "InvalidRange");
  CHECK(of("bytes=0-", 0) == "InvalidRange");
  CHECK(of("bytes=-0", 100) == "InvalidRange");
  for (const char* whole :
       {"", "bytes=", "bytes=-", "bytes=9-0", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", "bytes=1"}) {
    CHECK(of(whole, 100) == "whole");
  }
}

TEST_CASE("conditions of changes: only if absent, only if it has this ETag, and nothing that is not kept") {
  CHECK(write_condition(with({{"If-None-Match", "*"}}))->if_absent);
  CHECK(write_condition(with({{"If-Match", "\"abc\""}}))->if_etag == "abc");
  CHECK(write_condition(with({{"If-None-Match", "\"abc\""}})).error().code == "NotImplemented");
  CHECK(write_condition(with({{"If-Match", "*"}})).error().code == "NotImplemented");
}

TEST_CASE("what a request says of its object is kept; what would change how it is kept, and is not built, is refused") {
  const auto fields = fields_of(with({{"Content-Type", "image/png"},
                                      {"x-amz-meta-Camera", "7"},
                                      {"Content-Encoding", "aws-chunked, gzip"},
                                      {"Authorization", "secret"}}));
  REQUIRE(fields);
  CHECK(*fields == std::map<std::string, std::string>{
                       {"content-encoding", "gzip"}, {"content-type", "image/png"}, {"x-amz-meta-camera", "7"}});
  CHECK(fields_of(with({}))->at("content-type") == "binary/octet-stream");
  CHECK(fields_of(with({{"x-amz-meta-a", std::string(2048, 'x')}})).error().code == "MetadataTooLarge");
  for (const auto& [name, value] :
       {std::pair{"x-amz-server-side-encryption", "aws:kms"}, std::pair{"x-amz-storage-class", "GLACIER"},
        std::pair{"x-amz-acl", "public-read"}, std::pair{"x-amz-grant-read", "id=somebody"}}) {
    CHECK(fields_of(with({{name, value}})).error().code == "NotImplemented");
  }
  CHECK(*tags_of("a=b&c=d%20e") == std::map<std::string, std::string>{{"a", "b"}, {"c", "d e"}});
  for (const char* bad : {"a=b&a=c", "=b", "a=%zz", "1&2&3&4&5&6&7&8&9&10&11"})
    CHECK(tags_of(bad).error().code == "InvalidTag");
}

}  // namespace barrio::objects::conditions_test
