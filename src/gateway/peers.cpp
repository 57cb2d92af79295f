#include "gateway/peers.h"

#include "base/log.h"
#include "model/site_identity.h"

namespace barrio::gateway {

namespace {

Result<LoadReport> read_report(const Result<net::Response>& answer, const SiteId& site) {
  if (!answer) return fail(answer.error());
  if (answer->status != 200) return fail(Code::denied, "answered " + std::to_string(answer->status), site.str());
  TRY(Json json, parse_json(answer->body));
  TRY(LoadReport report, from_json<LoadReport>(json));
  if (report.site != site) return fail(Code::invalid, "this is " + report.site.str(), site.str());
  return report;
}

}  // namespace

Peers::Peers(net::Reactor& reactor, net::Client& client, Dispatcher& dispatcher, Config config)
    : reactor_(reactor), client_(client), dispatcher_(dispatcher), config_(std::move(config)), rng_(config_.seed) {}

Peers::~Peers() {
  for (auto& [site, peer] : peers_) reactor_.cancel(peer.timer);
}

void Peers::set_snapshot(const Snapshot& snapshot) {
  advertised_ = snapshot.gateways;
  std::map<SiteId, Peer> next;
  for (const Site& site : snapshot.network.sites) {
    if (site.id == config_.self) continue;
    const std::string text = address_text(site.id);
    auto address = net::SocketAddress::parse(text);
    if (text.empty() || !address) {
      dispatcher_.peer_failed(site.id, reactor_.now());
      continue;
    }
    auto known = peers_.find(site.id);
    if (known != peers_.end() && known->second.text == text) {
      next.insert(peers_.extract(known));
      continue;
    }
    Peer& peer = next[site.id];
    peer.text = text;
    peer.endpoint = *address;
    peer.endpoint.protocol = net::Protocol::http2;
    if (config_.tls) {
      peer.endpoint.tls = config_.tls;
      peer.endpoint.name = site_host(site.id);
    }
    peer.generation = ++generation_;
    // Not all gateways of a network that starts at once ask at once.
    schedule(site.id, peer,
             Duration(static_cast<Duration::rep>(rng_.below(static_cast<uint64_t>(period.count()) / 2))));
  }
  for (auto& [site, peer] : peers_) {
    reactor_.cancel(peer.timer);
    if (!next.contains(site)) dispatcher_.peer_failed(site, reactor_.now());
  }
  peers_ = std::move(next);
}

const net::Endpoint* Peers::endpoint(const SiteId& site) const {
  const auto found = peers_.find(site);
  return found == peers_.end() ? nullptr : &found->second.endpoint;
}

std::string Peers::address_text(const SiteId& site) const {
  for (const auto* addresses : {&config_.addresses, &advertised_}) {
    const auto found = addresses->find(site.str());
    if (found != addresses->end()) return found->second;
  }
  return "";
}

size_t Peers::up() const {
  size_t count = 0;
  for (const auto& [site, peer] : peers_) count += peer.up ? 1 : 0;
  return count;
}

void Peers::schedule(const SiteId& site, Peer& peer, Duration delay) {
  peer.timer = reactor_.call_after(delay, [this, site] { ping(site); });
}

void Peers::ping(const SiteId& site) {
  Peer& peer = peers_.at(site);
  peer.timer = 0;
  net::Request request{.method = "GET", .target = "/barrio/peer/v1/load", .headers = {}, .body = {}, .peer_ip = {}};
  if (!config_.secret.empty()) request.headers.emplace_back("Barrio-Peer", config_.secret);
  const Time asked = reactor_.fresh_now();
  client_.fetch(
      peer.endpoint, std::move(request), asked + patience,
      [this, site, generation = peer.generation, asked](Result<net::Response> answer) {
        pinged(site, generation, asked, std::move(answer));
      },
      1024 * 1024);
}

void Peers::pinged(const SiteId& site, uint64_t generation, Time asked, Result<net::Response> answer) {
  const auto found = peers_.find(site);
  if (found == peers_.end() || found->second.generation != generation) return;
  Peer& peer = found->second;
  const Time now = reactor_.fresh_now();
  const auto report = read_report(answer, site);
  if (!report) {
    missed(site, peer, report.error());
  } else {
    // The first ping also opened the connection: two round trips.
    const std::optional<Duration> rtt = peer.warm ? std::optional(now - asked) : std::nullopt;
    if (!peer.up) log_info("peer is up", {{"site", site.str()}});
    peer.warm = true;
    peer.up = true;
    peer.misses = 0;
    dispatcher_.peer_load(site, *report, rtt, now);
  }
  const auto jitter = Duration(static_cast<Duration::rep>(rng_.below(static_cast<uint64_t>(period.count()) / 5)));
  schedule(site, peer, period * 9 / 10 + jitter);
}

void Peers::missed(const SiteId& site, Peer& peer, const Error& error) {
  peer.warm = false;
  const bool slow = error.code == Code::timed_out;
  if (slow && peer.up && ++peer.misses < misses_to_eject) return;
  if (peer.up) log_warning("peer is away", {{"site", site.str()}, {"why", error.text()}});
  peer.up = false;
  dispatcher_.peer_failed(site, reactor_.now());
}

}  // namespace barrio::gateway
