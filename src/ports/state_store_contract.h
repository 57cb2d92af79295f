#pragma once
// What every StateStore must do; each adapter's test runs it. Include after doctest.

#include <functional>
#include <map>
#include <memory>

#include "ports/inline_runtime.h"
#include "ports/state_store.h"

namespace barrio::ports {

inline std::string value_of(StateStore& store, const std::string& key) {
  auto entry = store.get(key);
  REQUIRE(entry);
  return *entry ? (*entry)->value : "(none)";
}

inline void check_commits(StateStore& store) {
  CHECK(!*store.get("a"));
  auto first = store.commit({{"a", 0}}, {{"a", "1"}});
  REQUIRE(first);
  CHECK(*first > 0);
  auto entry = store.get("a");
  CHECK((*entry)->value == "1");
  CHECK((*entry)->revision == *first);
  auto second = store.commit({{"a", *first}}, {{"a", "2"}, {"b", "3"}});
  REQUIRE(second);
  CHECK(*second > *first);
  CHECK(value_of(store, "a") == "2");
  CHECK((*store.get("b"))->revision == *second);
}

inline void check_guards(StateStore& store) {
  const auto first = store.commit({}, {{"a", "1"}});
  REQUIRE(first);
  const auto exists = store.commit({{"a", 0}}, {{"a", "2"}, {"b", "2"}});
  REQUIRE(!exists);
  CHECK(exists.error().code == Code::conflict);
  REQUIRE(store.commit({{"a", *first}}, {{"a", "3"}}));
  CHECK(store.commit({{"a", *first}}, {{"a", "4"}}).error().code == Code::conflict);
  // One failed guard among good ones fails all.
  const auto now = (*store.get("a"))->revision;
  CHECK(store.commit({{"a", now}, {"c", 7}}, {{"b", "5"}}).error().code == Code::conflict);
  CHECK(value_of(store, "a") == "3");
  CHECK(value_of(store, "b") == "(none)");
  CHECK(store.commit({{"a", now}, {"c", 0}}, {{"b", "5"}}));
}

inline void check_removal(StateStore& store) {
  REQUIRE(store.commit({}, {{"a", "1"}, {"b", "1"}}));
  const auto removed = store.commit({}, {{"a", std::nullopt}});
  REQUIRE(removed);
  CHECK(value_of(store, "a") == "(none)");
  CHECK(*store.commit({}, {{"a", std::nullopt}}) == *removed);  // nothing changed
  CHECK(*store.commit({{"a", 0}}, {}) == *removed);
  CHECK(store.commit({{"a", 0}}, {{"a", "again"}}));
}

inline void check_listing(StateStore& store) {
  const auto revision =
      store.commit({}, {{"site/b", "2"}, {"site/a", "1"}, {"sitf", "x"}, {"site", "x"}, {"site0", "x"}});
  auto listing = store.list("site/");
  REQUIRE(listing);
  CHECK(listing->revision == *revision);
  REQUIRE(listing->entries.size() == 2);
  CHECK(listing->entries[0].key == "site/a");
  CHECK(listing->entries[1].value == "2");
  CHECK(store.list("")->entries.size() == 5);
  CHECK(store.list("z")->entries.empty());
  REQUIRE(store.commit({}, {{"\xff\xff", "y"}, {"%_", "z"}}));
  CHECK(store.list("\xff")->entries.size() == 1);
  CHECK(store.list("%")->entries.size() == 1);
  const auto keys = [&](const KeyRange& range) {
    std::string all;
    const auto ranged = store.list(range);
    for (const Entry& entry : ranged->entries) all += entry.key + " ";
    return all;
  };
  CHECK(keys({"site", "site/b", ""}) == "site/b site0 ");
  CHECK(keys({"site", "", "site/b"}) == "site site/a ");
  CHECK(keys({"site", "site/a", "site0"}) == "site/a site/b ");
  CHECK(keys({"site/", "a", "z"}) == "site/a site/b ");
  CHECK(keys({"", "", "site"}) == "%_ ");
  CHECK(keys({"site/", "site/b", "site/b"}).empty());
}

inline void check_any_bytes(StateStore& store) {
  const std::string zeros("a\0b\0", 4);
  const std::string large(1 << 20, 'x');
  REQUIRE(store.commit({}, {{"zeros", zeros}, {"large", large}, {"empty", ""}}));
  CHECK(value_of(store, "zeros") == zeros);
  CHECK(value_of(store, "large") == large);
  CHECK(value_of(store, "empty") == "");
}

inline void check_waiting(StateStore& store, Runtime& runtime) {
  const auto seen = store.commit({}, {{"a", "1"}});
  const Time until = runtime.now() + 5s;
  CHECK(*store.wait_for_change(*seen - 1, until) == *seen);
  CHECK(runtime.now() < until);
  CHECK(*store.wait_for_change(*seen, until) == *seen);
  CHECK(runtime.now() >= until);
  const auto next = store.commit({}, {{"a", "2"}});
  CHECK(*store.wait_for_change(*seen, runtime.now() + 5s) == *next);
}

/// Random commits, guarded and not, against a plain map.
inline void check_against_model(StateStore& store) {
  Rng rng(7);
  std::map<std::string, Entry> model;
  for (int round = 0; round < 150; ++round) {
    const std::string key = "k" + std::to_string(rng.below(6));
    const bool known = model.contains(key);
    const bool stale = rng.below(4) == 0;
    const Revision guard = (known ? model[key].revision : 0) + (stale ? 1 : 0);
    const bool removes = rng.below(3) == 0;
    std::optional<std::string> value;
    if (!removes) value = std::to_string(rng.next());
    auto committed = store.commit({{key, guard}}, {{key, value}});
    CHECK(committed.has_value() == !stale);
    if (!committed) continue;
    if (removes)
      model.erase(key);
    else
      model[key] = {key, *value, *committed};
  }
  auto listing = store.list("");
  REQUIRE(listing->entries.size() == model.size());
  for (const Entry& entry : listing->entries) {
    CHECK(entry.value == model[entry.key].value);
    CHECK(entry.revision == model[entry.key].revision);
  }
}

/// A lease is a key that only its holder keeps: whoever guards by it writes only while it lasts.
inline void check_leases(StateStore& store, Runtime& runtime) {
  const auto first = store.hold("lead", "one", 2s, 0);
  REQUIRE(first);
  CHECK(value_of(store, "lead") == "one");
  CHECK(store.hold("lead", "two", 2s, 0).error().code == Code::conflict);
  REQUIRE(store.commit({first->guard()}, {{"a", "1"}}));
  for (int i = 0; i < 3; ++i) {  // kept for longer than it lasts by itself
    runtime.sleep_for(1s);
    REQUIRE(store.keep(*first));
  }
  REQUIRE(store.commit({first->guard()}, {{"a", "2"}}));
  const Revision before = *store.wait_for_change(0, runtime.now());
  CHECK(*store.wait_for_change(before, runtime.now() + 20s) > before);  // its end is a change
  CHECK(value_of(store, "lead") == "(none)");
  CHECK(store.commit({first->guard()}, {{"a", "stale"}}).error().code == Code::conflict);
  CHECK(store.keep(*first).error().code == Code::not_found);
  const auto second = store.hold("lead", "two", 60s, 0);
  REQUIRE(second);
  CHECK(store.commit({first->guard()}, {{"a", "stale"}}).error().code == Code::conflict);
  REQUIRE(store.release(*first));  // of one that has ended: leaves the present one alone
  REQUIRE(store.commit({second->guard()}, {{"a", "3"}}));
  CHECK(value_of(store, "a") == "3");
}

inline void check_handing_over(StateStore& store) {
  const auto first = store.hold("lead", "one", 60s, 0);
  REQUIRE(first);
  // Who knows the revision takes it over, as a restarted process does from its dead self.
  const auto second = store.hold("lead", "two", 60s, first->revision);
  REQUIRE(second);
  CHECK(second->revision > first->revision);
  CHECK(store.commit({first->guard()}, {{"a", "stale"}}).error().code == Code::conflict);
  CHECK(store.hold("lead", "three", 60s, first->revision).error().code == Code::conflict);
  REQUIRE(store.release(*first));
  CHECK(value_of(store, "lead") == "two");
  REQUIRE(store.keep(*second));
  REQUIRE(store.release(*second));
  CHECK(value_of(store, "lead") == "(none)");
  CHECK(store.keep(*second).error().code == Code::not_found);
}

inline void check_limits(StateStore& store) {
  std::vector<Guard> guards;
  std::vector<Write> writes;
  for (size_t i = 0; i < most_writes; ++i) {
    const std::string key = "k" + std::to_string(i);
    guards.push_back({key, 0});
    writes.push_back({key, "x"});
  }
  const auto whole = store.commit(guards, writes);
  REQUIRE_MESSAGE(whole, (whole ? "" : whole.error().text()));
  CHECK(store.list("k")->entries.size() == most_writes);
  writes.push_back({"one more", "x"});
  CHECK(store.commit({}, writes).error().code == Code::exhausted);
  CHECK(store.commit({}, {{"large", std::string(most_commit_bytes, 'x')}}).error().code == Code::exhausted);
  CHECK(value_of(store, "one more") == "(none)");
  CHECK(store.commit({}, {{"large", std::string(most_commit_bytes - 5, 'x')}}));
}

/// `store` is empty.
inline void check_state_store(StateStore& store_under_test, Runtime& runtime) {
  StateStore* const store = &store_under_test;
  SUBCASE("commits are readable at once and revisions grow") {
    check_commits(*store);
  }
  SUBCASE("a commit whose guard fails writes nothing") {
    check_guards(*store);
  }
  SUBCASE("what is removed is gone, and removing nothing changes nothing") {
    check_removal(*store);
  }
  SUBCASE("a listing has exactly the keys with the prefix, in order, at one revision") {
    check_listing(*store);
  }
  SUBCASE("keys and values are any bytes") {
    check_any_bytes(*store);
  }
  SUBCASE("waiting ends at a change or at its time") {
    check_waiting(*store, runtime);
  }
  SUBCASE("it agrees with a map over random commits") {
    check_against_model(*store);
  }
  SUBCASE("a lease lasts while it is kept, and fences what its holder writes") {
    check_leases(*store, runtime);
  }
  SUBCASE("who takes a lease over shuts its last holder out") {
    check_handing_over(*store);
  }
  SUBCASE("a commit of the largest size is taken, and a larger one refused as a whole") {
    check_limits(*store);
  }
}

/// `make` gives an empty store each time.
inline void check_state_store(const std::function<std::unique_ptr<StateStore>(Runtime&)>& make) {
  InlineRuntime runtime;
  auto store = make(runtime);
  check_state_store(*store, runtime);
}

}  // namespace barrio::ports
