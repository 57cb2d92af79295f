#pragma once
// How HTTP travels in a World: whole messages between the storage of two sites, and from clients to one. Each arrives
// after half a round trip, or late, twice or never, as the world's network is. Who asks a dead site hears of it, and
// who asks one that is cut off waits until its deadline, or until nothing could be begun.

#include <map>
#include <memory>

#include "objects/peer_calls.h"
#include "sim/loop.h"

namespace barrio::sim {

class World;

class HttpNetwork {
 public:
  /// Told of each message from one site to another that has a body, before it leaves. `target`: of its request.
  using Watch = std::function<void(size_t from, size_t to, const std::string& target)>;

  explicit HttpNetwork(World& world) : world_(world) {}
  HttpNetwork(const HttpNetwork&) = delete;
  HttpNetwork& operator=(const HttpNetwork&) = delete;

  /// "host:port" of a site's storage.
  static std::string address(size_t site);
  /// For the processes of this site; site_ended() ends what they have open.
  std::unique_ptr<objects::PeerCalls> calls_of(size_t site);
  /// From beside the site that is asked. `done` is called once.
  void ask(size_t site, net::Request request, Duration patience, std::function<void(Result<net::Response>)> done);
  /// The processes there have ended, and so do their exchanges and calls.
  void site_ended(size_t site);
  void watch(Watch watch) { watch_ = std::move(watch); }

 private:
  static constexpr size_t client = SIZE_MAX;  // no site

  class Call;
  class Exchange;
  class SiteCalls;
  class Fetching;
  /// A request, kept.
  struct Message {
    size_t from = client;
    size_t to = 0;
    net::Request request;
    bool is_between_sites() const { return from != client; }
  };
  using MessageRef = std::shared_ptr<const Message>;
  using CallRef = std::shared_ptr<Call>;
  using ExchangeRef = std::shared_ptr<Exchange>;

  CallRef begin(Message message, Time deadline, net::CallHandler* handler);
  CallRef fetch(Message message, Time deadline, std::function<void(Result<net::Response>)> done);
  void send(const CallRef& call);
  void arrive(const MessageRef& message, const CallRef& call);
  /// The handler's last word of this exchange; null: it broke.
  void answered(const ExchangeRef& exchange, std::shared_ptr<const net::Response> response);
  void fail_later(const CallRef& call, Duration after, net::CallError error);
  /// Nobody waits for it any more.
  void left(CallRef call);
  bool reaches(size_t from, size_t to) const;
  Duration travel(const Message& message) const;
  std::optional<Duration> late();
  static bool is_of_copies(const Message& message);

  World& world_;
  Watch watch_;
  uint64_t made_ = 0;
  std::map<uint64_t, CallRef> calls_;          // that are not over
  std::map<uint64_t, ExchangeRef> exchanges_;  // that are not closed
};

}  // namespace barrio::sim
