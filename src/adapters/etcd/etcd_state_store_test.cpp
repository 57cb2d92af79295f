#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "adapters/etcd/etcd_state_store.h"
#include "adapters/etcd/local_etcd_test.h"
#include "ports/state_store_contract.h"

namespace barrio::adapters::etcd_state_store_test {

namespace {

/// Every test has keys of its own in the one cluster.
struct Fixture {
  explicit Fixture(LocalEtcd& etcd, size_t most = 16 * 1024 * 1024)
      : loop(most), store(loop, loop.caller(), config(etcd)) {}
  static EtcdConfig config(LocalEtcd& etcd) {
    static int made = 0;
    EtcdConfig config{.endpoints = etcd.endpoints(), .prefix = "test" + std::to_string(++made) + "/"};
    return config;
  }
  BlockingLoop loop;
  EtcdStateStore store;
};

}  // namespace

TEST_CASE("the store on etcd keeps the contract of a StateStore") {
  static LocalEtcd etcd(1);
  if (!etcd.started()) return;
  Fixture f(etcd);
  ports::check_state_store(f.store, f.loop);
}

TEST_CASE("a listing of many and large entries is whole and at one revision, though pages are short") {
  static LocalEtcd etcd(1);
  if (!etcd.started()) return;
  Fixture f(etcd, 400'000);
  for (int i = 0; i < 12; ++i) {
    std::vector<ports::Write> writes;
    for (int j = 0; j < 100; ++j) writes.push_back({"k" + std::to_string(1000 + i * 100 + j), std::string(1000, 'x')});
    REQUIRE(f.store.commit({}, std::move(writes)));
  }
  const auto all = f.store.list("k");
  REQUIRE_MESSAGE(all, (all ? "" : all.error().text()));
  CHECK(all->entries.size() == 1200);
  CHECK(all->entries.front().key == "k1000");
  CHECK(all->entries.back().key == "k2199");
  // One entry alone that no answer can hold is an error, not a loop.
  REQUIRE(f.store.commit({}, {{"z", std::string(900'000, 'x')}}));
  CHECK(f.store.list("z").error().code == Code::exhausted);
}

TEST_CASE("a change of another client ends a wait") {
  static LocalEtcd etcd(1);
  if (!etcd.started()) return;
  Fixture f(etcd);
  const auto seen = f.store.commit({}, {{"a", "1"}});
  REQUIRE(seen);
  ports::Revision next = 0;
  f.loop.at(f.loop.now() + 250ms, [&] { next = *f.store.commit({}, {{"a", "2"}}); });
  const Time begun = f.loop.now();
  CHECK(*f.store.wait_for_change(*seen, begun + 10s) == next);
  CHECK(f.loop.now() - begun < 2s);
}

TEST_CASE(
    "with three members, writes go on when any one of them is killed or stands still, and nothing acknowledged "
    "is lost") {
  static LocalEtcd etcd(3);
  if (!etcd.started()) return;
  Fixture f(etcd);
  std::map<std::string, std::string> acknowledged;
  Duration longest{};
  int failed = 0;
  int number = 0;
  const auto write_for = [&](Duration duration) {
    for (const Time until = f.loop.now() + duration; f.loop.now() < until; ++number) {
      const std::string key = "k" + std::to_string(number % 50);
      const Time begun = f.loop.now();
      const auto known = f.store.get(key);
      if (!known) {
        ++failed;
        continue;
      }
      const auto done = f.store.commit({{key, *known ? (*known)->revision : 0}}, {{key, std::to_string(number)}});
      longest = std::max(longest, f.loop.now() - begun);
      if (done)
        acknowledged[key] = std::to_string(number);
      else
        ++failed;
    }
  };
  write_for(300ms);
  for (size_t member = 0; member < 3; ++member) {
    etcd.kill(member);
    write_for(1500ms);
    etcd.start(member);
    write_for(1500ms);
  }
  etcd.signal(etcd.leader(f.loop), SIGSTOP);
  write_for(3s);
  etcd.signal_all(SIGCONT);
  write_for(500ms);
  for (const auto& [key, value] : acknowledged) CHECK(ports::value_of(f.store, key) == value);
  CHECK(failed == 0);
  CHECK(longest < 5s);
  MESSAGE(number << " writes; the longest took " << to_ms(longest) << " ms");
}

}  // namespace barrio::adapters::etcd_state_store_test
