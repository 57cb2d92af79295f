#include <doctest/doctest.h>

#include "objects/three_sites_test.h"

namespace barrio::objects::spend_cap_test {

using three_sites::World;

namespace {

/// As the network is, but that acme has spent its cap, until then.
std::shared_ptr<const Snapshot> capped_until(const char* time) {
  auto made = std::make_shared<Snapshot>(*snapshot());
  made->spend_stops["acme"] = {*Euros::parse("100EUR"), *parse_wall_time(time)};
  return made;
}

constexpr const char* far = "2999-12-01T00:00:00Z";
constexpr const char* past = "2020-01-01T00:00:00Z";

}  // namespace

TEST_CASE("at the spend cap nothing is added to a bucket; what is there is read, listed, settled and deleted") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/a", "text"}).status == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/b", "more"}).status == 200);
  const auto begun = world.ask(world.bilbao, {"POST", "/frames/parts?uploads"});
  const auto xml = api::s3::read_xml(begun.body);
  REQUIRE(xml);
  const std::string upload = "/frames/parts?uploadId=" + xml->text_of("UploadId");
  world.bilbao.service->directory().set_snapshot(capped_until(far));
  const auto refused = world.ask(world.bilbao, {"PUT", "/frames/c", "text"});
  CHECK(refused.status == 403);
  CHECK(code_of(refused) == "SpendCapReached");
  CHECK(message_of(refused) ==
        "tenant acme has spent its cap of 100.00EUR for this month; it may go on from 2999-12-01T00:00:00.000Z on; "
        "reading, listing and deleting go on");
  for (const Ask& ask :
       {Ask{"PUT", "/frames/c", "", {{"x-amz-copy-source", "/frames/a"}}}, Ask{"POST", "/frames/c?uploads"},
        Ask{"PUT", upload + "&partNumber=1", "part"}, Ask{"POST", upload, "<CompleteMultipartUpload/>"}}) {
    CHECK(code_of(world.ask(world.bilbao, ask)) == "SpendCapReached");
  }
  CHECK(world.ask(world.bilbao, {"GET", "/frames/a"}).body == "text");
  CHECK(world.ask(world.bilbao, {"HEAD", "/frames/a"}).status == 200);
  CHECK(world.ask(world.bilbao, {"GET", "/frames?list-type=2"}).body.find("<Key>b</Key>") != std::string::npos);
  CHECK(world.ask(world.bilbao, {"GET", "/frames?uploads"}).status == 200);
  CHECK(world.ask(world.bilbao, {"DELETE", upload}).status == 204);
  const std::string tags = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/a?tagging", tags}).status == 200);
  CHECK(world.ask(world.bilbao, {"DELETE", "/frames/a"}).status == 204);
  CHECK(world.ask(world.bilbao, {"POST", "/frames?delete", "<Delete><Object><Key>b</Key></Object></Delete>"}).status ==
        200);
  CHECK(code_of(world.ask(world.bilbao, {"GET", "/frames/b"})) == "NoSuchKey");
  world.bilbao.service->directory().set_snapshot(capped_until(past));  // the month is over
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/c", "text"}).status == 200);
}

TEST_CASE("a site that only passes requests on refuses by what it knows, and the home by what that knows") {
  World world;
  CHECK(world.make("national", "ES", world.madrid) == 200);
  CHECK(world.ask(world.madrid, {"PUT", "/national/a", "text"}).status == 200);
  const auto puts = [&] { return code_of(world.ask(world.madrid, {"PUT", "/national/b", "text"})); };
  world.madrid.service->directory().set_snapshot(capped_until(far));
  CHECK(puts() == "SpendCapReached");
  CHECK(world.ask(world.madrid, {"GET", "/national/a"}).body == "text");
  world.madrid.service->directory().set_snapshot(snapshot());
  world.bilbao.service->directory().set_snapshot(capped_until(far));
  CHECK(puts() == "SpendCapReached");
  world.bilbao.service->directory().set_snapshot(snapshot());
  CHECK(puts() == "");
}

TEST_CASE("who is not the tenant of a bucket is not told what that may spend") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  world.bilbao.service->directory().set_snapshot(capped_until(far));
  Ask as_rival{"PUT", "/frames/a", "text"};
  as_rival.key = rival_key;
  CHECK(code_of(world.ask(world.bilbao, as_rival)) == "AccessDenied");
  CHECK(code_of(world.send(world.bilbao, {.method = "PUT", .target = "/frames/a"})) == "AccessDenied");
  // Nor is who may, by the bucket's policy.
  const std::string open =
      R"({"Statement":[{"Effect":"Allow","Principal":{"AWS":"rival"},"Action":"s3:*","Resource":"arn:aws:s3:::frames/*"}]})";
  CHECK(world.ask(world.bilbao, {"PUT", "/frames?policy", open}).status == 204);
  const auto refused = world.ask(world.bilbao, as_rival);
  CHECK(code_of(refused) == "SpendCapReached");
  CHECK(message_of(refused) ==
        "tenant acme has spent its cap for this month; it may go on from 2999-12-01T00:00:00.000Z on; reading, listing "
        "and deleting go on");
}

}  // namespace barrio::objects::spend_cap_test
