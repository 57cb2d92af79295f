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

void fail_once(LocalReplicas& replicas, const char* name, Time now) {
  replicas.over(ReplicaId::of(name), false, ReplicaOutcome::failed, now);
}

TEST_CASE("requests go to the replica with the fewest in flight, and not again to the one that failed them") {
  LocalReplicas replicas;
  replicas.adopt(ready({"a", "b"}));
  CHECK(replicas.pick(nobody, start).id.str() == "a");
  CHECK(replicas.pick(nobody, start).id.str() == "b");
  replicas.over(ReplicaId::of("b"), false, ReplicaOutcome::served, start);
  CHECK(replicas.pick(nobody, start).id.str() == "b");
  replicas.over(ReplicaId::of("b"), false, ReplicaOutcome::served, start);
  CHECK(replicas.pick(ReplicaId::of("b"), start).id.str() == "a");
}

TEST_CASE("one that fails fast does not attract requests, is left alone after three, and comes back by one probe") {
  LocalReplicas replicas;
  replicas.adopt(ready({"bad", "good"}));
  int to_bad = 0;
  for (int i = 0; i < 100; ++i) {
    const auto picked = replicas.pick(nobody, start);
    const bool bad = picked.id.str() == "bad";
    to_bad += bad ? 1 : 0;
    if (bad) replicas.over(picked.id, picked.probe, ReplicaOutcome::failed, start);  // the good one is still busy
  }
  CHECK(to_bad == 3);
  CHECK(replicas.ejected() == 1);
  CHECK(!replicas.usable_beside(ReplicaId::of("good"), start));
  const auto probe = replicas.pick(nobody, start + 1s);
  CHECK(probe.id.str() == "bad");
  CHECK(probe.probe);
  CHECK(replicas.pick(nobody, start + 1s).id.str() == "good");
  replicas.over(ReplicaId::of("bad"), true, ReplicaOutcome::served, start + 1s);
  CHECK(replicas.ejected() == 0);
  CHECK(replicas.pick(nobody, start + 1s).id.str() == "bad");
}

TEST_CASE("the only replica is used whatever it does") {
  LocalReplicas replicas;
  replicas.adopt(ready({"a"}));
  for (int i = 0; i < 5; ++i) {
    CHECK(replicas.pick(ReplicaId::of("a"), start).id.str() == "a");
    fail_once(replicas, "a", start);
  }
  CHECK(replicas.ejected() == 1);
}

TEST_CASE("a new list of replicas keeps what is known of those that stay") {
  LocalReplicas replicas;
  replicas.adopt(ready({"a", "b"}));
  for (int i = 0; i < 3; ++i) fail_once(replicas, "a", start);
  replicas.adopt(ready({"c", "a"}));
  CHECK(replicas.ejected() == 1);
  CHECK(replicas.pick(nobody, start).id.str() == "c");
  replicas.over(ReplicaId::of("b"), false, ReplicaOutcome::served, start);  // gone meanwhile
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
        const auto picked = replicas.pick(nobody, now);
        // Only "a" fails, so another is always usable: an ejected "a" is asked as a probe or not at all.
        RC_ASSERT(picked.probe == (picked.id.str() == "a" && ejected == 1));
        open.push_back({picked.id, picked.probe});
      } else {
        const auto index = *rc::gen::inRange<size_t>(0, open.size());
        const Sent sent = open[index];
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
        // "a" never works.
        const auto outcome = sent.id.str() == "a" ? ReplicaOutcome::failed : ReplicaOutcome::served;
        replicas.over(sent.id, sent.probe, outcome, now);
      }
      const auto probes = std::ranges::count_if(open, [](const Sent& sent) { return sent.probe; });
      RC_ASSERT(probes <= 1);
    }
  }));
}

}  // namespace
}  // namespace barrio::gateway::local_replicas_test
