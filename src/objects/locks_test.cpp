#include <doctest/doctest.h>

#include "objects/three_sites_test.h"

namespace barrio::objects::locks_test {

using three_sites::World;

namespace {

/// A bucket at Bilbao that was made with object lock.
struct Locked : World {
  Locked() {
    CHECK(bucket({"PUT", "/frames", location, {{"x-amz-bucket-object-lock-enabled", "true"}}}).status == 200);
  }
  net::Response bucket(Ask wanted) { return ask(bilbao, std::move(wanted)); }
  std::string time_in(std::chrono::hours hours) { return to_string(runtime.wall() + hours); }
  /// Returns its version's id.
  std::string put(net::OwnedHeaders headers) {
    const auto answer = ask(bilbao, {"PUT", "/frames/a", "text", std::move(headers)});
    CHECK(answer.status == 200);
    return std::string(net::find_header(answer.headers, "x-amz-version-id").value_or(""));
  }
  net::Response remove(const std::string& version, net::OwnedHeaders headers = {}) {
    return ask(bilbao, {"DELETE", "/frames/a?versionId=" + version, "", std::move(headers)});
  }
  std::string retain(const std::string& version, const std::string& inner, net::OwnedHeaders headers = {}) {
    return code_of(ask(bilbao, {"PUT", "/frames/a?retention&versionId=" + version,
                                "<Retention>" + inner + "</Retention>", std::move(headers)}));
  }
  std::string hold(const std::string& version, const std::string& status) {
    return code_of(ask(bilbao, {"PUT", "/frames/a?legal-hold&versionId=" + version,
                                "<LegalHold><Status>" + status + "</Status></LegalHold>"}));
  }
  static inline const std::string location =
      "<CreateBucketConfiguration><LocationConstraint>bio1</LocationConstraint></CreateBucketConfiguration>";
  static inline const net::OwnedHeaders bypass = {{"x-amz-bypass-governance-retention", "true"}};
};

std::string mode_until(const std::string& mode, const std::string& until) {
  return "<Mode>" + mode + "</Mode><RetainUntilDate>" + until + "</RetainUntilDate>";
}

}  // namespace

TEST_CASE("a lock does not end by the site's clock alone, where control says that it lasts") {
  Locked locked;
  locked.bilbao.service->hear_control_time(locked.runtime.wall() - std::chrono::hours(24));
  const std::string until = locked.time_in(std::chrono::hours(-1));
  const net::OwnedHeaders lock = {{"x-amz-object-lock-mode", "COMPLIANCE"},
                                  {"x-amz-object-lock-retain-until-date", until}};
  const std::string version = locked.put(lock);
  CHECK(code_of(locked.remove(version)) == "AccessDenied");
  CHECK(locked.retain(version, mode_until("COMPLIANCE", locked.time_in(std::chrono::hours(-2)))) == "AccessDenied");
  locked.bilbao.service->hear_control_time(locked.runtime.wall());
  CHECK(locked.remove(version).status == 204);
}

TEST_CASE(
    "a version that is locked by its put goes before its time by nobody, or by its owner's bypass of governance") {
  Locked locked;
  const std::string soon = locked.time_in(std::chrono::hours(1));
  const std::string governed =
      locked.put({{"x-amz-object-lock-mode", "GOVERNANCE"}, {"x-amz-object-lock-retain-until-date", soon}});
  const std::string complied =
      locked.put({{"x-amz-object-lock-mode", "COMPLIANCE"}, {"x-amz-object-lock-retain-until-date", soon}});
  const std::string held = locked.put({{"x-amz-object-lock-legal-hold", "ON"}});
  const std::string open = locked.put({});
  const auto head = locked.ask(locked.bilbao, {"HEAD", "/frames/a?versionId=" + complied});
  CHECK(net::find_header(head.headers, "x-amz-object-lock-mode") == "COMPLIANCE");
  CHECK(net::find_header(head.headers, "x-amz-object-lock-retain-until-date") == soon);
  for (const std::string& version : {governed, complied, held})
    CHECK(code_of(locked.remove(version)) == "AccessDenied");
  for (const std::string& version : {complied, held}) {
    CHECK(code_of(locked.remove(version, Locked::bypass)) == "AccessDenied");
  }
  const auto many = locked.ask(
      locked.bilbao,
      {"POST", "/frames?delete",
       "<Delete><Object><Key>a</Key><VersionId>" + complied + "</VersionId></Object></Delete>", Locked::bypass});
  CHECK(many.body.find("AccessDenied") != std::string::npos);
  CHECK(locked.remove(open).status == 204);
  CHECK(locked.remove(governed, Locked::bypass).status == 204);
  // A delete marker hides, and takes nothing away.
  const auto hidden = locked.ask(locked.bilbao, {"DELETE", "/frames/a"});
  CHECK(hidden.status == 204);
  const std::string marker(net::find_header(hidden.headers, "x-amz-version-id").value_or(""));
  CHECK(locked.ask(locked.bilbao, {"GET", "/frames/a?versionId=" + complied}).body == "text");
  CHECK(locked.remove(marker).status == 204);
  CHECK(locked.hold(held, "OFF").empty());
  CHECK(locked.remove(held).status == 204);
  CHECK(code_of(locked.bucket({"DELETE", "/frames"})) == "BucketNotEmpty");
}

TEST_CASE("retention is put and read of a version; it grows, and shrinks by a bypass of governance alone") {
  Locked locked;
  const std::string version = locked.put({});
  const std::string soon = locked.time_in(std::chrono::hours(1));
  const std::string later = locked.time_in(std::chrono::hours(2));
  const auto get = [&](const char* what) {
    return locked.ask(locked.bilbao, {"GET", "/frames/a?versionId=" + version + "&" + what});
  };
  CHECK(code_of(get("retention")) == "NoSuchObjectLockConfiguration");
  CHECK(code_of(get("legal-hold")) == "NoSuchObjectLockConfiguration");
  CHECK(locked.retain(version, mode_until("GOVERNANCE", "2020-01-01T00:00:00Z")) == "InvalidArgument");
  CHECK(locked.retain(version, mode_until("GOVERNANCE", later)).empty());
  CHECK(get("retention").body.find(mode_until("GOVERNANCE", later)) != std::string::npos);
  CHECK(locked.retain(version, mode_until("GOVERNANCE", soon)) == "AccessDenied");
  CHECK(locked.retain(version, mode_until("GOVERNANCE", soon), Locked::bypass).empty());
  CHECK(locked.retain(version, "", Locked::bypass).empty());
  CHECK(code_of(get("retention")) == "NoSuchObjectLockConfiguration");
  CHECK(locked.retain(version, mode_until("COMPLIANCE", soon)).empty());
  CHECK(locked.retain(version, "", Locked::bypass) == "AccessDenied");
  CHECK(locked.retain(version, mode_until("COMPLIANCE", later)).empty());
  CHECK(locked.hold(version, "ON").empty());
  CHECK(get("legal-hold").body.find("<Status>ON</Status>") != std::string::npos);
  CHECK(locked.retain("0123456789abcdef", mode_until("COMPLIANCE", later)) == "NoSuchVersion");
  // Who is let in by a policy bypasses nothing.
  const std::string governed =
      locked.put({{"x-amz-object-lock-mode", "GOVERNANCE"}, {"x-amz-object-lock-retain-until-date", soon}});
  CHECK(locked
            .bucket({"PUT", "/frames?policy",
                     R"({"Statement":[{"Effect":"Allow","Principal":{"AWS":"rival"},"Action":"s3:*",)"
                     R"("Resource":"arn:aws:s3:::frames/*"}]})"})
            .status == 204);
  Ask as_rival{"DELETE", "/frames/a?versionId=" + governed, "", Locked::bypass};
  as_rival.key = rival_key;
  CHECK(code_of(locked.ask(locked.bilbao, as_rival)) == "AccessDenied");
}

TEST_CASE("what a bucket gives by default is given to every new version, uploads included; lifecycle leaves it") {
  Locked locked;
  CHECK(locked
            .bucket({"PUT", "/frames?object-lock",
                     "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
                     "<Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>"})
            .status == 200);
  CHECK(locked.bucket({"GET", "/frames?object-lock"}).body.find("<Days>1</Days>") != std::string::npos);
  const std::string first = locked.put({});
  const auto head = locked.ask(locked.bilbao, {"HEAD", "/frames/a"});
  CHECK(net::find_header(head.headers, "x-amz-object-lock-mode") == "GOVERNANCE");
  CHECK(net::find_header(head.headers, "x-amz-object-lock-retain-until-date") > locked.time_in(std::chrono::hours(23)));
  CHECK(code_of(locked.remove(first)) == "AccessDenied");
  const auto begun = locked.ask(locked.bilbao, {"POST", "/frames/a?uploads"});
  const std::string upload = api::s3::read_xml(begun.body)->text_of("UploadId");
  const auto part = locked.ask(locked.bilbao, {"PUT", "/frames/a?partNumber=1&uploadId=" + upload, "part"});
  const std::string etag(net::find_header(part.headers, "etag").value_or(""));
  const auto done = locked.ask(locked.bilbao, {"POST", "/frames/a?uploadId=" + upload,
                                               "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" +
                                                   etag + "</ETag></Part></CompleteMultipartUpload>"});
  CHECK(done.status == 200);
  const std::string second(net::find_header(done.headers, "x-amz-version-id").value_or(""));
  CHECK(code_of(locked.remove(second)) == "AccessDenied");
  // An older version whose time for the lifecycle has come stays as long as it is locked.
  const std::string id = locked.control.orders.buckets.front().id;
  const auto backdate = [&](const std::string& version) {
    bool changed = false;
    locked.runtime.spawn("backdate", [&] {
      CHECK(locked.bilbao.store->describe(id, "a", version, [&](ports::ObjectMeta& meta) -> Result<void> {
        meta.modified -= std::chrono::days(9);
        return {};
      }));
      changed = true;
    });
    locked.turn_until([&] { return changed; });
  };
  backdate(second);
  CHECK(locked
            .bucket({"PUT", "/frames?lifecycle",
                     "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter/><NoncurrentVersionExpiration>"
                     "<NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>"
                     "</LifecycleConfiguration>"})
            .status == 200);
  locked.expire_at_bilbao();
  CHECK(locked.ask(locked.bilbao, {"GET", "/frames/a?versionId=" + first}).body == "text");
  CHECK(locked.retain(first, "", Locked::bypass).empty());
  locked.expire_at_bilbao();
  CHECK(locked.ask(locked.bilbao, {"GET", "/frames/a?versionId=" + first}).status == 404);
}

TEST_CASE("object lock needs versions, and stays") {
  Locked locked;
  CHECK(locked.bucket({"GET", "/frames?versioning"}).body.find("Enabled") != std::string::npos);
  CHECK(locked.bucket({"GET", "/frames?object-lock"}).body.find("Enabled") != std::string::npos);
  const auto suspended = locked.bucket(
      {"PUT", "/frames?versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"});
  CHECK(code_of(suspended) == "InvalidBucketState");
  CHECK(code_of(locked.bucket({"DELETE", "/frames?object-lock"})) == "MethodNotAllowed");
  CHECK(locked.make("plain", "bio1", locked.bilbao) == 200);
  const std::string lock =
      "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>";
  CHECK(code_of(locked.bucket({"GET", "/plain?object-lock"})) == "ObjectLockConfigurationNotFoundError");
  CHECK(code_of(locked.bucket({"PUT", "/plain?object-lock", lock})) == "InvalidBucketState");
  CHECK(code_of(locked.bucket({"PUT", "/plain/a", "text", {{"x-amz-object-lock-legal-hold", "ON"}}})) ==
        "InvalidRequest");
  CHECK(locked.bucket({"PUT", "/plain/a", "text"}).status == 200);
  CHECK(code_of(locked.bucket({"GET", "/plain/a?retention"})) == "InvalidRequest");
}

TEST_CASE("a bucket is made with object lock at any site; what fails on the way leaves nothing and is repeated") {
  Locked locked;
  const Ask make{"PUT", "/other", Locked::location, {{"x-amz-bucket-object-lock-enabled", "true"}}};
  locked.control.away = true;
  CHECK(locked.ask(locked.madrid, make).status == 503);
  locked.control.away = false;
  CHECK(locked.bilbao.store->buckets().size() == 0);  // not before somebody asks for something in it
  CHECK(locked.ask(locked.madrid, make).status == 200);
  CHECK(locked.madrid.store->buckets().empty());
  CHECK(code_of(locked.ask(locked.madrid, make)) == "BucketAlreadyOwnedByYou");
  // Bilbao has not heard of it: asking control again is no error, unless it is to be another bucket.
  CHECK(code_of(locked.ask(locked.bilbao, {"PUT", "/other", Locked::location})) == "BucketAlreadyOwnedByYou");
  // Whatever of the home's disk fails first, it is locked before anything else.
  const Bucket made = *locked.madrid.service->directory().find("other");
  const Ask put{"PUT", "/other/a", "text", {{"x-amz-object-lock-legal-hold", "ON"}}};
  int failures = 0;
  for (int syncs = 1; locked.bilbao.store->setting(made.id, ports::object_lock_setting).empty(); ++syncs) {
    locked.bilbao.disk.failing = syncs == 1 ? 1 : 0;
    failures += locked.ask(locked.bilbao, put).status == 503 ? 1 : 0;
    REQUIRE(syncs < 5);
  }
  CHECK(failures == 1);
  CHECK(locked.ask(locked.bilbao, put).status == 200);
  CHECK(locked.bucket({"GET", "/other?versioning"}).body.find("Enabled") != std::string::npos);
  const Ask set{"PUT", "/other?object-lock",
                "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
                "<Mode>GOVERNANCE</Mode><Days>3</Days></DefaultRetention></Rule></ObjectLockConfiguration>"};
  CHECK(locked.bucket(set).status == 200);
  CHECK(locked.bucket({"GET", "/other?object-lock"}).body.find("<Days>3</Days>") != std::string::npos);
  CHECK(code_of(locked.ask(locked.madrid,
                           {"PUT", "/third", Locked::location, {{"x-amz-bucket-object-lock-enabled", "perhaps"}}})) ==
        "InvalidArgument");
}

}  // namespace barrio::objects::locks_test
