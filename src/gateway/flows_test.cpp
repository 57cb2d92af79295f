#include "gateway/flows.h"

#include <doctest/doctest.h>

namespace barrio::gateway::flows_test {

namespace {

const AppKey video{TenantId::of("city"), AppName::of("video")};
constexpr Time start{1000s};

struct World {
  FlowTable flows;
  FlowId madrid = flows.find(video, nullptr, {40.4, -3.7});

  void answered(int count, Time now) {
    for (int i = 0; i < count; ++i) flows.answered(madrid, {.served_by = SiteId::of("mad1")}, now);
  }
  Flow at(Time now) const {
    const auto recent = flows.recent(now);
    REQUIRE(recent.size() == 1);
    return recent.front();
  }
};

}  // namespace

TEST_CASE("what is offered is counted by the second, and the present second not yet") {
  World w;
  w.answered(30, start);
  CHECK(w.at(start + 500ms).offered_2s == 0);
  w.answered(10, start + 1s);
  CHECK(w.at(start + 1s).offered_2s == doctest::Approx(15));
  CHECK(w.at(start + 2s).offered_2s == doctest::Approx(20));
  CHECK(w.at(start + 2s).offered_10s == doctest::Approx(4));
  CHECK(w.at(start + 5s).offered_2s == 0);
  CHECK(w.at(start + 10s).offered_10s == doctest::Approx(4));
  CHECK(w.at(start + 11s).offered_10s == doctest::Approx(1));
}

TEST_CASE("requests that were refused for want of replicas were offered, those that no replica would help were not") {
  World w;
  w.flows.refused(w.madrid, RefusalReason::unavailable, start);
  w.flows.refused(w.madrid, RefusalReason::overloaded, start);
  w.flows.refused(w.madrid, RefusalReason::objective, start);
  w.flows.refused(w.madrid, RefusalReason::policy, start);
  w.flows.refused(w.madrid, RefusalReason::unknown_app, start);
  CHECK(w.at(start + 1s).offered_2s == doctest::Approx(1.5));
  CHECK(w.at(start + 1s).refused == 5);
  CHECK(w.at(start + 1s).refusal == "unknown_app");
}

TEST_CASE("a long silence leaves nothing of the seconds before it") {
  World w;
  w.answered(30, start);
  w.answered(1, start + 1h);
  CHECK(w.at(start + 1h + 1s).offered_10s == doctest::Approx(0.1));
}

}  // namespace barrio::gateway::flows_test
