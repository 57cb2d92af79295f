#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.

#include "adapters/sealed_store/home_and_follower_test.h"

namespace barrio::adapters::sealed_store_copies_test {

using ports::contract_bucket;
using ports::get_text;
using ports::put_text;
using ports::sample_text;
using sealed_store::HomeAndFollower;
using sealed_store::Kept;

namespace {

TEST_CASE("where the home is elsewhere by now nothing is changed") {
  HomeAndFollower both;
  REQUIRE(put_text(*both.home.store, "a", "1"));
  both.leads = false;
  CHECK(put_text(*both.home.store, "a", "2").error().code == Code::unavailable);
  CHECK(both.home.store->remove(contract_bucket, "a", {}).error().code == Code::unavailable);
  CHECK(*get_text(*both.home.store, "a") == "1");
}

TEST_CASE("a change that was admitted while the site was the home is not written once it is not") {
  HomeAndFollower both;
  REQUIRE(put_text(*both.home.store, "a", "1"));
  const auto before = both.home.entries();
  both.answers_left = 1;  // when the change begins; orders come before its record is written
  CHECK(put_text(*both.home.store, "a", "2").error().code == Code::unavailable);
  CHECK(both.home.entries() == before);
  both.home.open();
  CHECK(both.home.entries() == before);
  // What another home has made is taken all the same.
  CHECK(both.home.store->accept(contract_bucket, 1, *both.follower.store->give_record(contract_bucket, "o/a")));
}

}  // namespace

TEST_CASE("a follower keeps the same records and content, opens them again, and reads them without the home") {
  HomeAndFollower both;
  const std::string large = sample_text(700'000);
  REQUIRE(put_text(*both.home.store, "small", "text"));
  REQUIRE(put_text(*both.home.store, "large", large));
  REQUIRE(ports::set_tags(*both.home.store, "large", {{"a", "1"}}));  // the same content again
  REQUIRE(put_text(*both.home.store, "gone", large));
  REQUIRE(both.home.store->remove(contract_bucket, "gone", {}));
  const auto upload = *both.home.store->begin_upload(contract_bucket, {.key = "parts"});
  ports::put_piece(*both.home.store, upload, 1, "a part");
  CHECK(both.home.entries() == both.follower.entries());
  REQUIRE(both.follower.store->tidy());
  both.follower.open();
  CHECK(both.home.entries() == both.follower.entries());
  CHECK(get_text(*both.follower.store, "small") == "text");
  CHECK(get_text(*both.follower.store, "large") == large);
  CHECK(both.follower.store->parts(contract_bucket, upload)->front().size == 6);
}

TEST_CASE("what a follower missed or has too much is put right by comparing, files that were to go included") {
  HomeAndFollower both;
  const std::string large = sample_text(300'000);
  const auto upload = *both.home.store->begin_upload(contract_bucket, {.key = "parts"});
  ports::put_piece(*both.home.store, upload, 1, large);
  REQUIRE(put_text(*both.home.store, "a", large));
  both.away = true;
  CHECK(!put_text(*both.home.store, "b", large));  // kept, and not acknowledged
  CHECK(!both.home.store->remove(contract_bucket, "a", {}));
  both.away = false;
  both.compare();
  REQUIRE(both.follower.store->tidy());
  CHECK(both.home.entries() == both.follower.entries());
  CHECK(get_text(*both.follower.store, "b") == large);
  // The upload was taken away and sent again: its part's file must not go after all.
  const auto parts = both.follower.store->parts(contract_bucket, upload);
  REQUIRE(parts);
  both.home.store->set_sink(nullptr);
  REQUIRE(both.follower.store->complete_upload(contract_bucket, upload, *parts,
                                               {.key = "parts", .size = 300'000, .etag = "e-1"}, {}));
  CHECK(get_text(*both.follower.store, "parts") == large);
}

namespace {

void keep_versions(const Kept& kept) {
  REQUIRE(kept.store->set_setting(contract_bucket, ports::versioning_setting, std::string(ports::versioning_enabled)));
}

}  // namespace

TEST_CASE("a follower has every version and delete marker, and the same current object, also when it is opened again") {
  HomeAndFollower both;
  const std::string large = sample_text(300'000);
  REQUIRE(put_text(*both.home.store, "a", "before versions"));
  keep_versions(both.home);
  REQUIRE(put_text(*both.home.store, "a", large));
  REQUIRE(put_text(*both.home.store, "a", "newest"));
  REQUIRE(put_text(*both.home.store, "a!", "another key"));
  const auto hidden = both.home.store->remove(contract_bucket, "b", {});
  REQUIRE(hidden);
  CHECK(both.home.entries().size() == 6);  // and the setting
  CHECK(both.home.entries() == both.follower.entries());
  both.follower.open();
  CHECK(both.home.entries() == both.follower.entries());
  CHECK(get_text(*both.follower.store, "a") == "newest");
  CHECK(get_text(*both.follower.store, "a", "null") == "before versions");
  CHECK(ports::all_versions(*both.follower.store, {}) == ports::all_versions(*both.home.store, {}));
  // Entries come in pages of any size.
  for (size_t limit = 1; limit <= 3; ++limit) {
    std::map<std::string, uint64_t> paged;
    std::string after;
    for (auto page = both.home.store->entries(contract_bucket, after, limit); !page.empty();
         page = both.home.store->entries(contract_bucket, after, limit)) {
      for (const auto& entry : page) {
        CHECK(entry.name > after);
        after = entry.name;
        paged[entry.name] = entry.stamp;
      }
    }
    CHECK(paged == both.home.entries());
  }
}

TEST_CASE("versions that a follower missed, and those that went meanwhile, are put right by comparing") {
  HomeAndFollower both;
  keep_versions(both.home);
  const std::string large = sample_text(300'000);
  REQUIRE(put_text(*both.home.store, "a", "1"));
  const std::string first = both.home.store->find_version(contract_bucket, "a", "")->object.version.id();
  REQUIRE(put_text(*both.home.store, "a", "2"));
  REQUIRE(put_text(*both.home.store, "b", "3"));
  both.away = true;
  CHECK(!put_text(*both.home.store, "a", large));
  CHECK(!both.home.store->remove_version(contract_bucket, "a", first, {}));
  CHECK(!both.home.store->remove(contract_bucket, "b", {}));
  CHECK(both.home.entries() != both.follower.entries());
  both.away = false;
  both.compare();
  REQUIRE(both.follower.store->tidy());
  CHECK(both.home.entries() == both.follower.entries());
  CHECK(ports::all_versions(*both.follower.store, {}) ==
        std::vector<std::string>{"a 300000 # newest", "a 1 #", "b marker # newest", "b 1 #"});
  CHECK(get_text(*both.follower.store, "a") == large);
  CHECK(get_text(*both.follower.store, "b").error().code == Code::not_found);
  // A change of what is said of an older version goes there, too, and does not make it the current one.
  const auto second = both.home.store->list_versions(contract_bucket, {})->versions[1].object.version.id();
  REQUIRE(both.home.store->describe(contract_bucket, "a", second, [](ports::ObjectMeta& meta) -> Result<void> {
    meta.tags = {{"x", "y"}};
    return {};
  }));
  CHECK(both.home.entries() == both.follower.entries());
  CHECK(get_text(*both.follower.store, "a") == large);
  CHECK((*both.follower.store->open(contract_bucket, "a", second))->meta().tags.size() == 1);
}

TEST_CASE("the id of a version that was deleted is not given again, also where the clock is behind all versions") {
  HomeAndFollower both;
  keep_versions(both.home);
  const auto newest = [&](Kept& at) { return at.store->find_version(contract_bucket, "a", "")->object.version.id(); };
  // The home before had a clock that was an hour ahead.
  both.home.runtime.sleep_for(1h);
  REQUIRE(put_text(*both.home.store, "a", "1"));
  both.follower.store->set_sink(nullptr);
  REQUIRE(put_text(*both.follower.store, "a", "2"));
  const std::string second = newest(both.follower);
  REQUIRE(both.follower.store->remove_version(contract_bucket, "a", second, {}));
  REQUIRE(put_text(*both.follower.store, "a", "3"));
  CHECK(newest(both.follower) != second);
  // Whoever asks for the deletion once more does not delete what came since.
  REQUIRE(both.follower.store->remove_version(contract_bucket, "a", second, {}));
  CHECK(*get_text(*both.follower.store, "a") == "3");
}

TEST_CASE("nothing of a lower epoch is accepted, also by a store that is opened again") {
  HomeAndFollower both;
  REQUIRE(both.follower.store->raise_epoch(contract_bucket, 5));
  both.epoch = 4;
  CHECK(put_text(*both.home.store, "a", "old").error().code == Code::conflict);
  both.follower.open();
  CHECK(both.follower.store->epoch(contract_bucket) == 5);
  CHECK(put_text(*both.home.store, "b", "old").error().code == Code::conflict);
  both.epoch = 5;
  CHECK(put_text(*both.home.store, "c", "new"));
  CHECK(both.follower.entries().size() == 1);
}

TEST_CASE("a bucket that was dropped and comes again has nothing of its first time, also when it is opened again") {
  HomeAndFollower both;
  REQUIRE(put_text(*both.home.store, "a", "text"));
  REQUIRE(both.follower.store->forget_bucket(contract_bucket));
  CHECK(both.follower.store->buckets().empty());
  both.home.store->set_sink(nullptr);
  REQUIRE(both.home.store->remove(contract_bucket, "a", {}));
  both.give_key();
  both.follower.open();
  CHECK(both.follower.entries().empty());
}

/// Content for a record that never came.
void take_orphan(Kept& at, char name) {
  REQUIRE(at.store->take_content(contract_bucket, std::string(32, name), 0, "whole", true));
  REQUIRE(at.store->take_content(contract_bucket, std::string(31, name) + "0", 0, "a piece", false));
}

TEST_CASE("content whose record never came goes with the bucket, at the latest an hour after its last piece") {
  HomeAndFollower both;
  const auto content = [&] { return *LocalMedium(both.follower.folder).names(ports::Folder::content); };
  REQUIRE(put_text(*both.home.store, "kept", std::string(300'000, 'k')));
  const auto kept = content();
  REQUIRE(kept.size() == 1);

  take_orphan(both.follower, 'a');
  // Sent once more for a change that never came: the record that is here needs it.
  REQUIRE(both.follower.store->take_content(contract_bucket, kept[0], 0, "the piece", false));
  both.follower.runtime.sleep_for(59min);
  REQUIRE(both.follower.store->tidy());
  CHECK(content().size() == 4);
  both.follower.runtime.sleep_for(2min);
  REQUIRE(both.follower.store->tidy());
  CHECK(content() == kept);
  CHECK(*get_text(*both.follower.store, "kept") == std::string(300'000, 'k'));

  take_orphan(both.follower, 'b');
  REQUIRE(both.follower.store->forget_bucket(contract_bucket));
  REQUIRE(both.follower.store->tidy());
  CHECK(content().empty());
}

TEST_CASE("no record or file of another kind is taken") {
  HomeAndFollower both;
  const auto& store = both.follower.store;
  CHECK(store->accept(contract_bucket, 1, "nonsense").error().code == Code::invalid);
  CHECK(store->accept(std::string(32, '9'), 1, "nonsense").error().code == Code::not_found);
  CHECK(store->take_content(contract_bucket, "../../keys/stolen", 0, "x", true).error().code == Code::invalid);
  CHECK(store->take_content(contract_bucket, std::string(32, 'a'), 5, "x", true).error().code == Code::not_found);
  CHECK(store->read_content("../keys/acme.tenant", 0).error().code == Code::invalid);
}

}  // namespace barrio::adapters::sealed_store_copies_test
