#include "net/reactor.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <utility>
#include <vector>

#include "base/check.h"
#include "net/timer_heap.h"

namespace barrio::net {

Time read_clock() {
  timespec spec{};
  CHECK(clock_gettime(CLOCK_MONOTONIC, &spec) == 0);
  return Time(std::chrono::seconds(spec.tv_sec) + Duration(spec.tv_nsec));
}

namespace {
/// Of soon(): tasks that ask for each other must not keep events waiting.
constexpr int most_rounds = 4;
/// Where no more events than these have come, each is finished before the next begins: what it sends does not wait for
/// the others. Where there are more, gathering what they send costs less time than it takes.
constexpr int few_events = 4;
}  // namespace

struct Reactor::State {
  explicit State(Clock the_clock) : clock(the_clock) {}
  const Clock clock;
  int epoll = -1;
  int wake = -1;
  Time now;
  Time woke;
  Duration longest_turn{};
  Duration busy_poll{};
  TimerHeap timers;
  std::vector<SoonTask*> soon;
  std::vector<SoonTask*> running_soon;  // swapped out of soon; null: forgotten
  std::array<epoll_event, 256> events{};
  int event_count = 0;
  bool has_nanosecond_wait = true;
  std::atomic<bool> stopping = false;
  std::mutex mutex;
  std::atomic<bool> has_posted = false;
  std::vector<std::function<void()>> posted;   // under mutex
  std::vector<std::function<void()>> running;  // swapped out of posted

  void control(int operation, int fd, uint32_t mask, IoHandler& handler) const {
    epoll_event event{};
    event.events = mask;
    event.data.ptr = &handler;
    CHECK(epoll_ctl(epoll, operation, fd, &event) == 0);
  }

  void ring() const {
    const uint64_t one = 1;
    // EAGAIN means that the counter is full, and then the loop is woken anyway.
    [[maybe_unused]] const ssize_t written = ::write(wake, &one, sizeof(one));
  }

  /// True: something has come.
  bool spin(Duration most) {
    const Time until = now + most;
    do {
      event_count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 0);
      if (event_count > 0) return true;
    } while (clock() < until);
    return false;
  }

  void wait(Duration most) {
    most = std::max(most, Duration(0));
    if (busy_poll > Duration(0) && most > Duration(0)) {
      const Duration spinning = std::min(busy_poll, most);
      if (spin(spinning)) return;
      most -= spinning;
    }
    const int size = static_cast<int>(events.size());
    event_count = -1;
    if (has_nanosecond_wait) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(most);
      const timespec spec{seconds.count(), (most - seconds).count()};
      event_count = epoll_pwait2(epoll, events.data(), size, &spec, nullptr);
      if (event_count < 0 && errno == ENOSYS) has_nanosecond_wait = false;
    }
    if (!has_nanosecond_wait) {
      // Rounded up, so that a timer never makes the loop spin.
      const auto ms = std::min<int64_t>(std::chrono::ceil<std::chrono::milliseconds>(most).count(), 1'000'000);
      event_count = epoll_wait(epoll, events.data(), size, static_cast<int>(ms));
    }
    if (event_count < 0) {
      CHECK(errno == EINTR);
      event_count = 0;
    }
  }

  /// What other threads have finished is not made to wait for all that came meanwhile: a device would stand idle.
  void dispatch() {
    const bool few = event_count <= few_events;
    for (int i = 0; i < event_count; ++i) {
      const epoll_event event = events[static_cast<size_t>(i)];
      if (event.data.ptr == nullptr) continue;
      if (event.data.ptr == this) {
        uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(wake, &count, sizeof(count));
      } else {
        static_cast<IoHandler*>(event.data.ptr)->on_io(event.events);
        if (few) run_soon();
      }
      if (i + 1 == event_count || !has_posted.load(std::memory_order_relaxed)) continue;
      run_posted();
      run_soon();
    }
    event_count = 0;
  }

  void run_soon() {
    for (int round = 0; round < most_rounds && !soon.empty(); ++round) {
      running_soon.swap(soon);
      for (size_t i = 0; i < running_soon.size(); ++i) {
        if (running_soon[i] != nullptr) running_soon[i]->run_soon();
      }
      running_soon.clear();
    }
  }

  void run_posted() {
    {
      const std::lock_guard lock(mutex);
      running.swap(posted);
      has_posted.store(false, std::memory_order_relaxed);
    }
    for (auto& action : running) action();
    running.clear();
  }
};

