#include "net/worker_pool.h"

#include <doctest/doctest.h>

#include <future>
#include <set>
#include <thread>

namespace barrio::net::worker_pool_test {

TEST_CASE("work runs off the loop and its end is told on the loop") {
  Reactor reactor;
  WorkerPool pool(reactor, 2);
  std::set<std::thread::id> threads[2];
  const auto loop = std::this_thread::get_id();
  size_t done = 0;
  std::function<void(size_t, int)> again = [&](size_t worker, int left) {
    pool.run(
        worker, [&, worker] { threads[worker].insert(std::this_thread::get_id()); },
        [&, worker, left](WorkDone) {
          CHECK(std::this_thread::get_id() == loop);
          ++done;
          if (left > 1) again(worker, left - 1);
        });
  };
  again(0, 50);
  again(1, 50);
  while (done < 100) reactor.turn(1s);
  // One worker is one thread, so what it works on needs no lock.
  CHECK(threads[0].size() == 1);
  CHECK(threads[1].size() == 1);
  CHECK(*threads[0].begin() != *threads[1].begin());
  CHECK(*threads[0].begin() != loop);
}

TEST_CASE("a pool that ends waits for its work and tells nobody") {
  Reactor reactor;
  bool finished = false;
  bool told = false;
  {
    std::promise<void> started;
    WorkerPool pool(reactor, 1);
    pool.run(
        0,
        [&] {
          started.set_value();
          finished = true;
        },
        [&](WorkDone) { told = true; });
    started.get_future().wait();
  }
  CHECK(finished);
  reactor.turn(0ms);
  CHECK_FALSE(told);
}

}  // namespace barrio::net::worker_pool_test
