#pragma once
// The other gateways: their addresses, and a ping a second to each that measures the round trip, brings its load, and
// notices when it is gone or back. Lives on the gateway's reactor.

#include <map>

#include "base/rng.h"
#include "gateway/dispatcher.h"
#include "net/client.h"

namespace barrio::gateway {

class Peers {
 public:
  static constexpr Duration period = 1s;
  static constexpr Duration patience = 1s;
  static constexpr int misses_to_eject = 2;  // slow pings in a row; a refused connection counts at once

  struct Config {
    SiteId self;
    std::map<std::string, std::string> addresses;  // site -> host:port, before what the snapshot says
    std::string secret;                            // sent with requests; empty: none
    std::shared_ptr<net::TlsClient> tls;           // null: in clear
    uint64_t seed = 1;
  };

  Peers(net::Reactor& reactor, net::Client& client, Dispatcher& dispatcher, Config config);
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  void set_snapshot(const Snapshot& snapshot);
  const net::Endpoint* endpoint(const SiteId& site) const;
  /// As sent to devices: "host:port"; empty for an unknown site.
  std::string address_text(const SiteId& site) const;
  size_t count() const { return peers_.size(); }
  size_t up() const;

 private:
  struct Peer {
    std::string text;
    net::Endpoint endpoint;
    net::TimerId timer = 0;
    uint64_t generation = 0;
    bool warm = false;  // a connection is open: the next round trip is one
    int misses = 0;
    bool up = false;
  };

  void schedule(const SiteId& site, Peer& peer, Duration delay);
  void ping(const SiteId& site);
  void pinged(const SiteId& site, uint64_t generation, Time asked, Result<net::Response> answer);
  void missed(const SiteId& site, Peer& peer, const Error& error);

  net::Reactor& reactor_;
  net::Client& client_;
  Dispatcher& dispatcher_;
  Config config_;
  Rng rng_;
  std::map<SiteId, Peer> peers_;
  std::map<std::string, std::string> advertised_;
  uint64_t generation_ = 0;
};

}  // namespace barrio::gateway
