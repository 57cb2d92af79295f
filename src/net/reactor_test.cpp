#include "net/reactor.h"

#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace barrio::net::reactor_test {
namespace {

/// Notes that it ran, and asks for another one if told to.
struct Noting final : SoonTask {
  Noting(Reactor& in, std::string& text, char name) : reactor(in), notes(text), letter(name) {}
  void run_soon() override {
    notes += letter;
    if (next != nullptr) reactor.soon(*next);
  }
  Reactor& reactor;
  std::string& notes;
  char letter;
  SoonTask* next = nullptr;
};

TEST_CASE("what is to run soon runs in order, after events, posted work and timers, and within the turn") {
  Reactor reactor;
  std::string notes;
  Noting first(reactor, notes, 'a');
  Noting second(reactor, notes, 'b');
  Noting after_first(reactor, notes, 'c');
  first.next = &after_first;
  reactor.soon(first);
  reactor.post([&] { notes += 'p'; });
  reactor.call_at(reactor.now(), [&] {
    notes += 't';
    reactor.soon(second);
  });
  reactor.turn(5s);
  CHECK(notes == "ptabc");
}

TEST_CASE("of few events each is finished before the next; what many ask for gathers until all are seen") {
  struct Asking final : IoHandler {
    Asking(Reactor& in, std::string& text) : reactor(in), notes(text), task(in, text, 's') {}
    void on_io(uint32_t) override {
      notes += 'e';
      reactor.unwatch(fd, *this);
      reactor.soon(task);
    }
    Reactor& reactor;
    std::string& notes;
    Noting task;
    int fd = ::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  };
  const auto notes_of = [](size_t events) {
    Reactor reactor;
    std::string notes;
    std::vector<std::unique_ptr<Asking>> all;
    for (size_t i = 0; i < events; ++i) {
      all.push_back(std::make_unique<Asking>(reactor, notes));
      reactor.watch(all.back()->fd, EPOLLIN, *all.back());
    }
    reactor.turn(5s);
    for (const auto& one : all) ::close(one->fd);
    return notes;
  };
  CHECK(notes_of(2) == "eses");
  CHECK(notes_of(6) == "eeeeeessssss");
}

TEST_CASE("what another thread has finished does not wait for all the events that came meanwhile") {
  struct Noticing final : IoHandler {
    Noticing(Reactor& in, std::string& text) : reactor(in), notes(text), task(in, text, 's') {}
    void on_io(uint32_t) override {
      notes += 'e';
      reactor.unwatch(fd, *this);
      if (notes != "ee") return;
      // Of a worker, in this moment; its answers are sent at once.
      reactor.post([this] {
        notes += 'p';
        reactor.soon(task);
      });
    }
    Reactor& reactor;
    std::string& notes;
    Noting task;
    int fd = ::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  };
  Reactor reactor;
  std::string notes;
  std::vector<std::unique_ptr<Noticing>> all;
  for (size_t i = 0; i < 6; ++i) {
    all.push_back(std::make_unique<Noticing>(reactor, notes));
    reactor.watch(all.back()->fd, EPOLLIN, *all.back());
  }
  reactor.turn(5s);
  for (const auto& one : all) ::close(one->fd);
  CHECK(notes == "eepseeee");
}

TEST_CASE("a task that is forgotten does not run, even by one that runs before it") {
  Reactor reactor;
  std::string notes;
  Noting kept(reactor, notes, 'k');
  Noting gone(reactor, notes, 'g');
  struct Forgetting final : SoonTask {
    Forgetting(Reactor& in, SoonTask& task) : reactor(in), other(task) {}
    void run_soon() override { reactor.forget(other); }
    Reactor& reactor;
    SoonTask& other;
  } forgetting(reactor, gone);
  reactor.soon(forgetting);
  reactor.soon(gone);
  reactor.soon(kept);
  reactor.turn(0s);
  CHECK(notes == "k");
}

TEST_CASE("tasks that ask for themselves again and again do not keep the loop from its events") {
  Reactor reactor;
  std::string notes;
  Noting endless(reactor, notes, 'e');
  endless.next = &endless;
  bool fired = false;
  reactor.call_at(reactor.now(), [&] { fired = true; });
  reactor.soon(endless);
  for (int turn = 0; turn < 3; ++turn) reactor.turn(5s);  // and it does not sleep while one waits
  CHECK(fired);
  CHECK(notes.size() >= 3);
  reactor.forget(endless);
}

TEST_CASE("a loop that polls busily takes events, posted work and timers as one that sleeps does") {
  Reactor reactor;
  reactor.set_busy_poll(20ms);
  struct Count final : IoHandler {
    void on_io(uint32_t) override { ++seen; }
    int seen = 0;
  } count;
  const int fd = ::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  reactor.watch(fd, EPOLLIN | EPOLLET, count);
  reactor.turn(5s);
  CHECK(count.seen == 1);
  bool fired = false;
  const Time due = reactor.fresh_now() + 30ms;  // beyond the spinning
  reactor.call_at(due, [&] { fired = true; });
  while (!fired) reactor.turn(5s);
  CHECK(reactor.now() >= due);
  bool posted = false;
  std::thread other([&] { reactor.post([&] { posted = true; }); });
  const Time limit = reactor.fresh_now() + 5s;
  while (!posted && reactor.now() < limit) reactor.turn(1s);
  other.join();
  CHECK(posted);
  reactor.unwatch(fd, count);
  ::close(fd);
}

}  // namespace
}  // namespace barrio::net::reactor_test
