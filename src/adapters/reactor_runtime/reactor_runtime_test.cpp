#include <doctest/doctest.h>

#include "adapters/reactor_runtime/reactor_runtime.h"

#include <optional>
#include <thread>

#include "adapters/reactor_runtime/stream_call.h"
#include "net/server.h"

namespace barrio::adapters::reactor_runtime_test {

namespace {

/// Runs `body` in a fiber and the reactor until it has ended.
void run(net::Reactor& reactor, ReactorRuntime& runtime, std::function<void()> body) {
  runtime.spawn("test", [&, body = std::move(body)] {
    body();
    reactor.stop();
  });
  reactor.run();
}

}  // namespace

TEST_CASE("a sleeping fiber wakes at its time while others go on") {
  net::Reactor reactor;
  ReactorRuntime runtime(reactor);
  std::string order;
  runtime.spawn("short", [&] {
    runtime.sleep_for(2ms);
    order += "short ";
  });
  run(reactor, runtime, [&] {
    const Time began = runtime.now();
    runtime.sleep_for(20ms);
    order += "long";
    CHECK(runtime.now() - began >= 20ms);
  });
  CHECK(order == "short long");
}

TEST_CASE("a notify wakes every waiter, and one that nobody waits for is remembered once") {
  net::Reactor reactor;
  ReactorRuntime runtime(reactor);
  auto signal = runtime.make_signal();
  int woken = 0;
  for (int i = 0; i < 2; ++i) {
    runtime.spawn("waiter", [&] { woken += signal->wait_until(Time::max()) ? 1 : 0; });
  }
  run(reactor, runtime, [&] {
    runtime.sleep_for(1ms);
    signal->notify();
    runtime.sleep_for(1ms);
    CHECK(woken == 2);
    CHECK_FALSE(signal->wait_until(runtime.now()));
    signal->notify();
    signal->notify();
    CHECK(signal->wait_until(runtime.now()));
    CHECK_FALSE(signal->wait_until(runtime.now() + 1ms));
  });
}

TEST_CASE("blocking work runs on another thread while fibers go on") {
  net::Reactor reactor;
  ReactorRuntime runtime(reactor, {.offload_threads = 2, .seed = 1});
  bool other_ran = false;
  run(reactor, runtime, [&] {
    auto signal = runtime.make_signal();
    runtime.spawn("other", [&] {
      other_ran = true;
      signal->notify();
    });
    std::thread::id worker;
    runtime.offload([&] { worker = std::this_thread::get_id(); });
    CHECK(worker != std::this_thread::get_id());
    CHECK(signal->wait_until(runtime.now() + 5s));
  });
  CHECK(other_ran);
}

TEST_CASE("begin_stop ends present waits, and the destructor unwinds what still waits") {
  net::Reactor reactor;
  std::string trace;
  {
    ReactorRuntime runtime(reactor);
    auto never = runtime.make_signal();
    runtime.spawn("loop", [&] {
      while (!runtime.stopping()) runtime.sleep_for(1h);
      trace += "loop ended;";
      const std::unique_ptr<int, std::function<void(int*)>> note(new int(0), [&](int* p) {
        delete p;
        trace += "unwound;";
      });
      never->wait_until(Time::max());
      trace += "not reached";
    });
    run(reactor, runtime, [&] {
      runtime.sleep_for(1ms);
      CHECK(runtime.fiber_names() == std::vector<std::string>{"loop", "test"});
      runtime.begin_stop();
      runtime.sleep_for(1ms);
      bool told = false;
      runtime.offload([&] { told = runtime.stopping(); });
      CHECK(told);
    });
  }
  CHECK(trace == "loop ended;unwound;");
}

TEST_CASE("fetch parks until the answer has come, and names what failed") {
  net::Reactor reactor;
  net::MessageServer server(reactor, {}, [](net::Request request, net::Responder respond) {
    respond({.status = 200, .headers = {}, .body = "you asked for " + request.target});
  });
  const auto address = server.listen(*net::SocketAddress::parse("127.0.0.1:0"));
  REQUIRE(address.has_value());
  net::Client client(reactor, {});
  ReactorRuntime runtime(reactor);
  run(reactor, runtime, [&] {
    net::Request request;
    request.target = "/thing";
    const auto answer = fetch(runtime, client, *address, request, runtime.now() + 5s);
    REQUIRE(answer.has_value());
    CHECK(answer->body == "you asked for /thing");
    const auto nobody =
        fetch(runtime, client, *net::SocketAddress::parse("unix:/nonexistent/socket"), request, runtime.now() + 1s);
    REQUIRE_FALSE(nobody.has_value());
    CHECK(nobody.error().code == Code::unavailable);
  });
}

TEST_CASE("a streamed answer comes in pieces, until it ends, is not wanted any more, or the runtime stops") {
  net::Reactor reactor;
  ReactorRuntime runtime(reactor);
  net::Client client(reactor, {});
  std::vector<net::Responder> open;
  net::MessageServer server(reactor, {}, [&](const net::Request& request, net::Responder answer) {
    if (request.target == "/refused") return answer({403, {}, "no"});
    answer.begin({200, {{"X-Kind", "lines"}}, "one\n"});
    open.push_back(std::move(answer));
  });
  const auto address = server.listen(*net::SocketAddress::parse("127.0.0.1:0"));
  REQUIRE(address);
  std::string seen;
  const auto take = [&](int status, std::string_view piece) {
    seen += std::to_string(status) + " " + std::string(piece);
    return piece != "stop\n";
  };
  const auto ask = [&](const std::string& target, Duration within) {
    seen.clear();
    return stream(runtime, client, *address, {.target = target}, runtime.now() + within, take);
  };
  run(reactor, runtime, [&] {
    runtime.spawn("server", [&] {
      while (open.empty()) runtime.sleep_for(1ms);
      CHECK(seen == "200 one\n");  // before the answer has ended
      open[0].write("two\n");
      runtime.sleep_for(5ms);
      open[0].end();
    });
    const auto whole = ask("/", 5s);
    REQUIRE(whole);
    CHECK((whole->status == 200 && net::find_header(whole->headers, "x-kind") == "lines" && whole->body.empty()));
    CHECK(seen == "200 one\n200 two\n");
    CHECK(ask("/refused", 5s)->status == 403);
    CHECK(seen == "403 no");
    CHECK(ask("/", 30ms).error().code == Code::timed_out);
    open.clear();
    runtime.spawn("server", [&] {
      while (open.empty()) runtime.sleep_for(1ms);
      open[0].write("stop\n");
    });
    CHECK(ask("/", 5s).error().code == Code::cancelled);
    open.clear();
    runtime.spawn("server", [&] {
      while (open.empty()) runtime.sleep_for(1ms);
      open.clear();  // cut
    });
    CHECK(ask("/", 5s).error().code == Code::unavailable);
    runtime.spawn("end", [&] {
      while (open.empty()) runtime.sleep_for(1ms);
      runtime.begin_stop();
    });
    CHECK(ask("/", 60s).error().code == Code::cancelled);
  });
}

}  // namespace barrio::adapters::reactor_runtime_test
