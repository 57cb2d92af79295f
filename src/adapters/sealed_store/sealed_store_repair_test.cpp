#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.

#include "adapters/local_files/disk.h"
#include "adapters/sealed_store/home_and_follower_test.h"

// What is damaged at one site is found, is not sent on, and is replaced from another.

namespace barrio::adapters::sealed_store_repair_test {

using ports::contract_bucket;
using ports::get_text;
using ports::put_text;
using ports::sample_text;
using sealed_store::FollowerSource;
using sealed_store::HomeAndFollower;
using sealed_store::Kept;

namespace {

void flip(const std::string& path, size_t at) {
  std::string bytes = *local_files::read_whole(path);
  bytes[at] = static_cast<char>(bytes[at] ^ 4);
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A bit of the record that the other site has under this name, too.
void damage(Kept& at, Kept& other, const std::string& name) {
  const auto record = other.store->give_record(contract_bucket, name);
  REQUIRE(record);
  for (const std::string& path : at.own.files("journal")) {
    const size_t found = local_files::read_whole(path)->find(*record);
    if (found != std::string::npos) return flip(path, found + record->size() / 2);
  }
  FAIL("the record is not there");
}

std::vector<std::string> damaged(Kept& at) {
  std::vector<std::string> names;
  for (auto seen = at.store->scrub_after({}); seen && *seen; seen = at.store->scrub_after(**seen)) {
    if ((*seen)->damage) names.push_back((*seen)->name);
  }
  return names;
}

/// One of everything that a bucket may hold.
struct Whole : HomeAndFollower {
  Whole() {
    REQUIRE(put_text(*home.store, "null", "text"));
    REQUIRE(home.store->set_setting(contract_bucket, ports::versioning_setting, "Enabled"));
    REQUIRE(put_text(*home.store, "null", "numbered"));
    REQUIRE(home.store->remove(contract_bucket, "hidden", {}));
    upload = *home.store->begin_upload(contract_bucket, {.key = "parts"});
    ports::put_piece(*home.store, upload, 1, "a part");
    ports::put_piece(*home.store, upload, 12, sample_text(100'000));
  }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    for (auto seen = home.store->scrub_after({}); seen && *seen; seen = home.store->scrub_after(**seen)) {
      all.push_back((*seen)->name);
    }
    return all;
  }
  std::string upload;
};

}  // namespace

TEST_CASE("whatever a bucket holds is found by the scrub where it is damaged, and repaired from the other copy") {
  Whole both;
  const auto names = both.names();
  REQUIRE(names.size() == 7);
  CHECK(names.back() == "u/" + both.upload + '\0' + "12");
  for (const std::string& name : names) {
    INFO(name);
    damage(both.home, both.follower, name);
    CHECK(damaged(both.home) == std::vector<std::string>{name});
    CHECK(!both.home.store->give_record(contract_bucket, name));
    FollowerSource source(both.follower, name);
    REQUIRE(both.home.store->repair(contract_bucket, name, source));
    CHECK(damaged(both.home).empty());
  }
  CHECK(both.home.entries() == both.follower.entries());
  CHECK(both.home.store->parts(contract_bucket, both.upload)->size() == 2);
  both.home.open();
  CHECK(both.home.entries() == both.follower.entries());
  CHECK(damaged(both.home).empty());
}

TEST_CASE("content of an upload's part is repaired as that of an object, and of another record it cannot be had") {
  Whole both;
  for (const std::string& path : both.home.own.files("objects")) flip(path, 3);
  const auto names = damaged(both.home);
  REQUIRE(names.size() == 2);
  for (const std::string& name : names) {
    FollowerSource other(both.follower, "s/" + std::string(ports::versioning_setting));
    CHECK(both.home.store->repair(contract_bucket, name, other).error().code == Code::conflict);
    FollowerSource source(both.follower, name);
    REQUIRE(both.home.store->repair(contract_bucket, name, source));
  }
  CHECK(damaged(both.home).empty());
  const std::string file = std::filesystem::path(both.follower.own.files("objects")[0]).filename();
  CHECK(!both.follower.store->give_content(contract_bucket, "o/null", file, 0));
}

TEST_CASE("damaged content is not sent to a site that is brought in step") {
  HomeAndFollower both;
  both.away = true;
  CHECK(!put_text(*both.home.store, "a", sample_text(300'000)));
  both.away = false;
  flip(both.home.own.files("objects")[0], 70'000);
  const auto sent =
      both.home.store->resend(contract_bucket, "o/a", [&](const auto& change) { return both.copy(change); });
  CHECK(!sent);
  CHECK(both.follower.entries().empty());
}

TEST_CASE("a bucket does not go while something of it is repaired") {
  HomeAndFollower both;
  REQUIRE(put_text(*both.home.store, "a", sample_text(300'000)));
  struct Going final : ports::CopySource {
    Going(Kept& kept, Kept& follower) : home(kept), source(follower, "o/a") {}
    Result<std::string> record() override { return source.record(); }
    Result<std::string> content(const std::string& file, int64_t offset) override {
      went = home.store->forget_bucket(contract_bucket);
      return source.content(file, offset);
    }
    Kept& home;
    FollowerSource source;
    Result<void> went;
  } going(both.home, both.follower);
  REQUIRE(both.home.store->repair(contract_bucket, "o/a", going));
  CHECK(going.went.error().code == Code::conflict);
  REQUIRE(both.home.store->forget_bucket(contract_bucket));
  REQUIRE(both.home.store->tidy());
  CHECK(both.home.own.files("objects").empty());
}

TEST_CASE("of a repair that fails in the middle no file stays") {
  HomeAndFollower both;
  REQUIRE(put_text(*both.home.store, "a", sample_text(300'000)));
  struct Half final : ports::CopySource {
    explicit Half(Kept& follower) : source(follower, "o/a") {}
    Result<std::string> record() override { return source.record(); }
    Result<std::string> content(const std::string& file, int64_t offset) override {
      if (offset > 0) return fail(Code::unavailable, "away");
      TRY(const auto bytes, source.content(file, offset));
      return bytes.substr(0, 1000);
    }
    FollowerSource source;
  } half(both.follower);
  CHECK(!both.home.store->repair(contract_bucket, "o/a", half));
  CHECK(both.home.own.files("objects").size() == 1);
}

TEST_CASE("parts whose upload a follower never had go when the upload has gone at the home") {
  HomeAndFollower both;
  both.away = true;
  CHECK(!both.home.store->begin_upload(contract_bucket, {.key = "parts"}));
  const auto open = both.home.store->uploads(contract_bucket);
  REQUIRE(open.size() == 1);
  both.away = false;
  // It is being brought in step: changes go to it before the comparison has come to what they change.
  ports::put_piece(*both.home.store, open[0].id, 1, "a part");
  both.away = true;
  CHECK(!both.home.store->abort_upload(contract_bucket, open[0].id));
  both.away = false;
  both.compare();
  REQUIRE(both.follower.store->tidy());
  CHECK(both.follower.own.files("objects").empty());
  CHECK(both.home.entries() == both.follower.entries());
}

TEST_CASE("a follower keeps an open upload while it is brought in step, and loses the parts that the home has not") {
  HomeAndFollower both;
  const std::string id = *both.home.store->begin_upload(contract_bucket, {.key = "parts"});
  for (const int part : {1, 2}) ports::put_piece(*both.home.store, id, part, "acknowledged");
  // The follower has one that the home has not, and the home one that it has not.
  both.follower.store->set_sink(nullptr);
  ports::put_piece(*both.follower.store, id, 3, "of an earlier home");
  both.home.store->set_sink(nullptr);
  ports::put_piece(*both.home.store, id, 12, "new");
  int sent = 0;
  const auto numbers = [&] {
    std::vector<int> all;
    const auto parts = both.follower.store->parts(contract_bucket, id);
    REQUIRE(parts);
    for (const auto& part : *parts) all.push_back(part.number);
    return all;
  };
  REQUIRE(both.home.store->resend(contract_bucket, "u/" + id, [&](const auto& change) {
    ++sent;
    const auto copied = both.copy(change);
    CHECK(both.follower.store->upload(contract_bucket, id));
    const auto now = numbers();
    CHECK((now.size() >= 2 && now[0] == 1 && now[1] == 2));
    return copied;
  }));
  CHECK(sent == 5);
  CHECK(numbers() == std::vector<int>{1, 2, 12});
  CHECK(both.home.entries() == both.follower.entries());
  REQUIRE(both.follower.store->tidy());
  CHECK(both.follower.own.files("objects").size() == 3);
  both.follower.open();
  CHECK(both.home.entries() == both.follower.entries());
}

}  // namespace barrio::adapters::sealed_store_repair_test
