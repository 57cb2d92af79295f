#include "engine_policies.h"

#include <algorithm>
#include <deque>

#include "decide/batching/scheduler.h"

namespace barrio::bench {

namespace {

/// One queue for each model, first come first served; the model whose head is oldest goes first.
class Queues : public Policy {
 public:
  explicit Queues(const Scenario& scenario) : queues_(scenario.models.size()) {
    for (const ModelLoad& model : scenario.models) profiles_.push_back(model.profile());
    for (const ModelLoad& model : scenario.models) deadlines_.push_back(model.deadline);
  }
  bool arrived(uint32_t job, const Job& what, Time) override {
    queues_[what.model].push_back({job, what});
    return true;
  }
  void finished(uint32_t, size_t, Time, Time) override {}
  Step next(Time now) override {
    Step later;
    while (true) {
      const auto model = oldest();
      if (!model) break;
      Step step = next_of(*model, now);
      if (step.run) {
        held_.clear();
        return step;
      }
      later.ask_again = std::min(later.ask_again, step.ask_again);
      held_.push_back(*model);
    }
    held_.clear();
    return later;
  }

 protected:
  struct Entry {
    uint32_t job;
    Job what;
  };
  /// Not run: ask_again says when, or never.
  virtual Step next_of(uint32_t model, Time now) = 0;

  Step take(uint32_t model, size_t count) {
    Step step{.run = true, .model = model, .batch = {}};
    for (size_t i = 0; i < count; ++i) {
      step.batch.push_back(queues_[model].front().job);
      queues_[model].pop_front();
    }
    return step;
  }
  void drop_head(uint32_t model) {
    dropped.push_back(queues_[model].front().job);
    queues_[model].pop_front();
  }
  void drop_hopeless(uint32_t model, Time now) {
    while (!queues_[model].empty() && queues_[model].front().what.deadline < now + profiles_[model].of(1))
      drop_head(model);
  }
  /// How many the head can make it with.
  size_t fits(uint32_t model, Time now) const {
    const auto& queue = queues_[model];
    return std::min(queue.size(), profiles_[model].largest_within(queue.front().what.deadline - now));
  }

  std::vector<std::deque<Entry>> queues_;
  std::vector<decide::Profile> profiles_;
  std::vector<Duration> deadlines_;

 private:
  std::optional<uint32_t> oldest() const {
    std::optional<uint32_t> best;
    for (uint32_t model = 0; model < queues_.size(); ++model) {
      if (queues_[model].empty() || std::ranges::find(held_, model) != held_.end()) continue;
      if (!best || queues_[model].front().what.arrived < queues_[*best].front().what.arrived) best = model;
    }
    return best;
  }
  std::vector<uint32_t> held_;
};

class Fixed final : public Queues {
 public:
  Fixed(const Scenario& scenario, Tuning tuning) : Queues(scenario), tuning_(tuning) {}

 private:
  Step next_of(uint32_t model, Time now) override {
    auto& queue = queues_[model];
    while (!queue.empty() && tuning_.queue_timeout > 0ns && now - queue.front().what.arrived > tuning_.queue_timeout) {
      drop_head(model);
    }
    if (queue.empty()) return {};
    const size_t most = std::min(tuning_.batch, profiles_[model].max_batch());
    const Time latest = queue.front().what.arrived + tuning_.delay;
    if (queue.size() < most && now < latest) return {.run = false, .model = 0, .batch = {}, .ask_again = latest};
    return take(model, std::min(most, queue.size()));
  }
  Tuning tuning_;
};

class Aimd final : public Queues {
 public:
  explicit Aimd(const Scenario& scenario) : Queues(scenario), limits_(scenario.models.size(), 1) {}
  void finished(uint32_t model, size_t batch, Time started, Time now) override {
    double& limit = limits_[model];
    if (now - started > deadlines_[model]) {
      limit = std::max(1.0, limit * 0.9);
    } else if (static_cast<double>(batch) >= limit) {
      limit += 1;
    }
  }

 private:
  Step next_of(uint32_t model, Time) override {
    const auto most = std::min(static_cast<size_t>(limits_[model]), profiles_[model].max_batch());
    return take(model, std::min(most, queues_[model].size()));
  }
  std::vector<double> limits_;
};

class EarlyDrop final : public Queues {
 public:
  using Queues::Queues;

