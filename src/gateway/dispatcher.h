#pragma once
// The per-request logic of a gateway, without sockets: told what happened (arrived, answered, failed, abandoned), it
// says what to do next. The gateway and the simulator drive the same object. One loop owns it; every call takes `now`.
//
// Rules it keeps: a request whose app may not be processed at this site is refused before its body is read (421);
// nothing is ever forwarded to a site that decide/residency refuses (asked again at the last moment: the one choke
// point); one forward at most; one retry at most, on another site or replica, within the deadline and the app's retry
// budget, and only of what may be repeated (inference, idempotent methods) or was not sent.

#include <variant>

#include "decide/latency/way_estimate.h"
#include "decide/limits/retry_budget.h"
#include "decide/routing/choose.h"
#include "gateway/flows.h"
#include "gateway/load_report.h"
#include "gateway/local_replicas.h"
#include "model/device.h"
#include "ports/workload_runtime.h"

namespace barrio::gateway {

struct Arrival {
  const AppKey* app = nullptr;
  const App* known = nullptr;                // as find_app() has just said; null: looked up
  uint64_t device = 0;                       // stable hash of who asks
  const DeviceLocation* location = nullptr;  // none: not known to the core network
  bool measured = true;                      // false: a small question about the model, not a sample of its speed
  bool forwarded = false;                    // by another gateway: never forwarded again, not counted as a flow
  bool repeatable = true;                    // sent twice does no more than sent once
  Time first_byte{};
  // What the other gateway or the client leaves. The own one is 3 x objective, at most 30 s, from first_byte: a client
  // can only shorten it.
  std::optional<Time> deadline = {};
};

struct Local {
  std::string_view endpoint;  // "unix:/path"; valid until the next set_local or set_snapshot
  Duration way{};             // there and back, beyond what the replica itself leaves for it
};
struct Forward {
  SiteId site;
};
struct Refuse {
  int status = 503;
  Refusal refusal;
  Duration retry_after{};  // after which the same request may be answered; zero: not known
};

/// 0: none. Every other one ends in answered() or abandoned(), or in a refusal by failed().
using Ticket = uint64_t;

struct Decision {
  Ticket ticket = 0;
  Time deadline{};
  std::variant<Local, Forward, Refuse> act;
};

/// What an answer said about its time; from Server-Timing and Barrio-Load.
struct Timings {
  std::optional<Duration> queue;
  std::optional<Duration> compute;
  std::optional<double> waiting;
  bool failed = false;                // an answer of 5xx: nothing to learn a speed from
  std::optional<Time> begun_at = {};  // when a streamed answer began; none: it was whole
  std::optional<Duration> way = {};   // of the whole request there, and of the answer back
};

struct Served {
  SiteId by;
  Jurisdiction processed_in;
  Duration network{};  // access path as predicted, and the path between sites as measured
  Duration total{};    // network, and the time since the first byte came
  bool late = false;
  bool forwarded = false;
  bool retried = false;
};

enum class Failure {
  connect,   // never reached it
  broken,    // the connection ended before an answer
  refused,   // it answered that it cannot (503, 421, 5xx)
  declined,  // it works, but not in this request's time (429 of an engine's admission)
  timed_out  // no answer in time
};

class Dispatcher {
 public:
  static constexpr size_t most_open = 65536;
  /// What routing knows of this site's own speed is at most so old.
  static constexpr Duration renew_every = 1ms;
  /// A site whose word is newer works, however long a request takes there: each is asked for its load once a second.
  static constexpr Duration site_silence = 1500ms;

  Dispatcher(SiteId self, uint64_t seed) : self_(std::move(self)), rng_(seed) {}

  void set_snapshot(std::shared_ptr<const Snapshot> snapshot, Time now);
  /// What the agent sees of this site's replicas.
  void set_local(const std::vector<ports::WorkloadStatus>& statuses, Time now);
  void peer_load(const SiteId& site, const LoadReport& report, std::optional<Duration> rtt, Time now);
  /// Could not be reached, or did not answer a ping.
  void peer_failed(const SiteId& site, Time now);
  /// Once a second: renews what is said about this site.
  void tick(Time now);

  Decision arrived(const Arrival& arrival, Time now);
  Served answered(Ticket ticket, const Timings& timings, Time now);
  /// Decides again. `sent`: the other side may have acted on it.
  Decision failed(Ticket ticket, Failure failure, bool sent, Time now);
  /// What an answer said of its load, and of its time, that is not passed on; that it came at all speaks for the site.
  void heard(Ticket ticket, const Timings& timings, Time now);
  /// Nobody waits for the answer any more.
  void abandoned(Ticket ticket, Time now);

