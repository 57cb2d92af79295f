#include "objects/copies.h"

#include <doctest/doctest.h>

#include <fstream>

#include "objects/copy_sites_test.h"

namespace barrio::objects::copies_test {

using copy_sites::CopySite;
using copy_sites::CopyTest;
using copy_sites::text_of;

TEST_CASE("an acknowledged object is at both sites, noted at both, and each reads its own copy") {
  CopyTest test;
  const std::string large = text_of(700'000, 'x');
  CHECK(test.put(test.bilbao, "a", "small") == 200);  // waits until the follower has joined
  CHECK(test.put(test.bilbao, "b", large) == 200);
  CHECK(test.is_in_sync("mad1"));
  CHECK(test.same(test.bilbao, test.madrid));
  CHECK(test.madrid.events.seen.back() == "1 frames/b " + sha256_hex(large).substr(0, 8) + " at mad1");
  CHECK(test.turn_until([&] { return test.get(test.madrid, "b") == large; }));
  // Without its home it reads on as long as its lease lasts: no request goes anywhere.
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames/a"}).status == 204);
  CHECK(test.get(test.madrid, "a") == "404 NoSuchKey");
  CHECK(test.put(test.madrid, "c", "through the follower") == 200);
  CHECK(test.get(test.bilbao, "c") == "through the follower");
}

TEST_CASE("what was acknowledged survives the loss of the home; another one takes its place and the old comes back") {
  CopyTest test;
  std::map<std::string, std::string> acknowledged;
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    const std::string body = text_of(i % 3 == 0 ? 300'000 : 500, static_cast<char>('a' + i));
    if (test.put(test.bilbao, key, body) == 200) acknowledged[key] = body;
  }
  CHECK(acknowledged.size() == 20);
  test.bilbao.stop();
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.bucket().acks == 1);
  for (const auto& [key, body] : acknowledged) CHECK(test.get(test.madrid, key) == body);
  // Writes go on, and are brought to the old home with what was deleted meanwhile.
  CHECK(test.put(test.madrid, "new", "new") == 200);
  CHECK(test.ask(test.madrid, {"DELETE", "/frames/k3"}).status == 204);
  test.bilbao.start();
  test.join("bio1");
  CHECK(test.bucket().acks == 2);
  CHECK(test.same(test.bilbao, test.madrid));
  CHECK(!CopyTest::kept(test.bilbao, test.bucket().id).contains("o/k3"));
  CHECK(test.turn_until([&] { return test.get(test.bilbao, "new") == "new"; }));
}

TEST_CASE("a lost follower stops to count once control has said so, and is brought in step when it is back") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "1") == 200);
  const std::string rules =
      "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></"
      "CORSConfiguration>";
  CHECK(test.ask(test.bilbao, {"PUT", "/frames?cors", rules}).status == 200);
  CHECK(test.madrid.store->setting(test.bucket().id, "cors") == rules);
  test.madrid.stop();
  CHECK(test.put(test.bilbao, "b", "2") == 200);  // waits for control
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames?cors"}).status == 204);
  CHECK(test.ask(test.bilbao, {"PUT", "/frames?tagging", "<Tagging><TagSet/></Tagging>"}).status == 204);
  CHECK(test.bucket().acks == 1);
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames/a"}).status == 204);
  const auto begun = test.ask(test.bilbao, {"POST", "/frames/parts?uploads"});
  const std::string upload = api::s3::read_xml(begun.body)->text_of("UploadId");
  CHECK(test.ask(test.bilbao, {"PUT", "/frames/parts?partNumber=1&uploadId=" + upload, text_of(200'000, 'p')}).status ==
        200);
  test.madrid.start();
  test.join("mad1");
  CHECK(test.madrid.store->setting(test.bucket().id, "cors").empty());
  CHECK(test.madrid.store->setting(test.bucket().id, "tagging") == "<Tagging><TagSet/></Tagging>");
  CHECK(test.same(test.bilbao, test.madrid));
  CHECK(CopyTest::kept(test.madrid, test.bucket().id) == std::set<std::string>{"o/b", "s/tagging", "u/" + upload});
  CHECK(test.bucket().acks == 2);
}

TEST_CASE(
    "an upload whose completion had no answer is completed again, also at the next home and until it is replaced") {
  CopyTest test;
  const auto begun = test.ask(test.bilbao, {"POST", "/frames/parts?uploads"});
  const std::string upload = "/frames/parts?uploadId=" + api::s3::read_xml(begun.body)->text_of("UploadId");
  const std::string body = text_of(200'000, 'p');
  const auto part = test.ask(test.bilbao, {"PUT", upload + "&partNumber=1", body});
  const std::string etag(net::find_header(part.headers, "etag").value_or(""));
  const auto complete = [&](const std::string& of_part) {
    return Ask{"POST", upload,
               "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + of_part +
                   "</ETag></Part></CompleteMultipartUpload>"};
  };
  const auto first = test.ask(test.bilbao, complete(etag));
  REQUIRE(first.status == 200);
  const auto second = test.ask(test.bilbao, complete(etag));
  CHECK(second.status == 200);
  CHECK(second.body == first.body);
  CHECK(code_of(test.ask(test.bilbao, complete("00000000000000000000000000000000"))) == "NoSuchUpload");
  CHECK(test.same(test.bilbao, test.madrid));
  test.bilbao.stop();
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  const auto third = test.ask(test.madrid, complete(etag));
  CHECK(third.status == 200);
  CHECK(third.body == first.body);
  CHECK(test.get(test.madrid, "parts") == body);
  CHECK(test.put(test.madrid, "parts", "another") == 200);
  CHECK(code_of(test.ask(test.madrid, complete(etag))) == "NoSuchUpload");
  CHECK(test.get(test.madrid, "parts") == "another");
}

TEST_CASE("an old home acknowledges nothing and reads nothing once another may have taken its place") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  // Bilbao is cut off from control and from Madrid; clients still reach it.
  test.bilbao.control.away = true;
  CopyTest::cut(test.bilbao, test.madrid);
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.put(test.madrid, "a", "new") == 200);
  CHECK(test.get(test.madrid, "a") == "new");
  CHECK(test.get(test.bilbao, "a") == "503 ServiceUnavailable");
  CHECK(test.put(test.bilbao, "a", "lost") == 503);
  // Nor does it say that there is nothing to delete, or no such upload: it cannot know.
  CHECK(test.put(test.madrid, "b", "new") == 200);
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames/b"}).status == 503);
  const auto begun = test.ask(test.madrid, {"POST", "/frames/parts?uploads"});
  const std::string id = api::s3::read_xml(begun.body)->text_of("UploadId");
  CHECK(test.ask(test.bilbao, {"PUT", "/frames/parts?partNumber=1&uploadId=" + id, "a part"}).status == 503);
  // Back again, it follows.
  test.bilbao.control.away = false;
  ++test.control.orders.version;
  test.join("bio1");
  CHECK(test.turn_until([&] { return test.get(test.bilbao, "a") == "new"; }));
  CHECK(test.same(test.bilbao, test.madrid));
}

TEST_CASE("a home that still reaches its follower, but not control, is fenced by it") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  test.bilbao.control.away = true;
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.put(test.madrid, "a", "new") == 200);
  CHECK(test.get(test.bilbao, "a") == "503 ServiceUnavailable");
  CHECK(test.put(test.bilbao, "a", "lost") == 503);
  CHECK(test.get(test.madrid, "a") == "new");
}

