#pragma once
// The life of an app's own server at a site, whatever runs it: started, asked whether it is ready and alive, restarted
// with back-off, replaced by its next generation, taken away. One fiber keeps each generation. What starts and ends it
// is the technology's (ServerKind): adapters/podman and adapters/process have theirs; a cluster does all of this by
// itself.

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "decide/generations/generations.h"
#include "decide/health/health.h"
#include "net/address.h"
#include "net/http.h"
#include "ports/runtime.h"
#include "ports/workload_runtime.h"

namespace barrio::adapters {

/// One HTTP call to a server that is asked for its health; what a stranger answers should be bounded there.
using ProbeServer = std::function<Result<net::Response>(const net::SocketAddress&, net::Request, Time deadline)>;

/// One generation of a replica. Each technology derives its own.
struct KeptServer : decide::KeptGeneration {
  std::string name;  // of the replica and its generation
  Time started{};
};

struct ServerTimes {
  decide::RestartDelay::Limits restart = {};
  Duration look_every = 500ms;    // at one that serves, beside its probes
  Duration ready_period = 200ms;  // between questions until it is ready
  decide::RetireLimits retire = {};
};

/// How a technology starts and ends one; called in its fiber, which they may park.
template <class T>
struct ServerKind {
  /// Starts it, or finds it running, and says its endpoint.
  std::function<Result<void>(T&)> start;
  /// Looks at it; why it does not run any more, or none. Errors: that cannot be told now.
  std::function<Result<std::optional<std::string>>(T&)> ended;
  /// Ends it, with some grace; it may be started again.
  std::function<void(T&)> stop;
  /// Nobody wants it any more: returns when nothing of it is left.
  std::function<void(T&)> take_away;
  /// What has failed while it was started or was not ready yet, for its tenant. None: the error's own text.
  std::function<std::string(const Error&)> in_words = {};
};

/// "netns:PID:INODE@127.0.0.1:PORT": the loopback of a process that is in a network of its own. Errors: unavailable,
/// denied.
Result<std::string> loopback_of(uint32_t pid, int port);
/// True: an answer from 200 to 399 came within the check's time.
bool answers(ports::Runtime& runtime, const ProbeServer& probe, const std::string& endpoint, const HealthCheck& check);

/// T: derived of KeptServer. Owned by a runtime of workloads, on its loop; must not be destroyed while that may run.
template <class T>
class ServerKeeper {
 public:
  using Kept = std::shared_ptr<T>;

  /// `in_flight`: requests of a replica; none: ServerTimes::retire.longest is waited for.
  ServerKeeper(ports::Runtime& runtime, ServerKind<T> kind, ProbeServer probe, ServerTimes times,
               std::function<size_t(const ReplicaId&)> in_flight)
      : runtime_(runtime),
        kind_(std::move(kind)),
        probe_(std::move(probe)),
        times_(times),
        in_flight_(std::move(in_flight)) {}

  /// Has the generation of `one` kept, unless it is already.
  void want(const Kept& one) {
    Kept* place = generations_.want(one->order);
    if (place == nullptr) return;
    *place = one;
    std::erase_if(kept_, [](const auto& known) { return known.expired(); });
    kept_.push_back(one);
    runtime_.spawn("server " + one->name, [this, one] { keep(one); });
  }
  /// False: there is no such replica.
  bool forget(const ReplicaId& id) { return generations_.forget(id); }
  bool contains(const ReplicaId& id) const { return generations_.contains(id); }
  /// Null: no such replica.
  Kept newest(const ReplicaId& id) const { return generations_.newest(id); }
  /// Also one that nobody wants, while its fiber is at it.
  bool is_kept(const std::string& name) const {
    return std::ranges::any_of(kept_, [&](const auto& known) {
      const Kept one = known.lock();
      return one && one->name == name;
    });
  }
  std::vector<ports::WorkloadStatus> list() {
    for (const Kept& before : generations_.promote())
      runtime_.spawn("retire " + before->name, [this, before] { retire(before); });
    std::vector<ports::WorkloadStatus> statuses;
    for (decide::ShownReplica& shown : generations_.show())
      statuses.push_back({std::move(shown.report), std::move(shown.app), std::move(shown.endpoint)});
    return statuses;
  }
  /// From now on another process of this site acts on them; this one only looks.
  void stand_down() { stood_down_ = true; }
  bool stood_down() const { return stood_down_; }
  bool acts_on(const T& one) const { return !one.unwanted && !runtime_.stopping() && !stood_down_; }

 private:
  static constexpr Duration step = 50ms;
  enum class Untold { fails, passes };  // that one cannot be looked at now
  /// A question that a fiber of its own waits for.
  struct Question {
    std::unique_ptr<ports::Signal> answered;
    std::optional<bool> answer = {};
  };

