#include "sim/traffic.h"

#include <algorithm>

#include "base/check.h"

namespace barrio::sim {
namespace {

constexpr Duration refused_after = 2ms;   // a connection to a process that is not there
constexpr Duration connect_timeout = 1s;  // one into a partition
constexpr Duration device_patience = 5s;
constexpr Duration fastest_service = 20ms;
constexpr Duration service_spread = 30ms;
constexpr size_t entries_tried = 4;
constexpr int64_t bytes_out = 170;
constexpr uint64_t one_in_wrong = 25;  // requests that enter at a site of chance, permitted or not

size_t bytes_in(size_t device) {
  return 10'000 + 7 * device;
}

}  // namespace

Traffic::Traffic(World& world) : world_(world), loop_(world.loop()), open_(world.network().sites.size()) {
  world_.on_site_crash([this](size_t site) { site_crashed(site); });
}

void Traffic::add(SimDevice device) {
  entries_.push_back(nearest(device));
  devices_.push_back(std::move(device));
  hurries_.push_back(1);
  tallies_.emplace_back();
  served_by_.emplace_back();
}

void Traffic::start() {
  running_ = true;
  for (size_t device = 0; device < devices_.size(); ++device) send_next(device);
}

Tally Traffic::total() const {
  Tally sum;
  for (const Tally& tally : tallies_) {
    sum.sent += tally.sent;
    sum.ended_twice += tally.ended_twice;
    for (size_t i = 0; i < sum.ended.size(); ++i) sum.ended[i] += tally.ended[i];
  }
  return sum;
}

void Traffic::reset() {
  ++epoch_;
  for (Tally& tally : tallies_) tally = {};
  for (auto& sites : served_by_) sites.clear();
}

// --- devices ---

void Traffic::send_next(size_t device) {
  const double period = to_ms(devices_[device].period) / hurries_[device];
  loop_.after(from_ms(period * (0.5 + loop_.rng().unit())), [this, device] {
    if (!running_) return;
    auto request = std::make_shared<Request>();
    request->device = device;
    request->first_byte = loop_.now();
    request->entries = entries_for(device);
    request->epoch = epoch_;
    ++tallies_[device].sent;
    try_entry(request);
    send_next(device);
  });
}

std::vector<size_t> Traffic::nearest(const SimDevice& device) const {
  const auto& sites = world_.network().sites;
  std::vector<size_t> entries = world_.running_sites();
  std::stable_sort(entries.begin(), entries.end(), [&](size_t a, size_t b) {
    const bool a_permitted = Checker::allows(device.policy, sites[a]);
    const bool b_permitted = Checker::allows(device.policy, sites[b]);
    if (a_permitted != b_permitted) return a_permitted;
    return distance_km(device.location.location, sites[a].location) <
           distance_km(device.location.location, sites[b].location);
  });
  entries.resize(std::min(entries.size(), entries_tried));
  return entries;
}

std::vector<size_t> Traffic::entries_for(size_t device) {
  std::vector<size_t> entries = entries_[device];
  const auto& all = world_.running_sites();
  if (loop_.rng().below(one_in_wrong) == 0) entries.insert(entries.begin(), all[loop_.rng().below(all.size())]);
  return entries;
}

void Traffic::try_entry(const RequestRef& request) {
  if (request->tried == request->entries.size() || loop_.now() - request->first_byte > device_patience) {
    return finish(request, Outcome::lost);
  }
  const size_t site = request->entries[request->tried++];
  if (!world_.is_up(site)) {
    loop_.after(refused_after, [this, request] { try_entry(request); });
    return;
  }
  const Duration access = world_.dispatcher(site).access(&devices_[request->device].location) / 2;
  loop_.after(access, [this, request, site, access] {
    if (!world_.is_up(site)) return try_entry(request);
    arrive(site, request->device, loop_.now(), std::nullopt, [this, request, access](End end, size_t served_by) {
      loop_.after(access, [this, request, end, served_by] {
        if (end == End::broken) return try_entry(request);
        if (end == End::answered && request->epoch == epoch_) served_by_[request->device].insert(served_by);
        finish(request, end == End::answered ? Outcome::answered : Outcome::refused);
      });
    });
  });
}

void Traffic::finish(const RequestRef& request, Outcome outcome) {
  if (request->epoch != epoch_) return;
  Tally& tally = tallies_[request->device];
  if (++request->ends > 1) {
    ++tally.ended_twice;
    world_.checker().violated("a request of " + devices_[request->device].app.str() + " was answered twice");
  }
  ++tally.ended[static_cast<size_t>(outcome)];
}

// --- gateways ---

void Traffic::arrive(size_t site, size_t device, Time first_byte, std::optional<Time> deadline,
                     std::function<void(End, size_t)> end) {
  auto hop = std::make_shared<Hop>(Hop{.meter = gateway::RequestMeter(world_.meter(site)), .end = {}});
  hop->site = site;
  hop->forwarded = deadline.has_value();
  hop->life = world_.life(site);
  hop->device = device;
  hop->end = std::move(end);
  open_[site].push_back(hop);
  const SimDevice& from = devices_[device];
  if (!hop->forwarded && is_stopped(site, from.app.tenant)) return end_hop(hop, End::refused, site);
  hop->meter.begin(from.app, gateway::RequestMeter::Billed::yes,
                   hop->forwarded ? gateway::RequestMeter::From::other_gateway : gateway::RequestMeter::From::device);
  hop->meter.body_in(bytes_in(device));
  gateway::Arrival arrival;
  arrival.app = &from.app;
  arrival.device = device;
  arrival.location = deadline ? nullptr : &from.location;
  arrival.forwarded = deadline.has_value();
  arrival.first_byte = first_byte;
  arrival.deadline = deadline;
  act(hop, world_.dispatcher(site).arrived(arrival, loop_.now()));
}

bool Traffic::is_stopped(size_t site, const TenantId& tenant) {
  const Snapshot* known = world_.dispatcher(site).snapshot();
  return known != nullptr && known->spend_stop(tenant, world_.wall(site)) != nullptr;
}

void Traffic::act(const HopRef& hop, const gateway::Decision& decision) {
  ++hop->attempt;
  hop->ticket = decision.ticket;
  const Site& here = world_.network().sites[hop->site];
  const AppKey& app = devices_[hop->device].app;
  if (const auto* local = std::get_if<gateway::Local>(&decision.act)) {
    world_.checker().sent(app, here, "processed");
    serve_here(hop, std::string(local->endpoint), decision.deadline);
  } else if (const auto* forwarded = std::get_if<gateway::Forward>(&decision.act)) {
    const size_t peer = world_.index(forwarded->site);
    world_.checker().sent(app, world_.network().sites[peer], "forwarded");
    forward(hop, peer, decision.deadline);
  } else {
    count_refused(*hop, std::get<gateway::Refuse>(decision.act).refusal.reason);
    end_hop(hop, End::refused, hop->site);
  }
}

void Traffic::serve_here(const HopRef& hop, const std::string& endpoint, Time deadline) {
  using gateway::Failure;
  SimWorkloadRuntime::Replica* replica = world_.workloads(hop->site).find(endpoint);
  if (replica == nullptr || !replica->runs || loop_.now() < replica->ready_at) {
    later(hop, loop_.now() + 100us,
          [this, hop, attempt = hop->attempt] { fail_hop(hop, attempt, Failure::connect, false); });
    return;
  }
  const Time begin = std::max(loop_.now(), replica->busy_until);
  const Duration alone =
      fastest_service +
      Duration(static_cast<int64_t>(loop_.rng().below(static_cast<uint64_t>(service_spread.count()))));
  const Duration service = from_ms(to_ms(alone) * world_.workloads(hop->site).slowness());
  const Time done = begin + service;
  replica->busy_until = done;
  const uint64_t life = replica->life;
  later(hop, std::min(done, deadline), [this, hop, endpoint, life, service, done, queue = begin - loop_.now()] {
    const SimWorkloadRuntime::Replica* now = world_.workloads(hop->site).find(endpoint);
    if (now == nullptr || !now->runs || now->life != life) return fail_hop(hop, hop->attempt, Failure::broken, true);
    if (loop_.now() < done) return fail_hop(hop, hop->attempt, Failure::timed_out, true);
    const double waiting = std::max(0.0, to_ms(now->busy_until - loop_.now()) / to_ms(service));
    count_served(*hop, service,
                 world_.dispatcher(hop->site).answered(hop->ticket, {queue, service, waiting}, loop_.now()));
    end_hop(hop, End::answered, hop->site);
  });
}

void Traffic::forward(const HopRef& hop, size_t peer, Time deadline) {
  using gateway::Failure;
  const uint64_t attempt = hop->attempt;
  if (world_.is_cut(hop->site, peer)) {
    later(hop, std::min(deadline, loop_.now() + connect_timeout),
          [this, hop, attempt] { fail_hop(hop, attempt, Failure::connect, false); });
    return;
  }
  later(hop, deadline, [this, hop, attempt] { fail_hop(hop, attempt, Failure::timed_out, true); });
  const Duration one_way = world_.rtt(hop->site, peer) / 2;
  later(hop, loop_.now() + one_way, [this, hop, attempt, peer, deadline, one_way] {
    if (world_.is_cut(hop->site, peer)) return;  // the deadline ends it
    if (!world_.is_up(peer)) {
      if (world_.is_cut(peer, hop->site)) return;
      later(hop, loop_.now() + one_way, [this, hop, attempt] { fail_hop(hop, attempt, Failure::connect, false); });
      return;
    }
    arrive(peer, hop->device, loop_.now(), deadline, [this, hop, attempt, peer, one_way](End end, size_t served_by) {
      loop_.after(one_way, [this, hop, attempt, peer, end, served_by] {
        if (!world_.is_cut(peer, hop->site)) answered_by_peer(hop, attempt, end, served_by);
      });
    });
  });
}

void Traffic::answered_by_peer(const HopRef& hop, uint64_t attempt, End end, size_t served_by) {
  if (hop->over || hop->attempt != attempt) return;
  if (end == End::refused) return fail_hop(hop, attempt, gateway::Failure::refused, false);
  if (end == End::broken) return fail_hop(hop, attempt, gateway::Failure::broken, true);
  count_forwarded(*hop, world_.dispatcher(hop->site).answered(hop->ticket, {}, loop_.now()));
  end_hop(hop, End::answered, served_by);
}

// --- usage: what the gateway is told, and what should come of it ---

void Traffic::count_served(Hop& hop, Duration compute, const gateway::Served& served) {
  hop.meter.answer_begins(gateway::RequestMeter::By::replica_here, 200, compute, compute);
  hop.meter.body_out(bytes_out);
  count(hop, {.served = {.requests = 1,
                         .bytes_in = static_cast<int64_t>(bytes_in(hop.device)),
                         .bytes_out = bytes_out,
                         .compute_us = compute.count() / 1000},
              .forwarded = {},
              .noted = {}});
  count_late(hop, served);
}

void Traffic::count_forwarded(Hop& hop, const gateway::Served& served) {
  hop.meter.answer_begins(gateway::RequestMeter::By::other_site, 200, {}, {});
  hop.meter.body_out(bytes_out);
  count(hop,
        {.served = {},
         .forwarded = {.requests = 1, .bytes_in = static_cast<int64_t>(bytes_in(hop.device)), .bytes_out = bytes_out},
         .noted = {}});
  count_late(hop, served);
}

void Traffic::count_late(Hop& hop, const gateway::Served& served) {
  if (!served.late) return;
  hop.meter.late();
  if (!hop.forwarded) count(hop, {.served = {}, .forwarded = {}, .noted = {.late = 1}});
}

void Traffic::count_refused(Hop& hop, RefusalReason reason) {
  hop.meter.refused(reason);
  if (!hop.forwarded && reason != RefusalReason::unknown_app)
    count(hop, {.served = {}, .forwarded = {}, .noted = {.refused = 1}});
}

void Traffic::fail_hop(const HopRef& hop, uint64_t attempt, gateway::Failure failure, bool sent) {
  if (hop->over || hop->attempt != attempt) return;
  act(hop, world_.dispatcher(hop->site).failed(hop->ticket, failure, sent, loop_.now()));
}

void Traffic::end_hop(const HopRef& hop, End end, size_t served_by) {
  CHECK(!hop->over);
  hop->over = true;
  std::erase(open_[hop->site], hop);
  hop->end(end, served_by);
}

void Traffic::later(const HopRef& hop, Time when, std::function<void()> action) {
  loop_.at(when, [hop, attempt = hop->attempt, action = std::move(action)] {
    if (!hop->over && hop->attempt == attempt) action();
  });
}

void Traffic::site_crashed(size_t site) {
  const auto broken = std::exchange(open_[site], {});
  for (const HopRef& hop : broken) {
    hop->over = true;
    loop_.after(refused_after, [hop] { hop->end(End::broken, hop->site); });
  }
}

}  // namespace barrio::sim