TEST_CASE("without control reads go on at home and follower, and writes as long as both are there") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "1") == 200);
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "a") == "1"; }));
  test.bilbao.control.away = test.madrid.control.away = true;
  test.turn_for(1s);
  CHECK(test.get(test.bilbao, "a") == "1");
  CHECK(test.get(test.madrid, "a") == "1");
  CHECK(test.put(test.bilbao, "b", "2") == 200);
  // Nobody says that Madrid does not count any more.
  test.madrid.stop();
  CHECK(test.put(test.bilbao, "c", "3") == 503);
}

TEST_CASE("a follower refuses an epoch that is lower than its own, also after a restart") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "1") == 200);
  const Bucket now = test.bucket();
  int sent = 0;
  const auto change = [&](int64_t epoch) {
    const std::string at = "?epoch=" + std::to_string(epoch);
    const auto opened = test.as_peer(test.madrid, "bio1", "POST", now.id + "/session" + at);
    const std::string session = opened.status == 200 ? opened.body : "none";
    const std::string of = "&session=" + session + "&number=" + std::to_string(++sent);
    return test.as_peer(test.madrid, "bio1", "POST", now.id + "/change" + at + of, "no record").status;
  };
  CHECK(change(now.epoch) == 400);
  CHECK(change(now.epoch - 1) == 409);
  // Orders from before: what the disk has seen counts.
  test.madrid.stop();
  test.madrid.control.away = true;
  test.madrid.saved->buckets.front().epoch = now.epoch - 1;
  test.madrid.start();
  CHECK(change(now.epoch - 1) == 503);
}

