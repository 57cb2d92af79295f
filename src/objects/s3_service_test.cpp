#include <doctest/doctest.h>

#include "objects/three_sites_test.h"

namespace barrio::objects::s3_service_test {

using three_sites::World;

TEST_CASE("an object is stored, noted before the answer, read by path and by host, listed and deleted") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  const std::string body(200'000, 'x');
  const auto put = world.ask(world.bilbao, {"PUT", "/frames/a%20b", body, {{"x-amz-meta-a", "1"}}});
  CHECK(put.status == 200);
  CHECK(world.bilbao.events.seen ==
        std::vector<std::string>{"0 frames/a b " + sha256_hex(body).substr(0, 8) + " at bio1"});
  CHECK(world.ask(world.bilbao, {"GET", "/frames/a%20b"}).body == body);
  const auto by_host = world.ask(world.bilbao, {.target = "/a%20b", .host = "frames.s3.example:7480"});
  CHECK(by_host.body == body);
  CHECK(net::find_header(by_host.headers, "x-amz-meta-a") == "1");
  const auto part = world.ask(world.bilbao, {"GET", "/frames/a%20b", "", {{"Range", "bytes=5-6"}}});
  CHECK(part.status == 206);
  CHECK(part.body == "xx");
  CHECK(world.ask(world.bilbao, {"GET", "/frames?list-type=2"}).body.find("<Key>a b</Key>") != std::string::npos);
  CHECK(world.ask(world.bilbao, {"DELETE", "/frames/a%20b"}).status == 204);
  CHECK(world.bilbao.events.seen.back() == "2 frames/a b  at bio1");
  CHECK(code_of(world.ask(world.bilbao, {"GET", "/frames/a%20b"})) == "NoSuchKey");
  CHECK(world.ask(world.bilbao, {"DELETE", "/frames"}).status == 204);
  CHECK(code_of(world.ask(world.bilbao, {"GET", "/frames"})) == "NoSuchBucket");
}

TEST_CASE("where the log takes no leaf, nothing is acknowledged") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  world.bilbao.events.broken = true;
  CHECK(code_of(world.ask(world.bilbao, {"PUT", "/frames/a", "text"})) == "ServiceUnavailable");
}

TEST_CASE("no byte of a bucket is at a site where its policy does not allow it, and the refusal names the policy") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/a", "text"}).status == 200);
  for (const auto& ask : {Ask{"GET", "/frames/a"}, Ask{"PUT", "/frames/b", "text"}, Ask{"GET", "/frames"},
                          Ask{"DELETE", "/frames/a"}, Ask{"POST", "/frames/c?uploads"}}) {
    const auto refused = world.ask(world.madrid, ask);
    CHECK(refused.status == 403);
    CHECK(message_of(refused) ==
          "bucket frames (policy version 1): mad1 is not one of the named sites, the policy allows site bio1");
  }
  CHECK(world.ask(world.madrid, {"HEAD", "/frames"}).status == 200);
  CHECK(world.ask(world.bilbao, {"GET", "/frames/a"}).body == "text");
}

TEST_CASE(
    "a request at another permitted site is passed on to the home, which checks it again; at one that is not, "
    "refused") {
  World world;
  CHECK(world.make("national", "ES", world.madrid) == 200);
  const std::string body(3'000'000, 'y');
  // Bilbao, its home, has not heard of it yet, and asks control.
  CHECK(world.ask(world.madrid, {"PUT", "/national/a", body}).status == 200);
  CHECK(world.bilbao.events.seen.size() == 1);
  CHECK(world.madrid.events.seen.empty());
  CHECK(world.ask(world.madrid, {"GET", "/national/a"}).body == body);
  CHECK(world.ask(world.bilbao, {"GET", "/national/a"}).body == body);
  CHECK(world.ask(world.paris, {"GET", "/national/a"}).status == 403);
  CHECK(world.ask(world.madrid, {"HEAD", "/national/a"}).status == 200);
  CHECK(world.ask(world.madrid, {"GET", "/national/none"}).status == 404);
  // Who says to be a site without knowing the secret is a client like any other: what it signed is another host.
  Ask forged{"GET", "/national/a"};
  forged.headers = {{"barrio-forwarded-by", "mad1"}, {"barrio-peer", "guessed"}, {"barrio-host", "elsewhere"}};
  CHECK(world.ask(world.bilbao, forged).body == body);
  CHECK(world.make("basque", "bio1", world.madrid) == 200);
  CHECK(world.ask(world.madrid, {"PUT", "/basque/a", "text"}).status == 403);
}

