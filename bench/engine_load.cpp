#include "engine_load.h"

#include "base/text.h"
#include "net/thread_priority.h"

namespace barrio::bench {

namespace {

std::string settings_of(const ModelLoad& model) {
  const auto us = [](Duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(time).count()) + "us";
  };
  return "a=" + us(model.fixed) + ",c=" + us(model.each) + ",max_batch=" + std::to_string(model.largest_batch());
}

double run_of(const net::Response& answer) {
  constexpr std::string_view mark = "compute;dur=";
  const std::string_view timing = net::find_header(answer.headers, "Server-Timing").value_or("");
  const size_t at = timing.find(mark);
  return at == timing.npos ? 0 : std::strtod(std::string(timing.substr(at + mark.size())).c_str(), nullptr);
}

/// An engine then says which time would have done. A gateway, whose 429 is for what was given up in the queue, too,
/// says so in its problem's own words.
bool was_declined_at_arrival(const net::Response& answer) {
  return net::find_header(answer.headers, "Barrio-Earliest-Ms") ||
         answer.body.find("Barrio-Timeout-Ms") != std::string::npos;
}

class Clients {
 public:
  Clients(const Scenario& scenario, const std::vector<Arrival>& arrivals, const Target& target)
      : scenario_(scenario),
        arrivals_(arrivals),
        target_(target),
        client_(reactor_, {.idle_per_address = 2048, .connections_per_address = 4096}) {
    seen_.offered.resize(scenario.models.size());
    seen_.on_time.resize(scenario.models.size());
    seen_.phase_offered.resize(scenario.phases.size());
    seen_.phase_on_time.resize(scenario.phases.size());
  }

  Seen run() {
    net::carry_requests();
    begin_ = reactor_.fresh_now() + 50ms;
    arm();
    while (ended_ < arrivals_.size()) reactor_.turn(100ms);
    return std::move(seen_);
  }

 private:
  void arm() {
    if (next_ == arrivals_.size()) return;
    reactor_.call_at(begin_ + arrivals_[next_].at, [this] {
      const Time now = reactor_.fresh_now();
      while (next_ < arrivals_.size() && begin_ + arrivals_[next_].at <= now) send(arrivals_[next_++]);
      arm();
    });
  }

  size_t phase_of(Duration at) const {
    size_t phase = 0;
    for (Duration end = scenario_.phases[0].lasts; phase + 1 < scenario_.phases.size() && at >= end;) {
      end += scenario_.phases[++phase].lasts;
    }
    return phase;
  }

  void send(const Arrival& arrival) {
    const ModelLoad& model = scenario_.models[arrival.model];
    const size_t phase = phase_of(arrival.at);
    ++seen_.offered[arrival.model];
    ++seen_.phase_offered[phase];
    const Time due = begin_ + arrival.at;
    seen_.sent_late_ms.push_back(to_ms(reactor_.now() - due));
    std::string left;
    append_ms(left, std::max(Duration::zero(), model.deadline - (reactor_.now() - due)));
    net::Request request{.method = "POST",
                         .target = "/v2/models/" + model.name + "/infer",
                         .headers = {{"Inference-Header-Content-Length", "0"}, {std::string(target_.time_field), left}},
                         .body = std::string(64, 'x')};
    if (!target_.token.empty()) request.headers.push_back({"Authorization", "Bearer " + target_.token});
    client_.fetch(target_.address, std::move(request), due + 10s,
                  [this, due, arrival, phase](auto answer) { note(due, arrival.model, phase, answer); });
  }

  void note(Time due, uint32_t model, size_t phase, const Result<net::Response>& answer) {
    ++ended_;
    const Duration took = reactor_.fresh_now() - due;
    const int status = answer ? answer->status : 0;
    if (status == 200) {
      seen_.answer_ms.push_back(to_ms(took));
      seen_.run_ms.push_back(run_of(*answer));
      const bool in_time = took <= scenario_.models[model].deadline;
      seen_.on_time[model] += in_time ? 1 : 0;
      seen_.phase_on_time[phase] += in_time ? 1 : 0;
      seen_.late += in_time ? 0 : 1;
    } else if (status == 429 && was_declined_at_arrival(*answer)) {
      seen_.refused_ms.push_back(to_ms(took));
    } else {
      ++(status == 429 || status == 503 || status == 504 ? seen_.given_up : seen_.failed);
    }
  }

  const Scenario& scenario_;
  const std::vector<Arrival>& arrivals_;
  const Target& target_;
  net::Reactor reactor_;
  net::Client client_;
  Seen seen_;
  Time begin_{};
  size_t next_ = 0;
  size_t ended_ = 0;
};

}  // namespace

engine::EngineOptions emulated(const Scenario& scenario, const std::string& listen) {
  engine::EngineOptions options{.own = engine::ReplicaOptions{.listen = listen}};
  options.engine = {.devices = {{.name = "device", .slots = scenario.devices, .is_cpu = false, .memory = {}}},
                    .queue = 4096,
                    .slots_do = net::WorkersDo::wait};  // as `barrio engine` has it
  for (const ModelLoad& model : scenario.models)
    options.own->models.push_back({model.name, {.backend = "profile", .builtin = settings_of(model)}});
  return options;
}

void Seen::add(const Seen& more) {
  const auto add_each = [](std::vector<uint64_t>& to, const std::vector<uint64_t>& from) {
    to.resize(from.size());
    for (size_t i = 0; i < from.size(); ++i) to[i] += from[i];
  };
  add_each(offered, more.offered);
  add_each(on_time, more.on_time);
  add_each(phase_offered, more.phase_offered);
  add_each(phase_on_time, more.phase_on_time);
  const auto append = [](std::vector<double>& to, const std::vector<double>& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(refused_ms, more.refused_ms);
  append(sent_late_ms, more.sent_late_ms);
  append(answer_ms, more.answer_ms);
  append(run_ms, more.run_ms);
  late += more.late;
  given_up += more.given_up;
  failed += more.failed;
}

double Seen::share() const {
  double all = 0;
  double good = 0;
  for (size_t i = 0; i < offered.size(); ++i) {
    all += static_cast<double>(offered[i]);
    good += static_cast<double>(on_time[i]);
  }
  return good / all;
}

Seen send_all(const Scenario& scenario, const std::vector<Arrival>& arrivals, const Target& target) {
  return Clients(scenario, arrivals, target).run();
}

}  // namespace barrio::bench
