#include "decide/batching/scheduler.h"

#include <doctest/doctest.h>

#include <cmath>

#include "decide/batching/device_test.h"

namespace barrio::decide::scheduler_test {

using namespace device_test;
namespace {

const Profile a5c1 = Profile::affine(5ms, 1ms, 64);

Work soft(WorkId id, Duration deadline, ModelIndex model = 0) {
  return {.id = id, .model = model, .deadline = start + deadline};
}

Work of(Urgency urgency, Work work) {
  work.urgency = urgency;
  return work;
}

TEST_CASE("what waits when the device becomes free runs together") {
  TestDevice device({}, {a5c1});
  CHECK(device.offer(soft(1, 100ms)));
  for (WorkId id = 2; id <= 5; ++id) CHECK(device.offer(soft(id, 100ms)));
  device.run_out();
  CHECK(device.batches == std::vector<size_t>{1, 4});
  CHECK(device.ended.at(1).at == start + 6ms);
  CHECK(device.ended.at(5).at == start + 6ms + 9ms);
}

TEST_CASE("a head that would make the batch small is given up as soon as the larger one starts") {
  TestDevice device({}, {a5c1});
  CHECK(device.offer(soft(1, 6ms)));
  CHECK(device.offer(soft(2, 14ms)));
  // With it 3 could run (8 ms), without it all 9 of these (14 ms).
  device.run_until(start + 1ms);
  for (WorkId id = 3; id <= 11; ++id) CHECK(device.offer(soft(id, 22ms)));
  device.run_out();
  CHECK(device.ended.at(2).how == Ended::How::dropped);
  CHECK(device.ended.at(2).why == Dropped::Why::sacrificed);
  CHECK(device.ended.at(2).at == start + 6ms);
  CHECK(device.batches == std::vector<size_t>{1, 9});
}

TEST_CASE("a hard head is kept, whatever it costs, and others are refused for it") {
  TestDevice device({}, {a5c1});
  CHECK(device.offer(soft(1, 6ms)));
  CHECK(device.offer(of(Urgency::hard, soft(2, 14ms))));
  device.run_until(start + 1ms);
  for (WorkId id = 3; id <= 11; ++id) device.offer(soft(id, 22ms));
  device.run_out();
  CHECK(device.ended.at(2).at == start + 14ms);
  // Two with it, and what can still follow until 22 ms.
  CHECK(device.batches == std::vector<size_t>{1, 3, 3});
}

TEST_CASE("no batch makes another model's head late; a long one is cut") {
  TestDevice device({}, {Profile::affine(3ms, 500us, 32), Profile::affine(8ms, 1ms, 64)});
  CHECK(device.offer(soft(1, 1s, 1)));  // runs until 9 ms
  CHECK(device.offer(soft(2, 30ms, 0)));
  for (WorkId id = 3; id <= 40; ++id) CHECK(device.offer(soft(id, 500ms, 1)));
  device.run_out();
  CHECK(device.ended.at(2).how == Ended::How::ran);
  CHECK(device.ended.at(2).at <= start + 30ms);
  for (WorkId id = 3; id <= 40; ++id) CHECK(device.ended.at(id).at <= start + 500ms);
}

TEST_CASE("a work that cannot make it alone is refused with the earliest time that would do") {
  TestDevice device({}, {a5c1});
  CHECK(!device.offer(soft(1, 5ms)));
  CHECK(device.declined.why == Decline::Why::too_late);
  CHECK(device.declined.predicted_finish == start + 6ms);
  CHECK(device.declined.retry_after == 1ms);
  CHECK(device.offer(soft(2, 6ms)));
}

TEST_CASE("behind a run that lasts too long it is refused, and the deadline that it is told would do does") {
  TestDevice device({}, {a5c1, Profile::affine(50ms, 1ms, 8)});
  CHECK(device.offer(soft(1, 1s, 1)));  // until 51 ms
  CHECK(!device.offer(soft(2, 20ms)));
  CHECK(device.declined.why == Decline::Why::overloaded);
  CHECK(device.declined.predicted_finish == start + 57ms);
  CHECK(device.declined.retry_after == 37ms);
  CHECK(!device.offer(soft(3, 56ms)));
  CHECK(device.offer(soft(4, 57ms)));
  device.run_out();
  CHECK(device.ended.at(4).at == start + 57ms);
}

TEST_CASE("the margin is taken off every deadline") {
  TestDevice device({.margin = 2ms}, {a5c1});
  CHECK(!device.offer(soft(1, 7ms)));
  CHECK(device.declined.predicted_finish == start + 8ms);
  CHECK(device.offer(soft(2, 8ms)));
}

TEST_CASE("one device never waits for more; several under load do, until the head can take only one more") {
  for (const size_t slots : {1, 4}) {
    TestDevice device({.slots = slots}, {a5c1});
    // 1000 a second, enough to keep four devices at batches of one busy.
    WorkId id = 0;
    for (int i = 0; i < 200; ++i) {
      device.run_until(start + i * 1ms);
      device.offer(soft(++id, i * 1ms + 25ms));
    }
    device.run_out();
    double sum = 0;
    for (const size_t batch : device.batches) sum += static_cast<double>(batch);
    const double mean = sum / static_cast<double>(device.batches.size());
    INFO("slots " << slots << ", mean batch " << mean);
    if (slots == 4) CHECK(mean > 2);
    if (slots == 4) CHECK(device.ended.size() == 200);
  }
}

TEST_CASE("on a CPU the earliest deadline goes first, at most two at a time") {
  TestDevice device({.slots = 1, .is_cpu = true}, {Profile::affine(0ms, 10ms, 64), Profile::affine(0ms, 10ms, 64)});
  CHECK(device.offer(soft(1, 10ms)));
  CHECK(device.offer(soft(2, 90ms, 0)));
  CHECK(device.offer(soft(3, 40ms, 1)));
  CHECK(device.offer(soft(4, 60ms, 0)));
  CHECK(device.offer(soft(5, 30ms, 1)));
  device.run_out();
  CHECK(device.ended.at(5).at <= device.ended.at(3).at);
  CHECK(device.ended.at(3).at < device.ended.at(4).at);
  CHECK(device.ended.at(4).at <= device.ended.at(2).at);
  for (const size_t batch : device.batches) CHECK(batch <= 2);
}

TEST_CASE("a hard work displaces a soft one that would make it late") {
  TestDevice device({}, {Profile::affine(0ms, 10ms, 1)});
  CHECK(device.offer(soft(1, 10ms)));
  CHECK(device.offer(soft(2, 20ms)));
  CHECK(!device.offer(soft(3, 20ms)));
  CHECK(device.offer(of(Urgency::hard, soft(4, 20ms))));
  device.run_out();
  CHECK(device.ended.at(2).why == Dropped::Why::displaced);
  CHECK(device.ended.at(2).at == start);
  CHECK(device.ended.at(4).at == start + 20ms);
}

TEST_CASE("a tenant within its share is served beside another's flood") {
  for (const double weight : {1.0, 3.0}) {
    TestDevice device({}, {a5c1});
    Rng rng(7);
    std::map<uint32_t, int> offered;
    WorkId id = 0;
    for (Time at = start; at < start + 4s; at += Duration(static_cast<int64_t>(-std::log(1 - rng.unit()) * 4e5))) {
      device.run_until(at);
      // 2500 a second, a twentieth of them tenant 1's: far less than its share.
      const uint32_t tenant = rng.below(20) == 0 ? 1 : 0;
      Work work{.id = ++id, .model = 0, .deadline = at + 25ms};
      work.tenant = tenant;
      work.weight = tenant == 1 ? weight : 1;
      ++offered[tenant];
      device.offer(work);
    }
    device.run_out();
    std::map<uint32_t, int> ran;
    for (const auto& [which, end] : device.ended) {
      if (end.how == Ended::How::ran) ++ran[device.admitted.at(which).tenant];
    }
    INFO("flood " << ran[0] << " of " << offered[0] << ", other " << ran[1] << " of " << offered[1]);
    CHECK(ran[1] > 0.9 * offered[1]);
    CHECK(ran[0] > 1500);
  }
}

TEST_CASE("a crowd that arrives at once: those that cannot be answered are refused at once") {
  TestDevice device({}, {a5c1});
  int taken = 0;
  for (WorkId id = 1; id <= 100; ++id) taken += device.offer(soft(id, 25ms)) ? 1 : 0;
  device.run_out();
  int ran = 0;
  for (const auto& [id, end] : device.ended) ran += end.how == Ended::How::ran ? 1 : 0;
  CHECK(ran == 1 + 14);
  CHECK(taken <= ran + 1);
}

TEST_CASE("best effort takes what is left, in batches that could not make late what may come") {
  TestDevice device({}, {a5c1});
  for (int i = 0; i < 20; ++i) {
    device.run_until(start + i * 10ms);
    CHECK(device.offer(soft(1000 + static_cast<WorkId>(i), i * 10ms + 25ms)));
    for (WorkId id = 1; id <= 10; ++id) {
      CHECK(device.offer({.id = static_cast<WorkId>(i) * 10 + id, .model = 0, .urgency = Urgency::best_effort}));
    }
  }
  device.run_out();
  for (const auto& [id, end] : device.ended) {
    CHECK(end.how == Ended::How::ran);
    // 19 ms, and 6 for the one that may come just then.
    CHECK(end.batch <= 14);
  }
}

TEST_CASE("best effort is not starved: under any load one runs within a second and a deadline") {
  for (const Urgency urgency : {Urgency::soft, Urgency::hard}) {
    TestDevice device({}, {a5c1});
    CHECK(device.offer({.id = 1, .model = 0, .urgency = Urgency::best_effort}));
    CHECK(device.offer({.id = 2, .model = 0, .urgency = Urgency::best_effort}));
    WorkId id = 10;
    for (int i = 0; i < 6000; ++i) {
      device.run_until(start + i * 400us);
      device.offer(of(urgency, soft(++id, i * 400us + 25ms)));
      if (i == 100) CHECK(device.offer({.id = 3, .model = 0, .urgency = Urgency::best_effort}));
    }
    REQUIRE(device.ended.contains(2));
    CHECK(device.ended.at(2).at < start + 1s + 60ms);
    REQUIRE(device.ended.contains(3));
    CHECK(device.ended.at(3).at < start + 2s + 100ms);
    device.run_out();
    for (const auto& [which, end] : device.ended) {
      if (urgency == Urgency::hard) CHECK(end.how == Ended::How::ran);
    }
  }
}

TEST_CASE("cancelled, removed, unknown, and one too many") {
  TestDevice device({.most_waiting = 3}, {a5c1, a5c1});
  CHECK(!device.offer(soft(1, 100ms, 7)));
  CHECK(device.declined.why == Decline::Why::unknown_model);
  CHECK(device.offer(soft(2, 100ms)));  // runs
  CHECK(device.offer(soft(3, 100ms)));
  CHECK(device.offer(soft(4, 100ms, 1)));
  CHECK(device.offer({.id = 5, .model = 1, .urgency = Urgency::best_effort}));
  CHECK(!device.offer(soft(6, 100ms)));
  CHECK(device.declined.why == Decline::Why::queue_full);
  CHECK(!device.scheduler.cancel(2));
  device.cancel(3);
  CHECK(device.ended.at(3).how == Ended::How::cancelled);
  device.scheduler.remove_model(1);
  CHECK(device.scheduler.waiting() == 0);
  const auto dropped = device.scheduler.take_dropped();
  REQUIRE(dropped.size() == 2);
  CHECK(dropped[0].id == 4);
  CHECK(dropped[1].id == 5);
  CHECK(dropped[1].why == Dropped::Why::removed);
  device.run_until(start + 1s);
  CHECK(device.ended.at(2).how == Ended::How::ran);
}

TEST_CASE("a run that takes longer than its profile makes late only what cannot make it any more") {
  TestDevice device({}, {a5c1});
  device.took = [first = true](Duration profile) mutable { return std::exchange(first, false) ? 20ms : profile; };
  CHECK(device.offer(soft(1, 100ms)));
  CHECK(device.offer(soft(2, 25ms)));
  CHECK(device.offer(soft(3, 40ms)));
  device.run_out();
  CHECK(device.ended.at(2).how == Ended::How::dropped);
  CHECK(device.ended.at(2).why == Dropped::Why::late);
  CHECK(device.ended.at(2).at == start + 20ms);
  CHECK(device.ended.at(3).at == start + 26ms);
}

TEST_CASE("a model runs only as often at once as it may, and what is admitted counts on no more") {
  const Profile single = Profile::affine(5ms, 5ms, 1);
  TestDevice device({.slots = 3}, {single, single});
  device.scheduler.set_model(0, single, 1);
  CHECK(device.offer(soft(1, 25ms)));
  CHECK(device.offer(soft(2, 25ms)));
  CHECK(!device.offer(soft(3, 25ms)));
  CHECK(device.declined.predicted_finish == start + 30ms);
  CHECK(device.offer({.id = 4, .urgency = Urgency::best_effort}));
  CHECK(device.scheduler.running() == 1);
  CHECK(device.offer({.id = 5, .model = 1, .deadline = start + 12ms}));
  CHECK(device.offer({.id = 6, .model = 1, .deadline = start + 12ms}));
  CHECK(device.scheduler.running() == 3);
  device.run_out();
  CHECK(device.ended.at(1).at == start + 10ms);
  CHECK(device.ended.at(5).at == start + 10ms);
  CHECK(device.ended.at(6).at == start + 10ms);
  CHECK(device.ended.at(2).at == start + 20ms);
  CHECK(device.ended.at(4).at == start + 30ms);
}

TEST_CASE("when a request would be finished is told without keeping it") {
  TestDevice device({}, {a5c1});
  CHECK(device.scheduler.predicted_finish(0, start) == start + 6ms);
  CHECK(device.offer(soft(1, 100ms)));
  CHECK(device.offer(soft(2, 100ms)));
  CHECK(device.scheduler.predicted_finish(0, start) == start + 6ms + 7ms);
  CHECK(!device.scheduler.predicted_finish(3, start));
  CHECK(device.scheduler.waiting() == 1);
}

}  // namespace
}  // namespace barrio::decide::scheduler_test
