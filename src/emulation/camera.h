#pragma once
// One emulated camera: asks which gateway is best for it, sends a picture there every so often, keeps one record each.
// It knows what any device knows: an app's name, its tenant's credentials, the sites' addresses. Lives on one reactor.

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "emulation/camera_record.h"
#include "net/client.h"

namespace barrio::emulation {

/// A site as this camera reaches it: through the relay that adds its distance.
struct CameraEntry {
  std::string site;
  std::string address;  // "ip:port"
};
BARRIO_DESCRIBE(CameraEntry, (), (site, address))

struct CameraConfig {
  std::string name;
  std::string app;
  std::string client_id;
  std::string client_secret;
  std::vector<CameraEntry> entries;  // nearest first
  Duration interval;
  Duration offset;     // of the first picture, so that cameras do not beat together
  Duration objective;  // later answers count as late
};
BARRIO_DESCRIBE(CameraConfig, (), (name, app, client_id, client_secret, entries, interval, offset, objective))

/// Bearer tokens from the token endpoint, renewed at half their life; the old one serves on while that fails.
class TokenSource {
 public:
  TokenSource(net::Reactor& reactor, net::Client& client, std::vector<net::SocketAddress> members, std::string id,
              std::string secret);
  void start() { renew(); }
  const std::string& token() const { return token_; }

 private:
  void renew();
  Duration take(const Result<net::Response>& answer);

  net::Reactor& reactor_;
  net::Client& client_;
  const std::vector<net::SocketAddress> members_;  // of control
  size_t member_ = 0;
  std::string id_;
  std::string secret_;
  std::string token_;
};

class Camera {
 public:
  /// `pictures` outlives the camera.
  Camera(net::Reactor& reactor, net::Client& client, std::vector<net::SocketAddress> members, CameraConfig config,
         const std::vector<std::string>& pictures);
  Camera(const Camera&) = delete;
  Camera& operator=(const Camera&) = delete;
  Result<void> start();
  /// What happened since the last call.
  CameraLine take_line();

 private:
  struct Entry {
    std::string site;
    net::SocketAddress address;
    Time avoid_until{};  // after a failure
  };
  struct Pending {
    Shot shot;
    Time started;
    int attempts = 0;
    bool looked_up = false;
  };
  void tick();
  void dispatch();
  void send(const std::string& site);
  void answered(const std::string& site, Time sent, Result<net::Response> answer);
  void served(const net::Response& response, Time sent);
  void refused(const net::Response& response);
  void finish(Outcome outcome);
  void look_up_later();
  void look_up(std::function<void()> then);
  void ask(std::shared_ptr<std::vector<std::string>> sites, size_t index, std::function<void()> then);
  bool learn(const net::Response& response);
  std::vector<std::string> lookup_order();
  Entry* find(const std::string& site);
  std::string body() const;

  net::Reactor& reactor_;
  net::Client& client_;
  CameraConfig config_;
  const std::vector<std::string>& pictures_;
  TokenSource tokens_;
  std::vector<Entry> entries_;     // nearest first
  std::vector<std::string> best_;  // sites, best first, as last discovered
  Shot refusal_;                   // why best_ is empty, as last discovered
  size_t next_picture_ = 0;
  Time next_tick_{};
  std::unique_ptr<Pending> pending_;
  CameraLine line_;
};

}  // namespace barrio::emulation