  void keep(const Kept& one) {
    decide::RestartDelay delay(times_.restart);
    while (acts_on(*one)) {
      one->started = runtime_.now();
      run_once(*one);
      if (!acts_on(*one)) break;
      const Duration wait = delay.after_running(runtime_.now() - one->started, runtime_.rng());
      one->phase = ReplicaPhase::failed;
      ++one->restarts;
      log_warning("server failed", {{"server", one->name},
                                    {"why", one->detail},
                                    {"next", to_string(std::chrono::floor<std::chrono::milliseconds>(wait))}});
      const Time again = runtime_.now() + wait;
      while (acts_on(*one) && runtime_.now() < again) runtime_.sleep_for(std::min(step, again - runtime_.now()));
      if (acts_on(*one)) one->phase = ReplicaPhase::starting;
    }
    if (!one->unwanted || runtime_.stopping() || stood_down_) return;
    one->phase = ReplicaPhase::stopping;
    one->detail = "ends";
    kind_.take_away(*one);
  }

  /// Until it has failed, or is not wanted any more; the reason is in its detail.
  void run_once(T& one) {
    auto up = kind_.start(one);
    if (up) up = await_ready(one);
    if (!acts_on(one)) return;
    std::string why = up ? watch(one) : kind_.in_words ? kind_.in_words(up.error()) : up.error().text();
    if (!acts_on(one)) return;
    one.detail = std::move(why);
    one.endpoint.clear();
  }

  /// Errors: why it does not run any more.
  Result<void> look(T& one, Untold untold) {
    auto how = kind_.ended(one);
    if (!how && untold == Untold::passes) return {};
    TRY_DO(how);
    if (*how) return fail(Code::unavailable, std::move(**how));
    return {};
  }

  /// As answers(), with looks at the server meanwhile: it may keep its answer back for as long as the check waits.
  /// False as soon as nobody wants it. Errors: why it does not run any more.
  Result<bool> ask(T& one, const HealthCheck& check, Untold untold) {
    const auto question = std::make_shared<Question>();
    question->answered = runtime_.make_signal();
    runtime_.spawn("probe " + one.name, [this, question, endpoint = one.endpoint, check] {
      question->answer = answers(runtime_, probe_, endpoint, check);
      question->answered->notify();
    });
    while (acts_on(one)) {
      question->answered->wait_until(runtime_.now() + times_.look_every);
      if (question->answer) return *question->answer;
      TRY_DO(look(one, untold));
    }
    return false;
  }

  Result<void> await_ready(T& one) {
    const HealthCheck check = one.server().ready.value_or(HealthCheck());
    const Time latest = runtime_.now() + one.server().start_within;
    one.detail = "waits for " + check.path + " to answer";
    while (acts_on(one)) {
      TRY(const bool answered, ask(one, check, Untold::fails));
      if (answered) {
        one.phase = ReplicaPhase::ready;
        one.detail.clear();
        return {};
      }
      TRY_DO(look(one, Untold::fails));
      if (runtime_.now() >= latest) {
        kind_.stop(one);
        return fail(Code::timed_out, "was not ready after " + to_string(one.server().start_within));
      }
      runtime_.sleep_for(times_.ready_period);
    }
    return {};
  }

  /// Why it does not run any more.
  std::string watch(T& one) {
    const HealthCheck ready = one.server().ready.value_or(HealthCheck());
    const std::optional<HealthCheck>& live = one.server().live;
    decide::Misses not_ready, not_live;
    Time next_ready = runtime_.now() + ready.every;
    Time next_live = runtime_.now() + (live ? live->every : Duration::zero());
    Time next_look = runtime_.now();
    while (acts_on(one)) {
      const Time now = runtime_.now();
      if (now >= next_look) {
        next_look = now + times_.look_every;
        if (auto runs = look(one, Untold::passes); !runs) return runs.error().what;
      }
      if (now >= next_ready) {
        next_ready = now + ready.every;
        const auto answered = ask(one, ready, Untold::passes);
        if (!answered) return answered.error().what;
        if (!acts_on(one)) break;
        not_ready.note(*answered);
        const bool out = not_ready.reached(ready.failures);
        one.phase = out ? ReplicaPhase::starting : ReplicaPhase::ready;
        one.detail = out ? ready.path + " does not answer" : "";
      }
      if (live && now >= next_live) {
        next_live = now + live->every;
        const auto answered = ask(one, *live, Untold::passes);
        if (!answered) return answered.error().what;
        if (!acts_on(one)) break;
        not_live.note(*answered);
        if (not_live.reached(live->failures)) {
          one.phase = ReplicaPhase::failed;
          kind_.stop(one);
          return live->path + " did not answer " + std::to_string(live->failures) + " times in a row";
        }
      }
      runtime_.sleep_for(step);
    }
    return "";
  }

  /// The new generation serves, and this earlier one has some time to answer what it has.
  void retire(const Kept& one) {
    const Time since = runtime_.now();
    while (!runtime_.stopping() && one->phase == ReplicaPhase::ready) {
      const bool idle = in_flight_ && in_flight_(one->order.id) == 0;
      if (times_.retire.over(runtime_.now() - since, idle)) break;
      runtime_.sleep_for(std::min<Duration>(20ms, times_.retire.shortest));
    }
    if (!runtime_.stopping()) one->unwanted = true;
  }

  ports::Runtime& runtime_;
  ServerKind<T> kind_;
  ProbeServer probe_;
  ServerTimes times_;
  std::function<size_t(const ReplicaId&)> in_flight_;
  decide::Generations<T> generations_;
  std::vector<std::weak_ptr<T>> kept_;  // whose fiber has not ended
  bool stood_down_ = false;
};

}  // namespace barrio::adapters
