#include "engine_world.h"

#include <algorithm>
#include <queue>

#include "base/check.h"

namespace barrio::bench {

namespace {

constexpr Time epoch{1000s};

struct Running {
  Time end{};
  Time started{};
  uint32_t model = 0;
  std::vector<uint32_t> batch;
  bool operator>(const Running& other) const { return end > other.end; }
};

class World {
 public:
  World(const Scenario& scenario, const std::vector<Arrival>& arrivals, const MakePolicy& make)
      : scenario_(scenario), policy_(make(scenario)), ended_(arrivals.size(), false) {
    outcome_.models.resize(scenario.models.size());
    outcome_.phases.resize(scenario.phases.size());
    for (const Arrival& arrival : arrivals) {
      const Time at = epoch + arrival.at;
      jobs_.push_back({arrival.model, at, at + scenario.models[arrival.model].deadline});
    }
    for (const ModelLoad& model : scenario.models) profiles_.push_back(model.profile());
  }

  Outcome run() {
    size_t arrived = 0;
    while (true) {
      Time now = ask_again_;
      if (arrived < jobs_.size()) now = std::min(now, jobs_[arrived].arrived);
      if (!running_.empty()) now = std::min(now, running_.top().end);
      if (now == Time::max()) break;
      while (!running_.empty() && running_.top().end <= now) finish();
      while (arrived < jobs_.size() && jobs_[arrived].arrived <= now) arrive(static_cast<uint32_t>(arrived++), now);
      start(now);
    }
    for (uint32_t job = 0; job < jobs_.size(); ++job) {
      if (!ended_[job]) count(job, &Count::dropped);
    }
    return std::move(outcome_);
  }

 private:
  size_t phase_of(const Job& job) const {
    Duration end{};
    for (size_t i = 0; i < scenario_.phases.size(); ++i) {
      if (job.arrived - epoch < (end += scenario_.phases[i].lasts)) return i;
    }
    return scenario_.phases.size() - 1;
  }
  void count(uint32_t job, uint64_t Count::* what) {
    CHECK(!ended_[job]);
    ended_[job] = true;
    for (Count* counts : {&outcome_.all, &outcome_.models[jobs_[job].model], &outcome_.phases[phase_of(jobs_[job])]}) {
      ++counts->offered;
      ++(counts->*what);
    }
  }
  void note_dropped(Time now) {
    for (const uint32_t job : policy_->dropped) {
      outcome_.refused_after.push_back(now - jobs_[job].arrived);
      count(job, &Count::dropped);
    }
    policy_->dropped.clear();
  }
  void arrive(uint32_t job, Time now) {
    if (!policy_->arrived(job, jobs_[job], now)) {
      outcome_.refused_after.push_back(0ns);
      count(job, &Count::refused);
    }
    note_dropped(now);
  }
  void finish() {
    const Running done = running_.top();
    running_.pop();
    size_t late = 0;
    for (const uint32_t job : done.batch) {
      const bool on_time = done.end <= jobs_[job].deadline;
      late += on_time ? 0 : 1;
      count(job, on_time ? &Count::on_time : &Count::late);
    }
    outcome_.busy += done.end - done.started;
    outcome_.wasted += (done.end - done.started) * late / done.batch.size();
    policy_->finished(done.model, done.batch.size(), done.started, done.end);
  }
  void start(Time now) {
    ask_again_ = Time::max();
    while (running_.size() < scenario_.devices) {
      Step step = policy_->next(now);
      note_dropped(now);
      if (!step.run) {
        if (step.ask_again > now) ask_again_ = step.ask_again;
        break;
      }
      CHECK(!step.batch.empty());
      ++outcome_.runs;
      running_.push({now + profiles_[step.model].of(step.batch.size()), now, step.model, std::move(step.batch)});
    }
  }

  const Scenario& scenario_;
  std::unique_ptr<Policy> policy_;
  std::vector<Job> jobs_;
  std::vector<decide::Profile> profiles_;
  std::vector<bool> ended_;
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running_;
  Time ask_again_ = Time::max();
  Outcome outcome_;
};

/// `answers` given by `end`.
struct Reached {
  uint64_t answers = 0;
  Duration end{};
};

/// Keeps those that no other beats: fewer answers only where the device is free earlier, before `now` all the same.
std::vector<Reached> unbeaten(std::vector<Reached> all, Duration now) {
  std::ranges::sort(all, [](const Reached& a, const Reached& b) {
    return a.answers != b.answers ? a.answers > b.answers : a.end < b.end;
  });
  std::vector<Reached> kept;
  for (const Reached& one : all) {
    if (!kept.empty() && (one.end >= kept.back().end || kept.back().end <= now)) continue;
    kept.push_back(one);
  }
  return kept;
}

}  // namespace

double Outcome::refused_p99_ms() const {
  if (refused_after.empty()) return 0;
  std::vector<Duration> sorted = refused_after;
  std::ranges::sort(sorted);
  return to_ms(sorted[sorted.size() * 99 / 100]);
}

Outcome simulate(const Scenario& scenario, const std::vector<Arrival>& arrivals, const MakePolicy& make) {
  return World(scenario, arrivals, make).run();
}

uint64_t clairvoyant_optimum(const ModelLoad& model, const std::vector<Arrival>& arrivals) {
  const decide::Profile profile = model.profile();
  // Of the first j arrivals; only the last largest-batch ones are needed.
  std::vector<std::vector<Reached>> reached(arrivals.size() + 1);
  reached[0] = {{0, 0ns}};
  for (size_t j = 1; j <= arrivals.size(); ++j) {
    const Duration last = arrivals[j - 1].at;
    std::vector<Reached> all = reached[j - 1];
    for (size_t batch = 1; batch <= std::min(j, profile.max_batch()); ++batch) {
      const Duration deadline = arrivals[j - batch].at + model.deadline;
      if (last + profile.of(batch) > deadline) break;
      for (const Reached& before : reached[j - batch]) {
        const Duration end = std::max(before.end, last) + profile.of(batch);
        if (end <= deadline) all.push_back({before.answers + batch, end});
      }
    }
    reached[j] = unbeaten(std::move(all), last);
    if (j > profile.max_batch()) std::vector<Reached>().swap(reached[j - profile.max_batch() - 1]);
  }
  return reached.back().front().answers;
}

}  // namespace barrio::bench