 private:
  Step next_of(uint32_t model, Time now) override {
    const size_t target = std::max<size_t>(1, profiles_[model].largest_within(deadlines_[model] / 2));
    auto& queue = queues_[model];
    while (!queue.empty() && fits(model, now) < std::min(target, queue.size())) drop_head(model);
    if (queue.empty()) return {};
    return take(model, std::min(target, queue.size()));
  }
};

class Clockwork final : public Queues {
 public:
  using Queues::Queues;

 private:
  Step next_of(uint32_t model, Time now) override {
    drop_hopeless(model, now);
    if (queues_[model].empty()) return {};
    size_t batch = 1;
    while (batch * 2 <= fits(model, now)) batch *= 2;
    return take(model, batch);
  }
};

class Deferral final : public Queues {
 public:
  using Queues::Queues;

 private:
  Step next_of(uint32_t model, Time now) override {
    drop_hopeless(model, now);
    if (queues_[model].empty()) return {};
    const size_t batch = fits(model, now);
    const decide::Profile& profile = profiles_[model];
    const bool all = batch == queues_[model].size() && batch < profile.max_batch();
    const Time latest = all ? queues_[model].front().what.deadline - profile.of(batch + 1) : now;
    if (now < latest) return {.run = false, .model = 0, .batch = {}, .ask_again = latest};
    return take(model, batch);
  }
};

class Ours final : public Policy {
 public:
  explicit Ours(const Scenario& scenario) : device_({.slots = scenario.devices}), slots_(scenario.devices) {
    for (uint32_t model = 0; model < scenario.models.size(); ++model) {
      device_.set_model(model, scenario.models[model].profile());
    }
  }
  bool arrived(uint32_t job, const Job& what, Time now) override {
    const decide::Work work{
        .id = job,
        .model = what.model,
        .arrived = what.arrived,
        .deadline = what.deadline,
        .urgency = decide::Urgency::soft,
    };
    const bool taken = std::holds_alternative<decide::Accepted>(device_.admit(work, now));
    note_dropped();
    return taken;
  }
  Step next(Time now) override {
    const decide::Next next = device_.next(now);
    Step step;
    if (const auto* batch = std::get_if<decide::RunBatch>(&next)) {
      step.run = true;
      step.model = batch->model;
      for (const decide::WorkId id : batch->ids) step.batch.push_back(static_cast<uint32_t>(id));
      slots_[batch->slot] = {true, now + Duration(batch->predicted_end - now), batch->model};
    } else if (const auto* wait = std::get_if<decide::WaitUntil>(&next)) {
      step.ask_again = wait->time;
    }
    note_dropped();
    return step;
  }
  void finished(uint32_t model, size_t, Time, Time now) override {
    for (uint32_t slot = 0; slot < slots_.size(); ++slot) {
      if (!slots_[slot].busy || slots_[slot].model != model || slots_[slot].end > now) continue;
      slots_[slot].busy = false;
      device_.finished(slot, now);
      return;
    }
  }

 private:
  struct Slot {
    bool busy = false;
    Time end{};
    uint32_t model = 0;
  };
  void note_dropped() {
    for (const decide::Dropped& drop : device_.take_dropped()) dropped.push_back(static_cast<uint32_t>(drop.id));
  }
  decide::DeviceScheduler device_;
  std::vector<Slot> slots_;
};

template <class Kind>
MakePolicy maker() {
  return [](const Scenario& scenario) { return std::make_unique<Kind>(scenario); };
}

}  // namespace

MakePolicy fixed(Tuning tuning) {
  return [tuning](const Scenario& scenario) { return std::make_unique<Fixed>(scenario, tuning); };
}
MakePolicy eager() {
  return fixed({.batch = decide::Profile::largest_batch, .delay = {}, .queue_timeout = {}});
}
std::vector<Tuning> tunings() {
  std::vector<Tuning> all;
  for (const size_t batch : {4, 6, 8, 10, 12, 16, 20, 32}) {
    for (const Duration delay : {0ms, 2ms, 5ms}) {
      for (const Duration timeout : {0ms, 4ms, 6ms, 8ms, 10ms, 12ms, 15ms, 20ms})
        all.push_back({batch, delay, timeout});
    }
  }
  return all;
}
MakePolicy aimd() {
  return maker<Aimd>();
}
MakePolicy early_drop() {
  return maker<EarlyDrop>();
}
MakePolicy clockwork() {
  return maker<Clockwork>();
}
MakePolicy deferral() {
  return maker<Deferral>();
}
MakePolicy ours() {
  return maker<Ours>();
}

}  // namespace barrio::bench
