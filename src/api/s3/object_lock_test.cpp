#include "api/s3/object_lock.h"

#include <doctest/doctest.h>

namespace barrio::api::s3::object_lock_test {

using ports::Retention;
using ports::RetentionMode;

namespace {

WallTime at(const char* text) {
  return *parse_wall_time(text);
}

const WallTime now = at("2026-11-26T12:00:00Z");
const WallTime later = at("2026-11-27T12:00:00Z");
const WallTime latest = at("2026-11-28T12:00:00Z");

template <class T>
std::string code_of(const Outcome<T>& outcome) {
  return outcome ? "" : outcome.error().code;
}

std::string defaults(const std::string& inner) {
  return "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>" + inner +
         "</DefaultRetention></Rule></ObjectLockConfiguration>";
}

}  // namespace

TEST_CASE("a bucket's object lock has a default in days or years, or none") {
  const auto none = parse_object_lock(
      "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>");
  REQUIRE(none);
  CHECK(!*none);
  const auto days = parse_object_lock(defaults("<Mode>GOVERNANCE</Mode><Days>7</Days>"));
  REQUIRE(days);
  CHECK((*days)->days == 7);
  CHECK((*days)->mode == RetentionMode::governance);
  const auto years = parse_object_lock(defaults("<Mode>COMPLIANCE</Mode><Years>2</Years>"));
  REQUIRE(years);
  CHECK((*years)->days == 730);
  CHECK((*years)->mode == RetentionMode::compliance);
  CHECK(code_of(parse_object_lock(defaults("<Mode>OTHER</Mode><Days>7</Days>"))) == "MalformedXML");
  CHECK(code_of(parse_object_lock(defaults("<Mode>GOVERNANCE</Mode>"))) == "MalformedXML");
  CHECK(code_of(parse_object_lock(defaults("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>"))) ==
        "MalformedXML");
  CHECK(code_of(parse_object_lock(defaults("<Mode>GOVERNANCE</Mode><Days>0</Days>"))) == "InvalidArgument");
  CHECK(code_of(parse_object_lock(defaults("<Mode>GOVERNANCE</Mode><Years>101</Years>"))) == "InvalidArgument");
  CHECK(code_of(parse_object_lock("<ObjectLockConfiguration/>")) == "MalformedXML");
  CHECK(code_of(parse_object_lock("<Other/>")) == "MalformedXML");
}

TEST_CASE("what a version is asked to be locked for is understood whole, or refused") {
  const auto given = parse_retention(
      "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2026-11-27T12:00:00.000Z</RetainUntilDate></Retention>", now);
  REQUIRE(given);
  CHECK(*given == Retention{RetentionMode::compliance, later});
  const auto ended = parse_retention("<Retention/>", now);
  REQUIRE(ended);
  CHECK(!*ended);
  CHECK(code_of(parse_retention("<Retention><Mode>COMPLIANCE</Mode></Retention>", now)) == "MalformedXML");
  CHECK(code_of(parse_retention("<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2026-11-26T12:00:00Z"
                                "</RetainUntilDate></Retention>",
                                now)) == "InvalidArgument");
  CHECK(*parse_legal_hold("<LegalHold><Status>ON</Status></LegalHold>"));
  CHECK(!*parse_legal_hold("<LegalHold><Status>OFF</Status></LegalHold>"));
  CHECK(code_of(parse_legal_hold("<LegalHold/>")) == "MalformedXML");
  RequestView view{"PUT", "/a/b", "", {}};
  CHECK(!lock_wish(view, now)->retention);
  view.headers = {{"x-amz-object-lock-mode", "GOVERNANCE"}};
  CHECK(code_of(lock_wish(view, now)) == "InvalidArgument");
  view.headers.emplace_back("x-amz-object-lock-retain-until-date", "2026-11-28T12:00:00Z");
  view.headers.emplace_back("x-amz-object-lock-legal-hold", "ON");
  const auto wish = lock_wish(view, now);
  REQUIRE(wish);
  CHECK(wish->retention == Retention{RetentionMode::governance, latest});
  CHECK(wish->held == true);
}

TEST_CASE("nobody deletes what is locked before its time; governance alone can be bypassed") {
  ports::ObjectMeta meta;
  CHECK(check_deletion(meta, now, false));
  meta.retention = Retention{RetentionMode::governance, later};
  CHECK(check_deletion(meta, now, false).error().code == Code::denied);
  CHECK(check_deletion(meta, now, true));
  CHECK(check_deletion(meta, later, false));
  meta.retention->mode = RetentionMode::compliance;
  CHECK(!check_deletion(meta, now, true));
  CHECK(check_deletion(meta, later, false));
  meta.held = true;
  CHECK(!check_deletion(meta, latest, true));
  meta.held = false;
  CHECK(check_deletion(meta, latest, true));
}

TEST_CASE("a lock can be made longer or stronger by anybody who may lock, and weaker by a bypass of governance alone") {
  const Retention governed{RetentionMode::governance, later};
  const Retention complied{RetentionMode::compliance, later};
  CHECK(check_retention(std::nullopt, governed, now, false));
  CHECK(check_retention(governed, Retention{RetentionMode::governance, latest}, now, false));
  CHECK(check_retention(governed, Retention{RetentionMode::compliance, latest}, now, false));
  CHECK(!check_retention(Retention{RetentionMode::governance, latest}, governed, now, false));
  CHECK(check_retention(Retention{RetentionMode::governance, latest}, governed, now, true));
  CHECK(!check_retention(governed, std::nullopt, now, false));
  CHECK(check_retention(governed, std::nullopt, now, true));
  CHECK(check_retention(complied, Retention{RetentionMode::compliance, latest}, now, false));
  CHECK(!check_retention(complied, Retention{RetentionMode::governance, latest}, now, true));
  CHECK(!check_retention(complied, std::nullopt, now, true));
  CHECK(check_retention(complied, std::nullopt, later, false));
}

}  // namespace barrio::api::s3::object_lock_test