  /// In the present snapshot.
  const Site* find_site(const SiteId& site) const;
  const App* find_app(const AppKey& app) const;
  Duration rtt(const SiteId& site) const;
  /// From the device to here, as the path model has it.
  Duration access(const DeviceLocation* location) const;
  /// Where the device's requests would be answered soonest. Who asks and gets no site counts as a request without one.
  std::vector<std::pair<SiteId, Duration>> ranked(const AppKey& app, uint64_t device, const DeviceLocation* location,
                                                  Time now, std::optional<Refusal>& refusal);
  LoadReport load_report(Time now);
  std::vector<Flow> flows(Time now) const { return flows_.recent(now); }
  const Snapshot* snapshot() const { return table_ ? &table_->snapshot() : nullptr; }
  bool up(const SiteId& site, Time now) const;
  /// Requests that this replica has not answered yet, whether or not it still takes new ones.
  size_t in_flight(const ReplicaId& replica) const;
  /// Another site, not draining, is ready to serve the app.
  bool served_elsewhere(const AppKey& app, Time now) const;
  size_t open_requests() const { return open_.size() - free_.size(); }
  /// Sites and replicas left out after a request failed there, so far.
  uint64_t ejections() const { return ejections_; }

 private:
  struct LocalApp {
    LocalReplicas replicas;
    decide::ServiceEstimate service;
    decide::WayEstimate way;  // to its replicas and back
    Time renewed{};           // what the view says of it
  };
  struct Open {
    uint32_t generation = 1;  // a ticket is (generation, index): an old one is not another request's
    bool used = false;
    bool forwarded = false;
    bool measured = true;
    bool repeatable = true;
    bool retried = false;
    bool probe = false;  // of the replica that it was sent to
    AppKey app;
    mutable std::optional<size_t> index;  // of the app, in table number index_of
    mutable uint64_t index_of = 0;
    mutable std::optional<size_t> site_index;  // of site, in table number site_index_of
    mutable uint64_t site_index_of = 0;
    uint64_t device = 0;
    FlowId flow = no_flow;
    Duration access{};
    Time first_byte{};
    Time sent_at{};
    Time deadline{};
    SiteId site;
    ReplicaId replica;  // empty: forwarded
    std::vector<SiteId> tried;
  };

  void adopt_local(Time now);
  LocalApp* local_app(const AppKey& key);
  std::optional<size_t> app_of(const AppKey& key) const;
  std::optional<size_t> app_of(const Open& request) const;
  std::optional<size_t> site_of(const Open& request) const;
  LocalApp* local_app(const Open& request);
  void set_site(Open& request, size_t site) const;
  Open& open(Ticket ticket);
  const Open& open(Ticket ticket) const;
  Ticket new_ticket();
  void close(Ticket ticket);
  void release(Open& request, ReplicaOutcome outcome, Time now);
  Decision decide_for(Ticket ticket, Time now);
  Decision serve_here(Ticket ticket, size_t app, Time now);
  Decision beside_crowd(Ticket ticket, size_t app, Time now);
  Decision decide_beside(Ticket ticket, const SiteId& site, Failure failure, std::string_view why, Time now);
  Decision forward_to(Ticket ticket, size_t app, size_t site, Time now);
  Decision refuse(Ticket ticket, int status, Refusal refusal, Time now);
  bool still_works(const Open& request, Failure failure, Time now);
  void blame(const Open& request, Failure failure, bool sent, Time now);
  bool may_retry(const Open& request, bool sent, Time now);
  Decision give_up(Ticket ticket, Failure failure, bool sent, Time now);
  void note_times(Open& request, size_t app, size_t site, const Timings& timings, Time now);
  Refusal unknown(const AppKey& key) const;
  void fill(Open& request, const Arrival& arrival, const decide::AppRoute& route);
  void renew_local(size_t app, LocalApp& local, Time now);

  SiteId self_;
  Rng rng_;
  std::unique_ptr<decide::RoutingTable> table_;
  uint64_t tables_ = 0;  // so far: the present one is this number
  std::unique_ptr<decide::LoadView> view_;
  size_t self_index_ = 0;
  std::vector<decide::RetryBudget> budgets_;  // by the app's index in table_
  std::map<AppKey, LocalApp> local_;
  std::vector<LocalApp*> local_at_;  // by the app's index in table_; null: none
  mutable size_t last_app_ = 0;      // found by name: the next request is often of the same app
  std::vector<ports::WorkloadStatus> statuses_;
  std::vector<Open> open_;
  std::vector<uint32_t> free_;
  uint64_t ejections_ = 0;
  FlowTable flows_;
};

}  // namespace barrio::gateway
