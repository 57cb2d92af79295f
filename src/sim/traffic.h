#pragma once
// Simulated devices that send requests to a World's gateways and count what becomes of each. Requests travel as events:
// to an entry site, through its dispatcher, to a replica or to another site's dispatcher, and back, with delays, lost
// connections and crashed sites on the way.

#include <array>
#include <memory>
#include <set>

#include "gateway/request_meter.h"
#include "sim/world.h"

namespace barrio::sim {

struct SimDevice {
  DeviceLocation location;
  AppKey app;
  Policy policy;
  Duration period = 300ms;
};

/// How a device's request ended, as the device sees it.
enum class Outcome { answered, refused, lost };

struct Tally {
  int64_t sent = 0;
  std::array<int64_t, 3> ended{};  // by Outcome
  int64_t ended_twice = 0;
  int64_t of(Outcome outcome) const { return ended[static_cast<size_t>(outcome)]; }
  int64_t open() const { return sent - ended[0] - ended[1] - ended[2]; }
};

class Traffic {
 public:
  explicit Traffic(World& world);
  void add(SimDevice device);
  /// Devices send from now on, until stop().
  void start();
  void stop() { running_ = false; }
  /// A device sends so many times as often as it says.
  void hurry(size_t device, double times) { hurries_[device] = times; }
  size_t devices() const { return devices_.size(); }
  const SimDevice& device(size_t device) const { return devices_[device]; }
  /// Since the last reset; of one device, by the order of add().
  const Tally& tally(size_t device) const { return tallies_[device]; }
  Tally total() const;
  /// Of sites that answered since the last reset.
  const std::set<size_t>& served_by(size_t device) const { return served_by_[device]; }
  void reset();
  /// What a bill should say, by app and site, since the beginning: counted here, apart from the meter.
  const std::map<std::pair<AppKey, size_t>, Usage>& used() const { return used_; }

 private:
  /// One request of a device, over all its attempts.
  struct Request {
    size_t device = 0;
    Time first_byte{};
    std::vector<size_t> entries;  // sites to try, in this order
    size_t tried = 0;
    int ends = 0;
    int64_t epoch = 0;
  };
  enum class End { answered, refused, broken };
  /// One request at one gateway.
  struct Hop {
    size_t site = 0;
    uint64_t life = 0;
    size_t device = 0;
    gateway::Ticket ticket = 0;
    uint64_t attempt = 0;    // of the dispatcher's decisions
    bool forwarded = false;  // came from another gateway
    bool over = false;
    gateway::RequestMeter meter;
    std::function<void(End, size_t served_by)> end;
  };
  using HopRef = std::shared_ptr<Hop>;
  using RequestRef = std::shared_ptr<Request>;

  void send_next(size_t device);
  std::vector<size_t> nearest(const SimDevice& device) const;
  std::vector<size_t> entries_for(size_t device);
  void try_entry(const RequestRef& request);
  void finish(const RequestRef& request, Outcome outcome);
  void arrive(size_t site, size_t device, Time first_byte, std::optional<Time> deadline,
              std::function<void(End, size_t)> end);
  /// By its spend cap, as this site knows it.
  bool is_stopped(size_t site, const TenantId& tenant);
  void act(const HopRef& hop, const gateway::Decision& decision);
  void serve_here(const HopRef& hop, const std::string& endpoint, Time deadline);
  void forward(const HopRef& hop, size_t peer, Time deadline);
  void answered_by_peer(const HopRef& hop, uint64_t attempt, End end, size_t served_by);
  void fail_hop(const HopRef& hop, uint64_t attempt, gateway::Failure failure, bool sent);
  void end_hop(const HopRef& hop, End end, size_t served_by);
  /// Runs `action` later, if the hop is then still waiting for what this decision began.
  void later(const HopRef& hop, Time when, std::function<void()> action);
  void site_crashed(size_t site);
  void count(const Hop& hop, const Usage& usage) { used_[{devices_[hop.device].app, hop.site}] += usage; }
  void count_served(Hop& hop, Duration compute, const gateway::Served& served);
  void count_forwarded(Hop& hop, const gateway::Served& served);
  void count_late(Hop& hop, const gateway::Served& served);
  void count_refused(Hop& hop, RefusalReason reason);

  World& world_;
  SimLoop& loop_;
  bool running_ = false;
  int64_t epoch_ = 0;
  std::vector<SimDevice> devices_;
  std::vector<double> hurries_;
  std::vector<std::vector<size_t>> entries_;  // by device: the sites that it tries, the nearest permitted one first
  std::vector<Tally> tallies_;
  std::vector<std::set<size_t>> served_by_;
  std::vector<std::vector<HopRef>> open_;  // by site
  std::map<std::pair<AppKey, size_t>, Usage> used_;
};

}  // namespace barrio::sim
