#pragma once
// The wide-area network between cities, on one machine: TCP relays that deliver every chunk as late as the real path
// would. What is read at t leaves at t + one_way (+ jitter), in order; the first byte of a connection leaves one round
// trip later still, as a handshake would have it. Each link begins its outgoing connections with a PROXY v2 header
// that carries the address of the device it stands for. Lives on one loop; owned by main().

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "net/address.h"
#include "net/reactor.h"

namespace barrio::emulation {

struct WanLink {
  net::SocketAddress listen;
  net::SocketAddress to;
  Duration one_way{};
  Duration jitter{};
  std::string device;  // IP address that the PROXY header carries
  static constexpr std::string_view defaulted[] = {"jitter"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(WanLink, (), (listen, to, one_way, jitter, device))

struct WanConfig {
  std::string listen_from;  // source IP of the outgoing connections
  std::vector<WanLink> links;
  uint64_t seed = 1;
  static constexpr std::string_view defaulted[] = {"seed"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(WanConfig, (), (listen_from, links, seed))

class WanRelay {
 public:
  WanRelay(net::Reactor& reactor, WanConfig config);
  ~WanRelay();
  WanRelay(const WanRelay&) = delete;
  WanRelay& operator=(const WanRelay&) = delete;

  /// Listens on every link. Errors: those of the first link that cannot.
  Result<void> start();
  /// Where the links really listen, in the order of the configuration; ports 0 are resolved.
  std::vector<net::SocketAddress> addresses() const;
  size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace barrio::emulation
