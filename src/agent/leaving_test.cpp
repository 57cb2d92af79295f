#include "agent/leaving.h"

#include <doctest/doctest.h>

namespace barrio::agent::leaving_test {
namespace {

const ReplicaId r1 = ReplicaId::of("r1");

struct Watch {
  Leaving leaving;
  std::vector<ReplicaOrder> orders;
  LeaveState state;
  Watch() {
    ReplicaOrder order;
    order.id = r1;
    order.leave_within = 10s;
    orders.push_back(order);
  }
  void look(Duration at) {
    leaving.look(orders, [this](const ReplicaOrder&) { return state; }, Time(at));
  }
};

TEST_CASE(
    "a replica is withdrawn once all gateways know the others, and ends in a later look when nothing is in flight") {
  Watch watch;
  watch.state = {.in_flight = 0, .elsewhere = true};
  watch.look(100s);
  CHECK_FALSE(watch.leaving.withdrawn(r1));
  watch.look(102s + 999ms);
  CHECK_FALSE(watch.leaving.withdrawn(r1));
  watch.look(103s);
  CHECK(watch.leaving.withdrawn(r1));
  CHECK_FALSE(watch.leaving.may_stop(r1));
  watch.state.in_flight = 1;
  watch.look(104s);
  CHECK_FALSE(watch.leaving.may_stop(r1));
  watch.state.in_flight = 0;
  watch.look(105s);
  CHECK(watch.leaving.may_stop(r1));
}

TEST_CASE("a request that never ends is waited for until the time is over") {
  Watch watch;
  watch.state = {.in_flight = 1, .elsewhere = true};
  watch.look(0s);
  watch.look(3s);
  watch.look(12s + 999ms);
  CHECK_FALSE(watch.leaving.may_stop(r1));
  watch.look(13s);
  CHECK(watch.leaving.may_stop(r1));
}

TEST_CASE("when the others stop serving, the replica is back, and its time starts anew") {
  Watch watch;
  watch.look(0s);
  watch.look(3s);
  REQUIRE(watch.leaving.withdrawn(r1));
  watch.state.elsewhere = false;
  watch.look(60s);
  CHECK_FALSE(watch.leaving.withdrawn(r1));
  CHECK_FALSE(watch.leaving.may_stop(r1));
  watch.state.elsewhere = true;
  watch.look(61s);
  watch.look(63s);
  CHECK_FALSE(watch.leaving.withdrawn(r1));
  watch.orders.clear();  // control changed its mind
  watch.look(70s);
  CHECK_FALSE(watch.leaving.withdrawn(r1));
}

}  // namespace
}  // namespace barrio::agent::leaving_test