TEST_CASE("tenants have their own buckets; who has no key, another's or a wrong one is refused") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  Ask as_rival{"GET", "/frames"};
  as_rival.key = rival_key;
  CHECK(code_of(world.ask(world.bilbao, as_rival)) == "AccessDenied");
  as_rival.key.secret = "guessed";
  CHECK(code_of(world.ask(world.bilbao, as_rival)) == "SignatureDoesNotMatch");
  as_rival.key.id = "BRKNOBODY";
  CHECK(code_of(world.ask(world.bilbao, as_rival)) == "InvalidAccessKeyId");
  CHECK(code_of(world.send(world.bilbao, {.target = "/frames"})) == "AccessDenied");
  CHECK(code_of(world.send(world.bilbao, {.target = "/frames", .headers = {{"Authorization", "Bearer nonsense"}}})) ==
        "AccessDenied");
  CHECK(code_of(world.ask(world.bilbao, {"PUT", "/frames"})) == "BucketAlreadyOwnedByYou");
  Ask taken{"PUT", "/frames"};
  taken.key = rival_key;
  CHECK(code_of(world.ask(world.bilbao, taken)) == "BucketAlreadyExists");
}

TEST_CASE("a site that does not know its network yet asks to be asked again; it refuses nothing for good") {
  World world;
  REQUIRE(world.make("frames", "bio1", world.bilbao) == 200);
  world.bilbao.service->directory().set_snapshot(nullptr);
  const auto early = world.ask(world.bilbao, {"GET", "/frames/a"});
  CHECK(early.status == 503);
  CHECK(early.body.find("<Code>ServiceUnavailable</Code>") != std::string::npos);
  world.bilbao.service->directory().set_snapshot(snapshot());
  CHECK(world.ask(world.bilbao, {"GET", "/frames/a"}).status == 404);
}

TEST_CASE("a body that is not what was signed or promised leaves nothing") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  CHECK(
      code_of(world.ask(world.bilbao, {"PUT", "/frames/a", "text", {{"x-amz-content-sha256", sha256_hex("other")}}})) ==
      "XAmzContentSHA256Mismatch");
  CHECK(code_of(world.ask(world.bilbao, {"PUT", "/frames/a", "text", {{"x-amz-checksum-crc32", "AAAAAA=="}}})) ==
        "BadDigest");
  CHECK(code_of(world.ask(world.bilbao, {"PUT", "/frames/a", "text", {{"Content-MD5", "AAAA"}}})) == "InvalidDigest");
  CHECK(code_of(world.ask(world.bilbao, {"GET", "/frames/a"})) == "NoSuchKey");
  CHECK(std::filesystem::is_empty(world.bilbao.folder + "/objects"));
}

TEST_CASE("a tenant's quota at a site holds, and space that is free again counts") {
  World world;
  Ask make{"PUT", "/small",
           "<CreateBucketConfiguration><LocationConstraint>bio1</LocationConstraint></CreateBucketConfiguration>"};
  make.key = rival_key;
  CHECK(world.ask(world.bilbao, make).status == 200);
  const auto put = [&](const char* name, size_t size) {
    Ask wanted{"PUT", std::string("/small/") + name, std::string(size, 'z')};
    wanted.key = rival_key;
    return code_of(world.ask(world.bilbao, wanted));
  };
  CHECK(put("a", 600) == "");
  CHECK(put("b", 600) == "QuotaExceeded");
  CHECK(put("b", 400) == "");
  Ask remove{"DELETE", "/small/a"};
  remove.key = rival_key;
  CHECK(world.ask(world.bilbao, remove).status == 204);
  CHECK(put("c", 600) == "");
}

