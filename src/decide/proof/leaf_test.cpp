#include "decide/proof/leaf.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace barrio::decide::leaf_test {

namespace {

const TenantSalt salt(32, 's');

LogEvent session_event() {
  const WallTime minute{std::chrono::minutes(30'000'000)};
  return {.operation = LogOperation::session,
          .tenant = TenantId::of("acme"),
          .subject = "app/people",
          .content = "",
          .where = *Jurisdiction::parse("ES-PV"),
          .policy = 3,
          .session = LoggedSession{minute, minute + 1min, 12, 2460, 3100}};
}

}  // namespace

TEST_CASE("a leaf is written as docs/proof.md has it") {
  const Leaf leaf =
      make_leaf(session_event(), SiteId::of("bio1"), salt, WallTime(std::chrono::milliseconds(1'800'000'061'250)));
  CHECK(leaf.str() ==
        "barrio.leaf/1\n"
        "operation session\n"
        "time 1800000061250\n"
        "site bio1\n"
        "jurisdiction ES-PV\n"
        "tenant " +
            salted_tenant(salt, TenantId::of("acme")) + "\nsubject " + salted_subject(salt, "app/people") +
            "\ncontent -\n"
            "policy 3\n"
            "from 1800000000000\n"
            "until 1800000060000\n"
            "requests 12\n"
            "bytes_in 2460\n"
            "bytes_out 3100\n");
}

TEST_CASE("a leaf is read back, and nothing that is written otherwise is one") {
  for (const auto operation : {LogOperation::stored, LogOperation::copied, LogOperation::deleted, LogOperation::placed,
                               LogOperation::removed, LogOperation::session}) {
    LogEvent event = session_event();
    event.operation = operation;
    if (operation != LogOperation::session) event.session.reset();
    if (operation == LogOperation::stored) event.content = std::string(64, 'a');
    CHECK(event.check());
    const Leaf leaf = make_leaf(event, SiteId::of("bio1"), salt, WallTime(std::chrono::seconds(1'800'000'000)));
    CHECK(parse_leaf(leaf.str()) == leaf);
    CHECK(!parse_leaf(leaf.str() + "more 1\n"));
    CHECK(!parse_leaf(leaf.str().substr(0, leaf.str().size() - 1)));
  }
  CHECK(rc::check("any change gives another leaf, or none", [] {
    const Leaf leaf = make_leaf(session_event(), SiteId::of("bio1"), salt, WallTime(std::chrono::seconds(9)));
    std::string text = leaf.str();
    const auto at = *rc::gen::inRange<size_t>(0, text.size());
    text[at] = static_cast<char>(text[at] ^ *rc::gen::inRange(1, 256));
    const auto read = parse_leaf(text);
    RC_ASSERT((!read || (read->str() == text && *read != leaf)));
  }));
}

TEST_CASE("names under one salt say nothing under another") {
  const TenantId acme = TenantId::of("acme");
  const TenantSalt here = tenant_salt("secret of bio1", acme);
  const TenantSalt there = tenant_salt("secret of mad1", acme);
  CHECK(here.size() == tenant_salt_bytes);
  CHECK(here != there);
  CHECK(salted_tenant(here, acme) != salted_tenant(there, acme));
  CHECK(salted_subject(here, "acme") != salted_tenant(here, acme));
  CHECK(tenant_salt("secret of bio1", TenantId::of("other")) != here);
}

TEST_CASE("an event that a leaf cannot say is refused") {
  auto broken = [](auto change) {
    LogEvent event = session_event();
    change(event);
    return event.check();
  };
  CHECK(!broken([](LogEvent& e) { e.tenant = {}; }));
  CHECK(!broken([](LogEvent& e) { e.subject.clear(); }));
  CHECK(!broken([](LogEvent& e) { e.subject = std::string(3000, 'x'); }));
  CHECK(!broken([](LogEvent& e) { e.content = "ABC"; }));
  CHECK(!broken([](LogEvent& e) { e.where = {}; }));
  CHECK(!broken([](LogEvent& e) { e.policy = -1; }));
  CHECK(!broken([](LogEvent& e) { e.session.reset(); }));
  CHECK(!broken([](LogEvent& e) { e.operation = LogOperation::stored; }));
  CHECK(!broken([](LogEvent& e) { e.session->until = e.session->from; }));
  CHECK(!broken([](LogEvent& e) { e.session->requests = -1; }));
}

}  // namespace barrio::decide::leaf_test