TEST_CASE("a change that arrives twice, or long after its home gave it up, does not take the place of a later one") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  const Bucket now = test.bucket();
  const std::string old = test.as_peer(test.bilbao, "mad1", "GET", now.id + "/record?name=o/a").body;
  CHECK(test.put(test.bilbao, "a", "new") == 200);
  const std::string fresh = test.as_peer(test.bilbao, "mad1", "GET", now.id + "/record?name=o/a").body;
  const std::string epoch = "?epoch=" + std::to_string(now.epoch);
  const auto change = [&](const std::string& session, int number, const std::string& record) {
    const std::string of = "&session=" + session + "&number=" + std::to_string(number);
    return test.as_peer(test.madrid, "bio1", "POST", now.id + "/change" + epoch + of, record).status;
  };
  const auto session = [&] { return test.as_peer(test.madrid, "bio1", "POST", now.id + "/session" + epoch).body; };
  const std::string before = session();
  const std::string last = session();
  CHECK(change(before, 1, old) == other_session_status);
  CHECK(change(last, 1, fresh) == 204);
  CHECK(change(last, 1, old) == other_session_status);
  const std::string complete = now.id + "/complete" + epoch + "&session=";
  CHECK(test.as_peer(test.madrid, "bio1", "POST", complete + before).status == other_session_status);
  CHECK(test.same(test.bilbao, test.madrid));
  // Bilbao, whose own session is over, goes on in another one.
  CHECK(test.put(test.bilbao, "a", "newest") == 200);
  CHECK(test.same(test.bilbao, test.madrid));
  CHECK(test.is_in_sync("mad1"));
  CHECK(test.bucket().epoch == now.epoch);
}

TEST_CASE("no byte and no key is at a site that the policy does not permit, whatever orders say") {
  CopyTest test(2, {"par1"});
  test.control.is_wrong = true;
  CHECK(test.put(test.bilbao, "a", "text") == 503);
  CHECK(test.paris.store->buckets().empty());
  test.control.is_wrong = false;
  CHECK(test.turn_until([&] { return test.bucket().follower(SiteId::of("par1")) == nullptr; }));
  test.join("mad1");
  CHECK(test.put(test.bilbao, "a", "text") == 200);
  test.bilbao.stop();
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.get(test.paris, "a") == "403 AccessDenied");
  CHECK(test.paris.store->buckets().empty());
  CHECK(std::filesystem::is_empty(test.paris.folder + "/objects"));
}

TEST_CASE("a site that is no longer to keep a bucket drops its bytes and its key") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", text_of(300'000, 'x')) == 200);
  Bucket next = test.bucket();
  next.followers.clear();
  next.acks = next.copies = 1;
  ++next.epoch;
  test.control.change(*test.control.find("frames"), next);
  CHECK(test.turn_until([&] { return test.madrid.store->buckets().empty(); }));
  CHECK(test.turn_until([&] { return std::filesystem::is_empty(test.madrid.folder + "/objects"); }));
  CHECK(test.get(test.bilbao, "a").size() == 300'000);
}

TEST_CASE("a deleted bucket goes at its follower, too") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "text") == 200);
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames/a"}).status == 204);
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames"}).status == 204);
  CHECK(test.turn_until([&] { return test.madrid.store->buckets().empty(); }));
}

TEST_CASE("a deleted bucket whose key cannot be erased at once is erased later, and not forgotten meanwhile") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "text") == 200);
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames/a"}).status == 204);
  const auto knows = [](const std::optional<StorageOrders>& saved) { return saved && !saved->buckets.empty(); };
  for (CopySite* site : {&test.bilbao, &test.madrid}) {
    REQUIRE(knows(site->saved));
    site->disk.failing = 1'000'000;
  }
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames"}).status == 204);
  for (CopySite* site : {&test.bilbao, &test.madrid}) {
    REQUIRE(test.turn_until([&] { return site->service->directory().orders().buckets.empty(); }));
    test.turn_for(200ms);
    CHECK(site->store->buckets().size() == 1);
    CHECK(knows(site->saved));  // a process after this one would go on with it
    site->disk.failing = 0;
    CHECK(test.turn_until([&] { return site->store->buckets().empty(); }));
    CHECK(test.turn_until([&] { return !knows(site->saved); }));
  }
}

