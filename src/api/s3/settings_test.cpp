// Rules that a tenant sets of a bucket: CORS, lifecycle, policies.
#include <doctest/doctest.h>

#include "api/s3/bucket_policy.h"
#include "api/s3/cors.h"
#include "api/s3/lifecycle.h"
#include "api/s3/pattern.h"

namespace barrio::api::s3::settings_test {

namespace {

WallTime at(std::string_view text) {
  return *parse_wall_time(text);
}

std::string statement(const std::string& rest) {
  return R"({"Version":"2012-10-17","Statement":[{)" + rest + "}]}";
}

const std::string reads_all =
    statement(R"("Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::pics/open/*")");

}  // namespace

TEST_CASE("wildcards") {
  CHECK(matches("*", ""));
  CHECK(matches("https://*.example", "https://a.b.example"));
  CHECK(!matches("https://*.example", "https://a.example.org"));
  CHECK(matches("s3:Get*", "s3:GetObject"));
  CHECK(matches("a?c*d*", "abcxxdyy"));
  CHECK(!matches("a?c", "ac"));
  CHECK(!matches("", "a"));
  CHECK(matches("**a**", "bab"));
  // Not exponential.
  CHECK(!matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
}

TEST_CASE("CORS: the first rule that allows origin, method and every header") {
  const auto rules = parse_cors(
      "<CORSConfiguration><CORSRule><AllowedOrigin>https://*.example</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>"
      "<AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds>"
      "</CORSRule><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"
      "</CORSConfiguration>");
  REQUIRE_MESSAGE(rules, rules.error().message);
  CHECK(allowing_rule(*rules, {"https://a.example", "PUT", {"x-amz-date"}}) == rules->data());
  CHECK(allowing_rule(*rules, {"https://a.example", "PUT", {"x-amz-date", "authorization"}}) == nullptr);
  CHECK(allowing_rule(*rules, {"https://evil", "PUT", {}}) == nullptr);
  CHECK(allowing_rule(*rules, {"https://evil", "GET", {}}) == &rules->at(1));
  CHECK(rules->front().max_age == 60);
  const auto code = [](const char* inner) {
    const auto parsed = parse_cors("<CORSConfiguration>" + std::string(inner) + "</CORSConfiguration>");
    return parsed ? std::string() : parsed.error().code;
  };
  CHECK(code("") == "MalformedXML");
  CHECK(code("<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>") == "MalformedXML");
  CHECK(code("<CORSRule><AllowedOrigin>**</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>") ==
        "InvalidRequest");
  CHECK(code("<CORSRule><AllowedOrigin>a&#13;&#10;b</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>") ==
        "InvalidRequest");
  CHECK(code("<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>PATCH</AllowedMethod></CORSRule>") ==
        "InvalidRequest");
}

TEST_CASE("lifecycle: days count to the midnight that follows, and only what the filter means goes") {
  const auto rules = parse_lifecycle(
      "<LifecycleConfiguration><Rule><ID>x</ID><Status>Enabled</Status><Filter><And><Prefix>tmp/</Prefix>"
      "<ObjectSizeGreaterThan>10</ObjectSizeGreaterThan><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>"
      "<Expiration><Days>2</Days></Expiration></Rule><Rule><Status>Disabled</Status><Filter/>"
      "<Expiration><Date>2026-01-01T00:00:00Z</Date></Expiration></Rule><Rule><Status>Enabled</Status><Prefix>up/</"
      "Prefix>"
      "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
      "</Rule></LifecycleConfiguration>");
  REQUIRE_MESSAGE(rules, rules.error().message);
  const LifecycleRule& two_days = rules->front();
  CHECK(two_days.tags == std::map<std::string, std::string>{{"k", "v"}});
  const WallTime stored = at("2026-11-24T10:00:00Z");
  CHECK(!expires(two_days, "tmp/a", 11, stored, at("2026-11-26T23:59:59Z")));
  CHECK(expires(two_days, "tmp/a", 11, stored, at("2026-11-27T00:00:00Z")));
  CHECK(!expires(two_days, "tmp/a", 10, stored, at("2026-12-27T00:00:00Z")));
  CHECK(!expires(two_days, "other", 11, stored, at("2026-12-27T00:00:00Z")));
  CHECK(!expires(rules->at(1), "tmp/a", 11, stored, at("2026-12-27T00:00:00Z")));
  CHECK(!expires(rules->at(2), "up/a", 11, stored, at("2036-12-27T00:00:00Z")));
  CHECK(aborts(rules->at(2), "up/a", stored, at("2026-11-26T00:00:00Z")));
  CHECK(!aborts(rules->at(2), "up/a", stored, at("2026-11-25T23:00:00Z")));
  const auto code = [](const std::string& inner) {
    const auto parsed = parse_lifecycle("<LifecycleConfiguration><Rule>" + inner + "</Rule></LifecycleConfiguration>");
    return parsed ? std::string() : parsed.error().code;
  };
  CHECK(code("<Status>Enabled</Status><Transition><Days>1</Days></Transition>") == "NotImplemented");
  CHECK(code("<Status>Enabled</Status><Expiration><Days>0</Days></Expiration>") == "InvalidArgument");
  CHECK(code("<Status>Enabled</Status><Expiration><Days>1</Days><Date>2026-01-01T00:00:00Z</Date></Expiration>") ==
        "MalformedXML");
  CHECK(code("<Expiration><Days>1</Days></Expiration>") == "MalformedXML");
  CHECK(code("<Status>Enabled</Status>") == "InvalidRequest");
}

TEST_CASE("lifecycle rules of versions: which end, how many stay, and when a delete marker has nothing to hide") {
  const auto at = [](const char* text) { return *parse_wall_time(text); };
  const auto rules = parse_lifecycle(
      "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter><Prefix>a/</Prefix></Filter>"
      "<NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays><NewerNoncurrentVersions>1"
      "</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>"
      "<Rule><Status>Enabled</Status><Filter/><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
      "</Expiration></Rule><Rule><Status>Enabled</Status><Filter/><Expiration><Days>3</Days></Expiration></Rule>"
      "<Rule><Status>Disabled</Status><Filter/><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
      "</NoncurrentVersionExpiration></Rule></LifecycleConfiguration>");
  REQUIRE_MESSAGE(rules, rules.error().message);
  const WallTime replaced = at("2026-11-24T10:00:00Z");
  const LifecycleRule& noncurrent = rules->front();
  CHECK(!expires_noncurrent(noncurrent, "a/x", 5, replaced, 1, at("2026-11-26T23:00:00Z")));
  CHECK(expires_noncurrent(noncurrent, "a/x", 5, replaced, 1, at("2026-11-27T00:00:00Z")));
  CHECK(!expires_noncurrent(noncurrent, "a/x", 5, replaced, 0, at("2026-11-27T00:00:00Z")));
  CHECK(!expires_noncurrent(noncurrent, "b", 5, replaced, 1, at("2026-11-27T00:00:00Z")));
  CHECK(!expires_noncurrent(rules->at(3), "a/x", 5, replaced, 1, at("2036-11-27T00:00:00Z")));
  CHECK(!expires(noncurrent, "a/x", 5, replaced, at("2036-11-27T00:00:00Z")));
  CHECK(!expires(rules->at(1), "a/x", 5, replaced, at("2036-11-27T00:00:00Z")));
  CHECK(!expires_marker(noncurrent, "a/x", replaced, at("2036-11-27T00:00:00Z")));
  CHECK(expires_marker(rules->at(1), "a/x", replaced, replaced));
  CHECK(!expires_marker(rules->at(2), "a/x", replaced, at("2026-11-27T00:00:00Z")));
  CHECK(expires_marker(rules->at(2), "a/x", replaced, at("2026-11-28T00:00:00Z")));
  const auto code = [](const std::string& inner) {
    const auto parsed = parse_lifecycle("<LifecycleConfiguration><Rule><Status>Enabled</Status>" + inner +
                                        "</Rule></LifecycleConfiguration>");
    return parsed ? std::string() : parsed.error().code;
  };
  CHECK(code("<NoncurrentVersionExpiration/>") == "InvalidArgument");
  CHECK(code("<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>0"
             "</NewerNoncurrentVersions></NoncurrentVersionExpiration>") == "InvalidArgument");
  CHECK(code("<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>") ==
        "MalformedXML");
  CHECK(code("<Filter><Tag><Key>a</Key></Tag></Filter><Expiration><ExpiredObjectDeleteMarker>true"
             "</ExpiredObjectDeleteMarker></Expiration>") == "InvalidRequest");
}

TEST_CASE("policies: who is let in for what, and that denying wins") {
  const auto open = parse_bucket_policy(reads_all, "pics");
  REQUIRE_MESSAGE(open, open.error().message);
  CHECK(access_by(*open, {"", "s3:GetObject", "open/a"}) == Access::allowed);
  CHECK(access_by(*open, {"rival", "s3:GetObject", "open/a"}) == Access::allowed);
  CHECK(access_by(*open, {"", "s3:GetObject", "closed/a"}) == Access::unsaid);
  CHECK(access_by(*open, {"", "s3:PutObject", "open/a"}) == Access::unsaid);
  CHECK(access_by(*open, {"", "s3:ListBucket", ""}) == Access::unsaid);

  const auto several = parse_bucket_policy(
      R"({"Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::rival:root"]},"Action":["s3:*"],
          "Resource":["arn:aws:s3:::pics","arn:aws:s3:::pics/*"]},
          {"Effect":"Deny","Principal":"*","Action":"s3:Delete*","Resource":"arn:aws:s3:::pics/keep/*"}]})",
      "pics");
  REQUIRE_MESSAGE(several, several.error().message);
  CHECK(access_by(*several, {"rival", "s3:ListBucket", ""}) == Access::allowed);
  CHECK(access_by(*several, {"rival", "s3:DeleteObject", "keep/a"}) == Access::denied);
  CHECK(access_by(*several, {"rival", "s3:DeleteObject", "a"}) == Access::allowed);
  CHECK(access_by(*several, {"", "s3:GetObject", "a"}) == Access::unsaid);
  CHECK(access_by(*several, {"another", "s3:GetObject", "a"}) == Access::unsaid);
}

TEST_CASE("a statement that can apply to nothing is refused, and actions are named in any case") {
  const auto message = [](const std::string& principal, const std::string& action) {
    const auto parsed = parse_bucket_policy(statement(R"("Effect":"Deny","Principal":)" + principal + R"(,"Action":")" +
                                                      action + R"(","Resource":"arn:aws:s3:::pics/*")"),
                                            "pics");
    REQUIRE_MESSAGE(parsed, parsed.error().message);
    CHECK(access_by(*parsed, {"rival", "s3:GetObject", "a"}) ==
          (action == "s3:getobject" ? Access::denied : Access::unsaid));
    const auto good = check_names(*parsed);
    return good ? std::string() : good.error().message;
  };
  CHECK(message(R"("*")", "s3:getobject").empty());
  CHECK(message(R"("*")", "s3:Delete*").empty());
  CHECK(message(R"("*")", "s3:GetObjct").find("'s3:getobjct' is none that is asked here") != std::string::npos);
  CHECK(message(R"("*")", "ec2:*").find("is none that is asked") != std::string::npos);
  CHECK(message(R"({"AWS":"arn:aws:iam::rival:user/x"})", "s3:PutObject").find("a tenant's name") != std::string::npos);
}

TEST_CASE("a policy that says more than is understood is refused, never half obeyed") {
  const auto code = [](const std::string& text) {
    const auto parsed = parse_bucket_policy(text, "pics");
    return parsed ? std::string() : parsed.error().code;
  };
  CHECK(code("nonsense") == "MalformedPolicy");
  CHECK(code("{}") == "MalformedPolicy");
  CHECK(code(R"({"Statement":[]})") == "MalformedPolicy");
  CHECK(code(statement(R"("Effect":"Allow","Principal":"*","Action":"s3:GetObject")")) == "MalformedPolicy");
  CHECK(code(statement(
            R"("Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*")")) ==
        "MalformedPolicy");
  CHECK(
      code(statement(
          R"("Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::pics/*","Condition":{})")) ==
      "NotImplemented");
  CHECK(code(statement(R"("Effect":"Allow","NotPrincipal":"*","Action":"s3:*","Resource":"arn:aws:s3:::pics/*")")) ==
        "NotImplemented");
  CHECK(code(statement(R"("Effect":"Maybe","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::pics/*")")) ==
        "MalformedPolicy");
}

}  // namespace barrio::api::s3::settings_test
