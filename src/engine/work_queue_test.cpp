#include "engine/work_queue.h"

#include <doctest/doctest.h>

#include "engine/fake_model_test.h"

namespace barrio::engine::work_queue_test {

TEST_CASE("work waits in order before the threads, up to the bound") {
  net::Reactor reactor;
  Gate gate;
  std::vector<int> done;
  WorkQueue queue(reactor, 1, 2);
  CHECK(queue.run([open = gate.open] { open.wait(); }, [&] { done.push_back(0); }));
  CHECK(queue.run([] {}, [&] { done.push_back(1); }));
  CHECK(queue.run([] {}, [&] { done.push_back(2); }));
  CHECK(queue.waiting() == 2);
  CHECK_FALSE(queue.run([] {}, [&] { done.push_back(3); }));
  gate.release();
  while (done.size() < 3) reactor.turn(100ms);
  CHECK(done == std::vector{0, 1, 2});
  // What is told may bring more.
  bool again = false;
  CHECK(queue.run([] {}, [&] { CHECK(queue.run([] {}, [&] { again = true; })); }));
  while (!again) reactor.turn(100ms);
}

}  // namespace barrio::engine::work_queue_test
