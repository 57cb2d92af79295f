#include "emulation/wan.h"

#include <algorithm>

#include "base/rng.h"
#include "emulation/wan_connection.h"
#include "net/listener.h"

namespace barrio::emulation {

namespace {

Result<void> check_ip(const std::string& ip, const char* field) {
  const bool v6 = ip.find(':') != std::string::npos;
  const auto parsed = net::SocketAddress::parse(v6 ? "[" + ip + "]:0" : ip + ":0");
  if (!parsed || parsed->is_unix()) return fail(Code::invalid, "'" + ip + "' is not an IP address", field);
  return {};
}

}  // namespace

Result<void> WanLink::check() const {
  TRY_DO(check_ip(device, "device"));
  if (listen.is_unix() || to.is_unix()) return fail(Code::invalid, "a link joins TCP addresses", "listen");
  if (one_way < Duration(0) || one_way > 10s) return fail(Code::invalid, "must be from 0 to 10s", "one_way");
  if (jitter < Duration(0) || jitter > 10s) return fail(Code::invalid, "must be from 0 to 10s", "jitter");
  return {};
}

Result<void> WanConfig::check() const {
  return check_ip(listen_from, "listen_from");
}

struct WanRelay::State {
  State(net::Reactor& loop, WanConfig links) : reactor(loop), config(std::move(links)), rng(config.seed) {}

  Result<void> listen(const WanLink& link) {
    auto listener = std::make_unique<net::Listener>(
        reactor, [this, &link](int fd, const net::SocketAddress&) { accepted(link, fd); });
    TRY(auto address, listener->open(link.listen));
    addresses.push_back(address);
    listeners.push_back(std::move(listener));
    return {};
  }

  void accepted(const WanLink& link, int fd) {
    connections.push_back(std::make_unique<WanConnection>(reactor, link, config.listen_from, rng.next(), fd,
                                                          [this](WanConnection& one) { remove(one); }));
  }

  void remove(const WanConnection& connection) {
    std::erase_if(connections, [&](const auto& one) { return one.get() == &connection; });
  }

  net::Reactor& reactor;
  const WanConfig config;
  Rng rng;
  std::vector<net::SocketAddress> addresses;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  std::vector<std::unique_ptr<WanConnection>> connections;
};

WanRelay::WanRelay(net::Reactor& reactor, WanConfig config)
    : state_(std::make_unique<State>(reactor, std::move(config))) {}

WanRelay::~WanRelay() = default;

Result<void> WanRelay::start() {
  for (const WanLink& link : state_->config.links) {
    auto listening = state_->listen(link);
    if (!listening) return fail(std::move(listening).error().within("wan"));
  }
  return {};
}

std::vector<net::SocketAddress> WanRelay::addresses() const {
  return state_->addresses;
}

size_t WanRelay::connections() const {
  return state_->connections.size();
}

}  // namespace barrio::emulation