Reactor::Reactor(Clock clock) : state_(std::make_unique<State>(clock)) {
  state_->epoll = epoll_create1(EPOLL_CLOEXEC);
  state_->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  CHECK(state_->epoll >= 0 && state_->wake >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = state_.get();
  CHECK(epoll_ctl(state_->epoll, EPOLL_CTL_ADD, state_->wake, &event) == 0);
  state_->now = state_->woke = clock();
}

Reactor::~Reactor() {
  ::close(state_->wake);
  ::close(state_->epoll);
}

Time Reactor::now() const {
  return state_->now;
}

Time Reactor::fresh_now() {
  return state_->now = state_->clock();
}

void Reactor::watch(int fd, uint32_t events, IoHandler& handler) {
  state_->control(EPOLL_CTL_ADD, fd, events, handler);
}

void Reactor::change(int fd, uint32_t events, IoHandler& handler) {
  state_->control(EPOLL_CTL_MOD, fd, events, handler);
}

void Reactor::unwatch(int fd, IoHandler& handler) {
  state_->control(EPOLL_CTL_DEL, fd, 0, handler);
  // Events of another descriptor of the same handler go too. Watched by level they come again; who watches by edge has
  // one descriptor at a time.
  for (int i = 0; i < state_->event_count; ++i) {
    epoll_event& event = state_->events[static_cast<size_t>(i)];
    if (event.data.ptr == &handler) event.data.ptr = nullptr;
  }
}

TimerId Reactor::call_at(Time when, std::function<void()> action) {
  return state_->timers.add(when, std::move(action));
}

TimerId Reactor::call_after(Duration delay, std::function<void()> action) {
  return call_at(state_->now + delay, std::move(action));
}

void Reactor::cancel(TimerId timer) {
  state_->timers.cancel(timer);
}

void Reactor::soon(SoonTask& task) {
  state_->soon.push_back(&task);
}

void Reactor::forget(SoonTask& task) {
  std::erase(state_->soon, &task);
  std::ranges::replace(state_->running_soon, &task, static_cast<SoonTask*>(nullptr));
}

void Reactor::set_busy_poll(Duration most) {
  state_->busy_poll = most;
}

void Reactor::post(std::function<void()> action) {
  bool first = false;
  {
    const std::lock_guard lock(state_->mutex);
    first = state_->posted.empty();
    state_->has_posted.store(true, std::memory_order_relaxed);
    state_->posted.push_back(std::move(action));
  }
  if (first) state_->ring();
}

void Reactor::run() {
  while (!state_->stopping.exchange(false)) turn(60s);
}

Duration Reactor::take_longest_turn() {
  return std::exchange(state_->longest_turn, Duration::zero());
}

void Reactor::stop() {
  state_->stopping = true;
  state_->ring();
}

void Reactor::turn(Duration most) {
  State& state = *state_;
  const Time idle_from = fresh_now();
  state.longest_turn = std::max(state.longest_turn, idle_from - state.woke);
  if (!state.soon.empty()) most = Duration(0);
  if (const auto next = state.timers.next()) most = std::min(most, *next - idle_from);
  state.wait(most);
  state.woke = fresh_now();
  state.dispatch();
  state.run_posted();
  state.timers.run_due(state.now);
  state.run_soon();
}

}  // namespace barrio::net