TEST_CASE("a bucket's policy lets others in, and nobody locks themselves out") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/open/a", "text"}).status == 200);
  CHECK(code_of(world.send(world.bilbao, {.target = "/frames/open/a"})) == "AccessDenied");
  const std::string policy =
      R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::frames/open/*"},
          {"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::frames/shut/*"}]})";
  CHECK(code_of(world.ask(world.bilbao, {"PUT", "/frames?policy", "nonsense"})) == "MalformedPolicy");
  const std::string slip = std::string(policy).replace(policy.find("s3:Get"), 6, "s3:Gte");
  CHECK(code_of(world.ask(world.bilbao, {"PUT", "/frames?policy", slip})) == "MalformedPolicy");
  CHECK(world.ask(world.bilbao, {"PUT", "/frames?policy", policy}).status == 204);
  CHECK(world.ask(world.bilbao, {"GET", "/frames?policy"}).body == policy);
  CHECK(world.ask(world.bilbao, {"GET", "/frames?policyStatus"}).body.find("true") != std::string::npos);
  CHECK(world.send(world.bilbao, {.target = "/frames/open/a"}).body == "text");
  CHECK(code_of(world.send(world.bilbao, {.target = "/frames/other"})) == "AccessDenied");
  CHECK(code_of(world.send(world.bilbao, {.target = "/frames"})) == "AccessDenied");
  CHECK(code_of(world.send(world.bilbao, {.method = "DELETE", .target = "/frames/open/a"})) == "AccessDenied");
  CHECK(code_of(world.send(world.bilbao, {.target = "/frames?policy"})) == "AccessDenied");
  CHECK(code_of(world.send(world.bilbao, {.target = "/"})) == "AccessDenied");
  CHECK(code_of(world.send(world.bilbao, {.method = "PUT", .target = "/fresh"})) == "AccessDenied");
  CHECK(code_of(world.ask(world.bilbao, {"PUT", "/frames/shut/a", "text"})) == "AccessDenied");
  // Where its bytes may be is another thing, which no policy of S3 widens.
  CHECK(world.ask(world.madrid, {"HEAD", "/frames"}).status == 200);
  CHECK(code_of(world.send(world.madrid, {.target = "/frames/open/a"})) == "AccessDenied");
  Ask as_rival{"DELETE", "/frames?policy"};
  as_rival.key = rival_key;
  CHECK(code_of(world.ask(world.bilbao, as_rival)) == "AccessDenied");
  CHECK(world.ask(world.bilbao, {"DELETE", "/frames?policy"}).status == 204);
  CHECK(code_of(world.ask(world.bilbao, {"GET", "/frames?policy"})) == "NoSuchBucketPolicy");
  CHECK(code_of(world.send(world.bilbao, {.target = "/frames/open/a"})) == "AccessDenied");
}

TEST_CASE("pages of other origins are let in by the bucket's CORS rules alone") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/a", "text"}).status == 200);
  const net::Request asked{.method = "OPTIONS",
                           .target = "/frames/a",
                           .headers = {{"Origin", "https://page.example"},
                                       {"Access-Control-Request-Method", "GET"},
                                       {"Access-Control-Request-Headers", "Authorization, x-amz-date"}}};
  CHECK(code_of(world.send(world.bilbao, asked)) == "AccessForbidden");
  CHECK(world
            .ask(world.bilbao, {"PUT", "/frames?cors",
                                "<CORSConfiguration><CORSRule><AllowedOrigin>https://page.example</AllowedOrigin>"
                                "<AllowedMethod>GET</AllowedMethod><AllowedHeader>*</AllowedHeader>"
                                "<MaxAgeSeconds>9</MaxAgeSeconds></CORSRule></CORSConfiguration>"})
            .status == 200);
  const auto allowed = world.send(world.bilbao, asked);
  CHECK(allowed.status == 200);
  CHECK(net::find_header(allowed.headers, "access-control-allow-origin") == "https://page.example");
  CHECK(net::find_header(allowed.headers, "access-control-allow-headers") == "authorization, x-amz-date");
  CHECK(net::find_header(allowed.headers, "access-control-max-age") == "9");
  const auto got = world.ask(world.bilbao, {"GET", "/frames/a", "", {{"Origin", "https://page.example"}}});
  CHECK(got.body == "text");
  CHECK(net::find_header(got.headers, "access-control-allow-origin") == "https://page.example");
  const auto other = world.ask(world.bilbao, {"GET", "/frames/a", "", {{"Origin", "https://evil.example"}}});
  CHECK(!net::find_header(other.headers, "access-control-allow-origin"));
}

TEST_CASE("requests and bytes are counted for a bucket by class and by where they went, and what lies there by time") {
  World world;
  CHECK(world.make("national", "ES", world.bilbao) == 200);
  const std::string body(2'000'000, 'x');
  CHECK(world.ask(world.bilbao, {"PUT", "/national/a", body}).status == 200);
  CHECK(world.ask(world.bilbao, {"GET", "/national/a"}).body == body);
  CHECK(world.ask(world.bilbao, {"HEAD", "/national/a"}).status == 200);
  const auto listed = world.ask(world.bilbao, {"GET", "/national?list-type=2"});
  CHECK(world.ask(world.bilbao, {"DELETE", "/national/b"}).status == 204);
  CHECK(world.ask(world.bilbao, {.target = "/national/a", .key = rival_key}).status == 403);
  auto counted = world.bilbao.usage.counted["national"];
  CHECK(counted.stored.writes == 1);
  CHECK(counted.stored.bytes_in == 2'000'000);
  CHECK(counted.stored.reads == 2);
  CHECK(counted.stored.lists == 1);
  CHECK(counted.stored.deletes == 1);
  CHECK(counted.stored.bytes_out == 2'000'000 + static_cast<int64_t>(listed.body.size()));
  CHECK(counted.noted.refused == 1);
  const auto part = world.ask(world.madrid, {"GET", "/national/a", "", {{"Range", "bytes=0-99"}}});
  CHECK(part.body.size() == 100);
  counted = world.bilbao.usage.counted["national>mad1"];
  CHECK(counted.stored.reads == 1);
  CHECK(counted.stored.bytes_out == 100);
  counted = world.madrid.usage.counted["national"];
  CHECK(counted.stored.reads == 0);
  CHECK(counted.stored.passed_on == 1);
  CHECK(counted.stored.passed_back == 100);
  CHECK(world.paris.usage.counted.empty());
  // 2 MB are a byte-hour each 1.8 ms.
  world.turn_until([&] { return world.bilbao.usage.counted["national"].stored.byte_hours > 100; });
  CHECK(world.madrid.usage.counted["national"].stored.byte_hours == 0);
}

TEST_CASE("control is told what buckets hold where that changed, and everything when another one hears") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  CHECK(world.make("empty", "bio1", world.bilbao) == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/a", "text"}).status == 200);
  world.pull(world.bilbao);
  const std::string frames = world.bilbao.service->directory().find("frames")->id;
  CHECK(world.control.holdings.at(frames) == BucketHolding{1, 4});
  CHECK(world.control.holdings.size() == 2);
  world.pull(world.bilbao);
  CHECK(world.control.told == 0);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/b", "text"}).status == 200);
  world.pull(world.bilbao);
  CHECK(world.control.told == 1);
  CHECK(world.control.holdings.at(frames) == BucketHolding{2, 8});
  world.pull(world.madrid);
  CHECK(world.control.told == 0);  // it is no home
  world.control.hearer = 2;
  world.pull(world.bilbao);
  world.pull(world.bilbao);
  CHECK(world.control.told == 2);
}

TEST_CASE("an erased tenant has nothing at a site once that has heard so, with a leaf for each of its buckets") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/a", "text"}).status == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/theirs", "", {}, rival_key}).status == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/theirs/a", "text", {}, rival_key}).status == 200);
  auto& orders = world.control.orders;
  std::erase_if(orders.buckets, [](const Bucket& one) { return one.tenant == acme_key.tenant; });
  std::erase_if(orders.keys, [](const S3Key& one) { return one.tenant == acme_key.tenant; });
  orders.erased = {acme_key.tenant};
  ++orders.version;
  world.control.away = true;  // the site does not hear of it yet
  CHECK(world.ask(world.bilbao, {"GET", "/frames/a"}).body == "text");
  CHECK(world.control.erased.empty());
  world.bilbao.events.broken = true;  // no leaf: not done
  world.control.away = false;
  CHECK(world.ask(world.bilbao, {"GET", "/no-such-bucket", "", {}, rival_key}).status == 404);
  CHECK(code_of(world.ask(world.bilbao, {"GET", "/frames/a"})) == "InvalidAccessKeyId");
  CHECK(!world.ask(world.bilbao, {"GET", "/frames/a", "", {}, rival_key}).body.starts_with("text"));
  CHECK(world.control.erased.empty());
  world.bilbao.events.broken = false;
  CHECK(world.ask(world.bilbao, {"GET", "/no-such-bucket", "", {}, rival_key}).status == 404);
  CHECK(world.bilbao.events.seen.back() == "2 frames/  at bio1");
  CHECK(world.ask(world.bilbao, {"GET", "/no-such-bucket", "", {}, rival_key}).status == 404);
  CHECK(world.control.erased == std::set{acme_key.tenant});
  CHECK(world.bilbao.store->buckets().size() == 1);
  CHECK(world.ask(world.bilbao, {"GET", "/theirs/a", "", {}, rival_key}).body == "text");
}

TEST_CASE("what a lifecycle rule ends goes, with a leaf for each object; what was stored anew stays") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/old/a", "text"}).status == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/old/b", "text", {{"x-amz-tagging", "keep=yes"}}}).status == 200);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/new", "text"}).status == 200);
  const auto rules = [&](const char* filter) {
    return world
        .ask(world.bilbao, {"PUT", "/frames?lifecycle",
                            "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter>" + std::string(filter) +
                                "</Filter><Expiration><Date>2020-01-01T00:00:00Z</Date></Expiration></Rule>"
                                "</LifecycleConfiguration>"})
        .status;
  };
  CHECK(rules("<And><Prefix>old/</Prefix><Tag><Key>keep</Key><Value>no</Value></Tag></And>") == 200);
  world.expire_at_bilbao();
  CHECK(world.ask(world.bilbao, {"HEAD", "/frames/old/a"}).status == 200);
  CHECK(rules("<Prefix>old/</Prefix>") == 200);
  world.expire_at_bilbao();
  CHECK(world.ask(world.bilbao, {"HEAD", "/frames/old/a"}).status == 404);
  CHECK(world.ask(world.bilbao, {"HEAD", "/frames/old/b"}).status == 404);
  CHECK(world.ask(world.bilbao, {"HEAD", "/frames/new"}).status == 200);
  CHECK(world.bilbao.events.seen.back() == "2 frames/old/b  at bio1");
}

TEST_CASE("without control objects are stored and read; buckets are neither made nor deleted, and that is said") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  world.control.away = true;
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/a", "text"}).status == 200);
  CHECK(world.ask(world.bilbao, {"GET", "/frames/a"}).body == "text");
  CHECK(world.make("more", "bio1", world.bilbao) == 503);
  CHECK(world.ask(world.bilbao, {"DELETE", "/frames/a"}).status == 204);
  CHECK(world.ask(world.bilbao, {"DELETE", "/frames"}).status == 503);
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/b", "text"}).status == 200);
}

}  // namespace barrio::objects::s3_service_test
