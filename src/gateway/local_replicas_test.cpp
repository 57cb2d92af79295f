#include "gateway/local_replicas.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace barrio::gateway::local_replicas_test {
namespace {

constexpr Time start{1000s};
const ReplicaId nobody;

std::vector<LocalReplicas::Ready> ready(std::initializer_list<const char*> names) {
  std::vector<LocalReplicas::Ready> all;
  for (const char* name : names) all.push_back({ReplicaId::of(name), std::string("unix:/") + name});
  return all;
}

constexpr Duration objective = 200ms;

void over(LocalReplicas& replicas, const ReplicaId& id, bool probe, ReplicaOutcome outcome, Time now) {
  replicas.over({.id = id, .probe = probe, .at = now, .objective = objective}, outcome, now);
}

void fail_once(LocalReplicas& replicas, const char* name, Time now) {
  over(replicas, ReplicaId::of(name), false, ReplicaOutcome::failed, now);
}

std::string picked_id(LocalReplicas& replicas, const ReplicaId& avoid, Time now) {
  const auto picked = replicas.pick(avoid, now);
  return picked ? picked->id.str() : "nobody";
}

TEST_CASE("requests go to the replica with the fewest in flight, and not again to the one that failed them") {
  LocalReplicas replicas;
  replicas.adopt(ready({"a", "b"}));
  CHECK(picked_id(replicas, nobody, start) == "a");
  CHECK(picked_id(replicas, nobody, start) == "b");
  over(replicas, ReplicaId::of("b"), false, ReplicaOutcome::served, start);
  CHECK(picked_id(replicas, nobody, start) == "b");
  over(replicas, ReplicaId::of("b"), false, ReplicaOutcome::served, start);
  CHECK(picked_id(replicas, ReplicaId::of("b"), start) == "a");
}

TEST_CASE("one that fails fast does not attract requests, is left alone after three, and comes back by one probe") {
  LocalReplicas replicas;
  replicas.adopt(ready({"bad", "good"}));
  int to_bad = 0;
  for (int i = 0; i < 100; ++i) {
    const auto picked = *replicas.pick(nobody, start);
    const bool bad = picked.id.str() == "bad";
    to_bad += bad ? 1 : 0;
    if (bad) over(replicas, picked.id, picked.probe, ReplicaOutcome::failed, start);  // the good one is still busy
  }
  CHECK(to_bad == 3);
  CHECK(replicas.ejected() == 1);
  CHECK(!replicas.usable_beside(ReplicaId::of("good"), start));
  const auto probe = *replicas.pick(nobody, start + 1s);
  CHECK(probe.id.str() == "bad");
  CHECK(probe.probe);
  CHECK(picked_id(replicas, nobody, start + 1s) == "good");
  over(replicas, ReplicaId::of("bad"), true, ReplicaOutcome::served, start + 1s);
  CHECK(replicas.ejected() == 0);
  CHECK(picked_id(replicas, nobody, start + 1s) == "bad");
}

TEST_CASE("the only replica is used whatever it does") {
  LocalReplicas replicas;
  replicas.adopt(ready({"a"}));
  for (int i = 0; i < 5; ++i) {
    CHECK(picked_id(replicas, ReplicaId::of("a"), start) == "a");
    fail_once(replicas, "a", start);
  }
  CHECK(replicas.ejected() == 1);
}

TEST_CASE("one that a crowd got no answer from gets two at a time, and more again as it answers") {
  LocalReplicas replicas;
  replicas.adopt(ready({"a"}));
  const ReplicaId a = ReplicaId::of("a");
  for (int i = 0; i < 5; ++i) CHECK(picked_id(replicas, nobody, start) == "a");
  const Time given_up = start + 600ms;
  for (int i = 0; i < 5; ++i) replicas.over({a, false, start, objective}, ReplicaOutcome::silent, given_up);
  CHECK(picked_id(replicas, nobody, given_up) == "a");
  CHECK(picked_id(replicas, nobody, given_up) == "a");
  CHECK(picked_id(replicas, nobody, given_up) == "nobody");
  over(replicas, a, false, ReplicaOutcome::served, given_up);  // at once
  CHECK(picked_id(replicas, nobody, given_up) == "a");
  CHECK(picked_id(replicas, nobody, given_up) == "a");
  CHECK(picked_id(replicas, nobody, given_up) == "nobody");
  replicas.adopt(ready({"a", "b"}));
  CHECK(picked_id(replicas, ReplicaId::of("b"), given_up) == "b");
}

TEST_CASE("one that turns requests away by itself gets all of a crowd, though it once said nothing for long") {
  LocalReplicas replicas;
  replicas.adopt(ready({"a"}));
  const ReplicaId a = ReplicaId::of("a");
  for (int i = 0; i < 5; ++i) CHECK(picked_id(replicas, nobody, start) == "a");
  over(replicas, a, false, ReplicaOutcome::declined, start);
  for (int i = 0; i < 4; ++i) replicas.over({a, false, start, objective}, ReplicaOutcome::silent, start + 600ms);
  for (int i = 0; i < 9; ++i) CHECK(picked_id(replicas, nobody, start + 600ms) == "a");
}

TEST_CASE("a new list of replicas keeps what is known of those that stay") {
  LocalReplicas replicas;
  replicas.adopt(ready({"a", "b"}));
  for (int i = 0; i < 3; ++i) fail_once(replicas, "a", start);
  replicas.adopt(ready({"c", "a"}));
  CHECK(replicas.ejected() == 1);
  CHECK(picked_id(replicas, nobody, start) == "c");
  over(replicas, ReplicaId::of("b"), false, ReplicaOutcome::served, start);  // gone meanwhile
}

TEST_CASE("for all histories: an ejected replica gets nothing while another is usable, but for one probe at a time") {
  CHECK(rc::check([] {
    LocalReplicas replicas;
    replicas.adopt(ready({"a", "b", "c"}));
    struct Sent {
      ReplicaId id;
      bool probe;
    };
    std::vector<Sent> open;
    Time now = start;
    for (int i = 0; i < 200; ++i) {
      now += std::chrono::milliseconds(*rc::gen::inRange(0, 800));
      if (open.empty() || *rc::gen::arbitrary<bool>()) {
        const size_t ejected = replicas.ejected();
        const auto picked = *replicas.pick(nobody, now);
        // Only "a" fails, so another is always usable: an ejected "a" is asked as a probe or not at all.
        RC_ASSERT(picked.probe == (picked.id.str() == "a" && ejected == 1));
        open.push_back({picked.id, picked.probe});
      } else {
        const auto index = *rc::gen::inRange<size_t>(0, open.size());
        const Sent sent = open[index];
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
        // "a" never works.
        const auto outcome = sent.id.str() == "a" ? ReplicaOutcome::failed : ReplicaOutcome::served;
        over(replicas, sent.id, sent.probe, outcome, now);
      }
      const auto probes = std::ranges::count_if(open, [](const Sent& sent) { return sent.probe; });
      RC_ASSERT(probes <= 1);
    }
  }));
}

}  // namespace
}  // namespace barrio::gateway::local_replicas_test