TEST_CASE("orders that could not be saved are saved later, and never by two at a time") {
  CopyTest test;
  CopySite& site = test.bilbao;
  site.saving_takes = 120ms;  // longer than from one pull, or tidying, to the next
  site.unsaved = 2;
  const int64_t version = ++test.control.orders.version;
  REQUIRE(test.turn_until([&] { return site.service->directory().orders().version >= version; }));
  CHECK(test.turn_until([&] { return site.unsaved == 0 && site.saved && site.saved->version >= version; }));
  test.turn_for(300ms);
  CHECK(!site.saves_together);
}

TEST_CASE("a home that ended between the deletion of its bucket and that of its key erases this when it is back") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "text") == 200);
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames/a"}).status == 204);
  test.bilbao.stop();
  test.control.orders.buckets.clear();
  ++test.control.orders.version;
  test.bilbao.start();
  CHECK(test.turn_until([&] { return test.bilbao.store->buckets().empty(); }));
}

TEST_CASE("a damaged object is repaired from the other copy, at the home and at the follower") {
  CopyTest test;
  const std::string large = text_of(400'000, 'x');
  CHECK(test.put(test.bilbao, "a", large) == 200);
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "a") == large; }));
  for (CopySite* site : {&test.madrid, &test.bilbao}) {
    const std::string path = std::filesystem::directory_iterator(site->folder + "/objects")->path();
    const auto damage = [&] {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(70'000);
      file.put('!');
    };
    const auto kept = adapters::local_files::read_whole(path);
    damage();
    CHECK(test.get(*site, "a") == large);  // by whoever reads it
    CHECK(*adapters::local_files::read_whole(path) == *kept);
    site->stop();
    damage();
    site->start();
    CHECK(test.turn_until([&] { return *adapters::local_files::read_whole(path) == *kept; }));  // by the scrub
    REQUIRE(test.turn_until([&] { return test.get(*site, "a") == large; }));
    test.turn_for(200ms);  // the other one learns its new address
  }
}

/// A bit of the record at the end of the site's journal, while it is not running or nobody reads it.
void damage_last_record(const CopySite& site) {
  const std::string path = std::filesystem::directory_iterator(site.folder + "/journal")->path();
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(-1, std::ios::end).put('!');
}

TEST_CASE("an upload whose record is damaged is not said to be gone, and goes on once it is repaired") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "1") == 200);
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "a") == "1"; }));
  test.bilbao.stop();
  test.bilbao.scrub_pause = 1h;
  test.bilbao.start();
  REQUIRE(test.turn_until([&] { return test.get(test.bilbao, "a") == "1"; }));
  const auto begun = test.ask(test.bilbao, {"POST", "/frames/parts?uploads"});
  REQUIRE(begun.status == 200);
  const std::string id = api::s3::read_xml(begun.body)->text_of("UploadId");
  damage_last_record(test.bilbao);
  const objects::Ask part{"PUT", "/frames/parts?partNumber=1&uploadId=" + id, "a part"};
  CHECK(code_of(test.ask(test.bilbao, part)) == "ServiceUnavailable");
  test.bilbao.stop();
  test.bilbao.scrub_pause = 300ms;
  test.bilbao.start();
  CHECK(test.turn_until([&] { return test.ask(test.bilbao, part).status == 200; }));
}

TEST_CASE("a follower that is brought in step is sent no damage: it is repaired before, where another has it whole") {
  CopyTest test;
  const std::string large = text_of(400'000, 'x');
  CHECK(test.put(test.bilbao, "a", large) == 200);
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "a") == large; }));
  test.bilbao.stop();
  test.bilbao.scrub_pause = 1h;
  test.bilbao.start();
  REQUIRE(test.turn_until([&] { return test.get(test.bilbao, "a") == large && test.bilbao.leads(); }));
  const std::string path = std::filesystem::directory_iterator(test.bilbao.folder + "/objects")->path();
  const auto kept = adapters::local_files::read_whole(path);
  test.turn_for(300ms);  // the scrub has been through
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(70'000).put('!');
  test.control.find("frames")->policy.jurisdictions.push_back(*Jurisdiction::parse("FR"));
  test.set_copies(3);
  test.join("par1");
  const std::string copy = std::filesystem::directory_iterator(test.paris.folder + "/objects")->path();
  CHECK(*adapters::local_files::read_whole(copy) == *kept);
  CHECK(*adapters::local_files::read_whole(path) == *kept);
}

