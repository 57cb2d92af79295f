#include "control/desired.h"

#include <doctest/doctest.h>

namespace barrio::control::desired_test {

namespace {

ports::Entry app_entry(ports::Revision revision, int64_t generation) {
  App app;
  app.tenant = TenantId::of("t");
  app.spec.name = AppName::of("video");
  app.spec.policy.jurisdictions = {*Jurisdiction::parse("ES")};
  app.spec.model = {Backend::opencv, "people", "", ""};
  app.spec.objective = {300ms, 99};
  app.spec.resources = {Watts(40), mib(512), 1, "", 0};
  app.generation = generation;
  const ports::Write write = write_json(key::app(app.key()), app);
  return {write.key, *write.value, revision};
}

int64_t generation(Documents& documents, const ports::Entry& entry) {
  const auto desired = read_desired({.revision = entry.revision, .entries = {entry}}, documents);
  REQUIRE(desired);
  REQUIRE(desired->apps.size() == 1);
  return desired->apps.front().generation;
}

}  // namespace

TEST_CASE("a document is read again once it was written again, or was away meanwhile") {
  Documents documents;
  CHECK(generation(documents, app_entry(3, 1)) == 1);
  CHECK(generation(documents, app_entry(3, 2)) == 1);  // cannot be: the revision says that nobody wrote it
  CHECK(generation(documents, app_entry(4, 2)) == 2);
  ports::Entry damaged = app_entry(5, 3);
  damaged.value.pop_back();
  const auto failed = read_desired({.revision = 5, .entries = {damaged}}, documents);
  REQUIRE(!failed);
  CHECK(failed.error().where == "app/t/video");
  CHECK(generation(documents, app_entry(5, 3)) == 3);
  REQUIRE(read_desired({.revision = 6, .entries = {}}, documents));
  CHECK(generation(documents, app_entry(5, 4)) == 4);
}

}  // namespace barrio::control::desired_test
