#include <doctest/doctest.h>

#include "objects/three_sites_test.h"

namespace barrio::objects::versions_test {

using three_sites::World;

namespace {

/// A bucket at Bilbao that keeps versions.
struct Kept : World {
  Kept() {
    CHECK(make("frames", "bio1", bilbao) == 200);
    CHECK(set_versioning("Enabled").status == 200);
  }
  net::Response set_versioning(const std::string& status) {
    return ask(bilbao, {"PUT", "/frames?versioning",
                        "<VersioningConfiguration><Status>" + status + "</Status></VersioningConfiguration>"});
  }
  /// Returns the id of the version that it is.
  std::string put(const std::string& key, const std::string& text) {
    const auto answer = ask(bilbao, {"PUT", "/frames/" + key, text});
    CHECK(answer.status == 200);
    return header(answer, "x-amz-version-id");
  }
  net::Response get(const std::string& target) { return ask(bilbao, {"GET", "/frames/" + target}); }
  net::Response remove(const std::string& target) { return ask(bilbao, {"DELETE", "/frames/" + target}); }
  static std::string header(const net::Response& response, const char* name) {
    return std::string(net::find_header(response.headers, name).value_or(""));
  }
  api::s3::XmlElement list(const std::string& query) {
    const auto answer = ask(bilbao, {"GET", "/frames?versions" + query});
    CHECK(answer.status == 200);
    const auto xml = api::s3::read_xml(answer.body);
    REQUIRE(xml);
    return *xml;
  }
  /// "a ID", "a ID marker latest", "dir/"
  std::vector<std::string> all(std::string query) {
    std::vector<std::string> found;
    while (true) {
      const auto page = list(query);
      for (const auto& one : page.children) {
        if (one.name == "CommonPrefixes") found.push_back(one.text_of("Prefix"));
        if (one.name != "Version" && one.name != "DeleteMarker") continue;
        found.push_back(one.text_of("Key") + " " + one.text_of("VersionId") +
                        (one.name == "DeleteMarker" ? " marker" : "") +
                        (one.text_of("IsLatest") == "true" ? " latest" : ""));
      }
      if (page.text_of("IsTruncated") == "false") return found;
      query = query.substr(0, query.find("&key-marker")) + "&key-marker=" + page.text_of("NextKeyMarker") +
              "&version-id-marker=" + page.text_of("NextVersionIdMarker");
    }
  }
};

}  // namespace

TEST_CASE("every put and every deletion is a version of its own, which stays readable by its id") {
  Kept kept;
  const std::string one = kept.put("a", "one");
  const std::string two = kept.put("a", "two");
  CHECK(one != two);
  auto got = kept.get("a");
  CHECK(got.body == "two");
  CHECK(Kept::header(got, "x-amz-version-id") == two);
  got = kept.get("a?versionId=" + one);
  CHECK(got.body == "one");
  CHECK(Kept::header(got, "x-amz-version-id") == one);
  const auto removed = kept.remove("a");
  CHECK(removed.status == 204);
  const std::string marker = Kept::header(removed, "x-amz-version-id");
  CHECK(Kept::header(removed, "x-amz-delete-marker") == "true");
  got = kept.get("a");
  CHECK(got.status == 404);
  CHECK(code_of(got) == "NoSuchKey");
  CHECK(Kept::header(got, "x-amz-delete-marker") == "true");
  CHECK(Kept::header(got, "x-amz-version-id") == marker);
  got = kept.get("a?versionId=" + marker);
  CHECK(got.status == 405);
  CHECK(Kept::header(got, "x-amz-delete-marker") == "true");
  CHECK(kept.get("a?versionId=" + one).body == "one");
  CHECK(code_of(kept.get("a?versionId=0123456789abcdef")) == "NoSuchVersion");
  CHECK(code_of(kept.get("a?versionId=x")) == "InvalidArgument");
  CHECK(code_of(kept.get("a?versionId=")) == "InvalidArgument");
  CHECK(code_of(kept.ask(kept.bilbao, {"PUT", "/frames/a?versionId=" + one, "x"})) == "InvalidArgument");
  CHECK(kept.ask(kept.bilbao, {"GET", "/frames?list-type=2"}).body.find("<Contents>") == std::string::npos);
  // With the marker the object is back.
  const auto undone = kept.remove("a?versionId=" + marker);
  CHECK(Kept::header(undone, "x-amz-delete-marker") == "true");
  CHECK(kept.get("a").body == "two");
  CHECK(Kept::header(kept.remove("a?versionId=" + two), "x-amz-version-id") == two);
  CHECK(kept.get("a").body == "one");
  // A leaf for each: two stored, the marker, its end, one version's end.
  const auto& seen = kept.bilbao.events.seen;
  CHECK(std::count_if(seen.begin(), seen.end(), [](const auto& text) { return text.starts_with("0 "); }) == 2);
  CHECK(std::count_if(seen.begin(), seen.end(), [](const auto& text) { return text.starts_with("2 "); }) == 3);
  CHECK(kept.remove("a?versionId=" + two).status == 204);
  CHECK(seen.size() == 5);
}

TEST_CASE("before versioning there is the null version; suspended, changes replace it and leave the others") {
  World world;
  CHECK(world.make("frames", "bio1", world.bilbao) == 200);
  const auto before = world.ask(world.bilbao, {"PUT", "/frames/a", "null"});
  CHECK(!net::find_header(before.headers, "x-amz-version-id"));
  CHECK(!net::find_header(world.ask(world.bilbao, {"GET", "/frames/a"}).headers, "x-amz-version-id"));
  CHECK(world.ask(world.bilbao, {"GET", "/frames?versioning"}).body.find("Status") == std::string::npos);
  const auto set = [&](const std::string& status) {
    return code_of(world.ask(world.bilbao,
                             {"PUT", "/frames?versioning",
                              "<VersioningConfiguration><Status>" + status + "</Status></VersioningConfiguration>"}));
  };
  CHECK(set("On") == "MalformedXML");
  CHECK(set("Enabled").empty());
  CHECK(world.ask(world.bilbao, {"GET", "/frames?versioning"}).body.find("<Status>Enabled<") != std::string::npos);
  auto got = world.ask(world.bilbao, {"GET", "/frames/a"});
  CHECK(net::find_header(got.headers, "x-amz-version-id") == "null");
  CHECK(world.ask(world.bilbao, {"PUT", "/frames/a", "kept"}).status == 200);
  CHECK(world.ask(world.bilbao, {"GET", "/frames/a?versionId=null"}).body == "null");
  CHECK(set("Suspended").empty());
  const auto put = world.ask(world.bilbao, {"PUT", "/frames/a", "new null"});
  CHECK(net::find_header(put.headers, "x-amz-version-id") == "null");
  CHECK(world.ask(world.bilbao, {"GET", "/frames/a?versionId=null"}).body == "new null");
  const auto removed = world.ask(world.bilbao, {"DELETE", "/frames/a"});
  CHECK(net::find_header(removed.headers, "x-amz-version-id") == "null");
  CHECK(net::find_header(removed.headers, "x-amz-delete-marker") == "true");
  CHECK(world.ask(world.bilbao, {"GET", "/frames/a"}).status == 404);
  CHECK(world.ask(world.bilbao, {"DELETE", "/frames/a?versionId=null"}).status == 204);
  CHECK(world.ask(world.bilbao, {"GET", "/frames/a"}).body == "kept");
}

TEST_CASE("all versions are listed in pages, newest first, and a bucket goes only without any") {
  Kept kept;
  const std::string one = kept.put("a", "1");
  const std::string two = kept.put("a", "22");
  const std::string marker = Kept::header(kept.remove("a"), "x-amz-version-id");
  const std::string in_folder = kept.put("dir/b", "3");
  const std::vector<std::string> expected = {"a " + marker + " marker latest", "a " + two, "a " + one,
                                             "dir/b " + in_folder + " latest"};
  for (const char* limit : {"", "&max-keys=1", "&max-keys=2", "&max-keys=3"}) CHECK(kept.all(limit) == expected);
  CHECK(kept.all("&prefix=dir/") == std::vector<std::string>{expected[3]});
  CHECK(kept.all("&delimiter=/&max-keys=1").back() == "dir/");
  CHECK(kept.all("&key-marker=a") == std::vector<std::string>{expected[3]});
  CHECK(kept.list("&encoding-type=url&prefix=a").find("Version")->text_of("Size") == "2");
  CHECK(code_of(kept.ask(kept.bilbao, {"GET", "/frames?versions&version-id-marker=null"})) == "InvalidArgument");
  CHECK(code_of(kept.ask(kept.bilbao, {"DELETE", "/frames"})) == "BucketNotEmpty");
  const auto deleted = kept.ask(
      kept.bilbao, {"POST", "/frames?delete",
                    "<Delete><Object><Key>a</Key><VersionId>" + one + "</VersionId></Object><Object><Key>a</Key>" +
                        "<VersionId>" + two + "</VersionId></Object><Object><Key>a</Key><VersionId>" + marker +
                        "</VersionId></Object><Object><Key>dir/b</Key></Object></Delete>"});
  const auto xml = api::s3::read_xml(deleted.body);
  REQUIRE(xml);
  REQUIRE(xml->children.size() == 4);
  CHECK(xml->children[0].text_of("VersionId") == one);
  CHECK(xml->children[0].text_of("DeleteMarker").empty());
  CHECK(xml->children[2].text_of("DeleteMarkerVersionId") == marker);
  const std::string last = xml->children[3].text_of("DeleteMarkerVersionId");
  CHECK(xml->children[3].text_of("DeleteMarker") == "true");
  CHECK(kept.all("") == std::vector<std::string>{"dir/b " + last + " marker latest", "dir/b " + in_folder});
  const auto unnamed = kept.ask(kept.bilbao, {"POST", "/frames?delete",
                                              "<Delete><Object><Key></Key></Object><Object><Key>" +
                                                  std::string(1025, 'k') + "</Key></Object></Delete>"});
  const auto refused = api::s3::read_xml(unnamed.body);
  REQUIRE(refused);
  REQUIRE(refused->children.size() == 2);
  CHECK(refused->children[0].text_of("Code") == "UserKeyMustBeSpecified");
  CHECK(refused->children[1].text_of("Code") == "KeyTooLongError");
  CHECK(kept.remove("dir/b?versionId=" + in_folder).status == 204);
  CHECK(code_of(kept.ask(kept.bilbao, {"DELETE", "/frames"})) == "BucketNotEmpty");
  CHECK(kept.remove("dir/b?versionId=" + last).status == 204);
  CHECK(kept.ask(kept.bilbao, {"DELETE", "/frames"}).status == 204);
}

TEST_CASE("tags and copies are of the version that is named") {
  Kept kept;
  const std::string one = kept.put("a", "one");
  const std::string two = kept.put("a", "two");
  const char* tags = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";
  const auto tagged = kept.ask(kept.bilbao, {"PUT", "/frames/a?tagging&versionId=" + one, tags});
  CHECK(Kept::header(tagged, "x-amz-version-id") == one);
  CHECK(kept.get("a?tagging").body.find("<Tag>") == std::string::npos);
  CHECK(kept.get("a?tagging&versionId=" + one).body.find("<Tag>") != std::string::npos);
  CHECK(kept.get("a").body == "two");
  CHECK(code_of(kept.get("a?tagging&versionId=0123456789abcdef")) == "NoSuchVersion");
  const auto copied =
      kept.ask(kept.bilbao, {"PUT", "/frames/b", "", {{"x-amz-copy-source", "/frames/a?versionId=" + one}}});
  CHECK(Kept::header(copied, "x-amz-copy-source-version-id") == one);
  CHECK(Kept::header(copied, "x-amz-version-id").size() == 16);
  CHECK(kept.get("b").body == "one");
}

TEST_CASE("versions count in the quota, and a policy tells them from current objects") {
  World world;
  Ask make{"PUT", "/small"};
  make.key = rival_key;
  CHECK(world.ask(world.bilbao, make).status == 200);
  const auto as_rival = [&](Ask ask) {
    ask.key = rival_key;
    return world.ask(world.bilbao, ask);
  };
  CHECK(as_rival(
            {"PUT", "/small?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"})
            .status == 200);
  const auto first = as_rival({"PUT", "/small/a", std::string(600, 'x')});
  CHECK(first.status == 200);
  CHECK(code_of(as_rival({"PUT", "/small/a", std::string(600, 'y')})) == "QuotaExceeded");
  CHECK(as_rival({"DELETE", "/small/a"}).status == 204);
  CHECK(code_of(as_rival({"PUT", "/small/a", std::string(600, 'y')})) == "QuotaExceeded");
  const std::string id = Kept::header(first, "x-amz-version-id");
  const std::string policy =
      R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::small/*"}]})";
  CHECK(as_rival({"PUT", "/small?policy", policy}).status == 204);
  const auto nobody = [&](const std::string& action) {
    const std::string more = R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject",")" + action +
                             R"("],"Resource":["arn:aws:s3:::small","arn:aws:s3:::small/*"]}]})";
    CHECK(as_rival({"PUT", "/small?policy", more}).status == 204);
  };
  CHECK(code_of(world.send(world.bilbao, {.target = "/small/a?versionId=" + id})) == "AccessDenied");
  nobody("s3:GetObjectVersion");
  CHECK(world.send(world.bilbao, {.target = "/small/a?versionId=" + id}).body.size() == 600);
  CHECK(code_of(world.send(world.bilbao, {.target = "/small?versions"})) == "AccessDenied");
  nobody("s3:ListBucketVersions");
  CHECK(world.send(world.bilbao, {.target = "/small?versions"}).status == 200);
  nobody("s3:DeleteObject");
  const net::Request request{.method = "DELETE", .target = "/small/a?versionId=" + id};
  CHECK(code_of(world.send(world.bilbao, request)) == "AccessDenied");
  nobody("s3:DeleteObjectVersion");
  CHECK(world.send(world.bilbao, request).status == 204);
  CHECK(as_rival({"PUT", "/small/a", std::string(600, 'y')}).status == 200);
}

TEST_CASE("lifecycle rules end older versions and delete markers that hide nothing, each with a leaf") {
  Kept kept;
  const auto store_days_ago = [&](const std::string& text, int days) {
    bool done = false;
    kept.runtime.spawn("store", [&] {
      const std::string id = kept.control.orders.buckets.front().id;
      auto writer = kept.bilbao.store->writer(id);
      REQUIRE(writer);
      REQUIRE((*writer)->write(text));
      const auto digest = (*writer)->finish();
      REQUIRE(digest);
      const WallTime then = kept.runtime.wall() - std::chrono::days(days);
      CHECK(kept.bilbao.store->put(id, {.key = "a", .size = digest->size, .etag = text, .modified = then},
                                   std::move(*writer), {}));
      done = true;
    });
    kept.turn_until([&] { return done; });
  };
  store_days_ago("1", 10);
  store_days_ago("2", 9);
  store_days_ago("3", 8);
  store_days_ago("4", 1);
  store_days_ago("5", 0);
  kept.remove("b");
  kept.put("c", "c");
  kept.remove("c");
  const auto rules = [&](const std::string& inner) {
    return kept
        .ask(kept.bilbao, {"PUT", "/frames?lifecycle",
                           "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter/>" + inner +
                               "</Rule></LifecycleConfiguration>"})
        .status;
  };
  const size_t before = kept.bilbao.events.seen.size();
  // "3" was replaced a day ago, "4" just now; of "2" and "1" one more is kept.
  CHECK(rules("<NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays><NewerNoncurrentVersions>3"
              "</NewerNoncurrentVersions></NoncurrentVersionExpiration>") == 200);
  kept.expire_at_bilbao();
  CHECK(kept.all("&prefix=a").size() == 4);
  CHECK(rules("<NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays></NoncurrentVersionExpiration>") == 200);
  kept.expire_at_bilbao();
  CHECK(kept.all("&prefix=a").size() == 3);
  CHECK(kept.get("a").body == "5");
  CHECK(kept.all("&prefix=b").size() == 1);
  CHECK(rules("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>") == 200);
  kept.expire_at_bilbao();
  CHECK(kept.all("&prefix=b").empty());
  CHECK(kept.all("&prefix=c").size() == 2);
  CHECK(kept.bilbao.events.seen.size() == before + 3);
  // A current object that is over gets a marker, and stays as a version.
  CHECK(rules("<Expiration><Date>2020-01-01T00:00:00Z</Date></Expiration>") == 200);
  kept.expire_at_bilbao();
  CHECK(kept.get("a").status == 404);
  CHECK(kept.all("&prefix=a").size() == 4);
}

}  // namespace barrio::objects::versions_test