TEST_CASE("a scrub whose medium was away goes on where it was, and begins again only when it has been through") {
  CopyTest test;
  CopySite& site = test.bilbao;
  const std::string large = text_of(400'000, 'x');
  std::map<std::string, std::string> paths;  // by key
  for (const char* key : {"a", "b"}) {
    CHECK(test.put(site, key, large) == 200);
    for (const auto& entry : std::filesystem::directory_iterator(site.folder + "/objects")) {
      const std::string path = entry.path();
      const bool is_other = std::ranges::any_of(paths, [&](const auto& known) { return known.second == path; });
      if (!is_other) paths[key] = path;
    }
    REQUIRE(test.turn_until([&] { return test.get(test.madrid, key) == large; }));
  }
  const auto damage = [&](const std::string& key) {
    std::fstream file(paths[key], std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(70'000);
    file.put('!');
  };
  const auto now = [&](const std::string& key) { return *adapters::local_files::read_whole(paths[key]); };
  const std::map<std::string, std::string> kept = {{"a", now("a")}, {"b", now("b")}};
  site.stop();
  damage("b");
  site.medium.away = true;
  site.tidy_period = 1h;  // the scrub alone asks the medium
  site.scrub_pause = 300ms;
  site.start();
  REQUIRE(test.turn_until([&] { return site.medium.refused > 1; }));
  CHECK(now("b") != kept.at("b"));
  // It has been past the first one.
  damage("a");
  site.medium.away = false;
  bool was_first = false;
  CHECK(test.turn_until([&] {
    was_first = was_first || (now("b") == kept.at("b") && now("a") != kept.at("a"));
    return now("a") == kept.at("a") && now("b") == kept.at("b");
  }));
  CHECK(was_first);
}

TEST_CASE("versions are at both sites, brought there later as well, and each is repaired from the other copy") {
  CopyTest test;
  const std::string large = text_of(400'000, 'v');
  CHECK(test.put(test.bilbao, "a", large) == 200);
  CHECK(test.ask(test.bilbao, {"PUT", "/frames?versioning",
                               "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"})
            .status == 200);
  CHECK(test.put(test.bilbao, "a", "2") == 200);
  CHECK(test.madrid.store->find_version(test.bucket().id, "a", "")->object.size == 1);
  test.madrid.stop();
  CHECK(test.put(test.bilbao, "a", "33") == 200);  // waits for control
  CHECK(test.ask(test.bilbao, {"DELETE", "/frames/b"}).status == 204);
  test.madrid.start();
  test.join("mad1");
  CHECK(test.same(test.bilbao, test.madrid));
  CHECK(CopyTest::kept(test.madrid, test.bucket().id).size() == 5);  // and the setting
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "a") == "33"; }));
  CHECK(test.get(test.madrid, "b") == "404 NoSuchKey");
  const std::string path = std::filesystem::directory_iterator(test.madrid.folder + "/objects")->path();
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(70'000).put('!');
  CHECK(test.get(test.madrid, "a?versionId=null") == large);
  // The next home goes on with newer versions than all that there are.
  test.bilbao.stop();
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.put(test.madrid, "a", "444") == 200);
  CHECK(test.get(test.madrid, "a") == "444");
  test.bilbao.start();
  test.join("bio1");
  CHECK(test.same(test.bilbao, test.madrid));
}

TEST_CASE("a home whose journal is damaged gives way to a follower that has everything") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "1") == 200);
  CHECK(test.put(test.bilbao, "b", "2") == 200);
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "b") == "2"; }));
  test.bilbao.stop();
  for (const auto& file : std::filesystem::directory_iterator(test.bilbao.folder + "/journal")) {
    std::filesystem::resize_file(file.path(), std::filesystem::file_size(file.path()) - 3);
  }
  test.bilbao.start();
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  test.join("bio1");
  CHECK(test.same(test.bilbao, test.madrid));
  CHECK(test.get(test.bilbao, "b") == "2");
}

}  // namespace barrio::objects::copies_test
