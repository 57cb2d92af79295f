#pragma once
// A scheduler's device in virtual time: batches take what their profile says, or what a test makes of it.

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "base/rng.h"
#include "decide/batching/scheduler.h"

namespace barrio::decide::device_test {

constexpr Time start{1000s};

struct Ended {
  enum class How { ran, dropped, cancelled };
  How how = How::ran;
  Time at{};
  Dropped::Why why = Dropped::Why::late;  // of the dropped
  size_t batch = 0;                       // of those that ran
};

class TestDevice {
 public:
  TestDevice(DeviceConfig config, std::vector<Profile> profiles) : scheduler(config), profiles_(std::move(profiles)) {
    for (ModelIndex model = 0; model < profiles_.size(); ++model) scheduler.set_model(model, profiles_[model]);
  }

  /// True: it was admitted.
  bool offer(Work work) {
    work.arrived = now;
    const auto answer = scheduler.admit(work, now);
    note_dropped();
    if (const auto* no = std::get_if<Decline>(&answer)) {
      declined = *no;
      return false;
    }
    admitted[work.id] = work;
    step();
    return true;
  }
  void cancel(WorkId id) {
    if (scheduler.cancel(id)) end(id, {.how = Ended::How::cancelled, .at = now});
    step();
  }
  /// Everything that happens until then, that instant included.
  void run_until(Time until) {
    while (true) {
      Time next = ask_again_;
      for (const auto& [slot, run] : running_) next = std::min(next, run.end);
      if (next > until) break;
      now = std::max(now, next);
      step();
    }
    now = until;
  }
  void run_out() {
    run_until(now + 1h);
    CHECK(scheduler.waiting() == 0);
    CHECK(scheduler.running() == 0);
  }

  DeviceScheduler scheduler;
  Time now = start;
  std::map<WorkId, Work> admitted;
  std::map<WorkId, Ended> ended;
  std::vector<size_t> batches;
  Decline declined;
  std::function<Duration(Duration)> took = [](Duration profile) { return profile; };

 private:
  struct Run {
    Time end{};
    std::vector<WorkId> ids;
  };
  void end(WorkId id, Ended how) {
    CHECK(admitted.contains(id));
    CHECK_MESSAGE(!ended.contains(id), "work " << id << " ended twice");
    ended[id] = how;
  }
  void note_dropped() {
    for (const Dropped& drop : scheduler.take_dropped()) {
      end(drop.id, {.how = Ended::How::dropped, .at = now, .why = drop.why});
    }
  }
  void step() {
    for (auto run = running_.begin(); run != running_.end();) {
      if (run->second.end > now) {
        ++run;
        continue;
      }
      scheduler.finished(run->first, now);
      for (const WorkId id : run->second.ids) {
        end(id, {.how = Ended::How::ran, .at = run->second.end, .batch = run->second.ids.size()});
      }
      run = running_.erase(run);
    }
    ask_again_ = Time::max();
    while (true) {
      const Next next = scheduler.next(now);
      const auto* batch = std::get_if<RunBatch>(&next);
      if (batch != nullptr) begin(*batch);
      if (const auto* wait = std::get_if<WaitUntil>(&next)) {
        CHECK(wait->time > now);
        ask_again_ = wait->time;
      }
      note_dropped();
      if (batch == nullptr) break;
    }
  }
  void begin(const RunBatch& batch) {
    CHECK_MESSAGE(!running_.contains(batch.slot), "slot " << batch.slot << " runs already");
    CHECK(!batch.ids.empty());
    CHECK(batch.ids.size() <= profiles_[batch.model].max_batch());
    CHECK(batch.predicted_end == now + profiles_[batch.model].of(batch.ids.size()));
    for (const WorkId id : batch.ids) {
      const Work& work = admitted.at(id);
      CHECK(work.model == batch.model);
      if (work.deadline && work.urgency != Urgency::best_effort) {
        CHECK_MESSAGE(batch.predicted_end <= *work.deadline, "work " << id << " runs though it will be late");
      }
    }
    batches.push_back(batch.ids.size());
    running_[batch.slot] = {now + took(batch.predicted_end - now), {batch.ids.begin(), batch.ids.end()}};
  }

  std::vector<Profile> profiles_;
  std::map<uint32_t, Run> running_;
  Time ask_again_ = Time::max();
};

}  // namespace barrio::decide::device_test
