#pragma once
// Load on a real engine with emulated devices (adapters/profile). Open loop: requests leave at fixed instants, whatever
// came back; in time is what was answered, with 200, within the deadline as the client's clock has it, which runs from
// the instant at which the request was due.

#include "engine/engine_main.h"
#include "engine_scenarios.h"
#include "net/client.h"

namespace barrio::bench {

/// An engine for the scenario: its devices as the slots of one, its models by the backend `profile`.
engine::EngineOptions emulated(const Scenario& scenario, const std::string& listen);

/// What came back.
struct Seen {
  std::vector<uint64_t> offered;  // by model
  std::vector<uint64_t> on_time;
  std::vector<uint64_t> phase_offered;
  std::vector<uint64_t> phase_on_time;
  std::vector<double> refused_ms;    // until a 429 for want of time, said at arrival
  std::vector<double> sent_late_ms;  // after its instant: the clients' own fault
  std::vector<double> answer_ms;     // until a 200
  std::vector<double> run_ms;        // of these, the batch's run as the engine says (Server-Timing's `compute`)
  uint64_t late = 0;
  uint64_t given_up = 0;  // in the queue: 503, a gateway's other 429; or 504 at its deadline
  uint64_t failed = 0;

  void add(const Seen& more);
  double share() const;
};

/// Where requests go, and how they say who asks and what time is left.
struct Target {
  net::SocketAddress address;
  std::string_view time_field = "Barrio-Deadline-Ms";  // an engine's
  std::string token = {};                              // empty: none
};

/// Sends every arrival at its instant, from this thread; returns when all have ended.
Seen send_all(const Scenario& scenario, const std::vector<Arrival>& arrivals, const Target& target);

}  // namespace barrio::bench
