#pragma once
// Where everything of one `barrio up` listens: addresses of one loopback subnet 127.S.0.0/16.

#include <string>

#include "base/result.h"

namespace barrio::cli {

/// Numbers count from 1: sites in the order of the network file, cameras in the order of theirs.
class Layout {
 public:
  /// The first subnet (S = 20..250) in which nobody listens. Errors: unavailable.
  static Result<Layout> pick();
  /// Of the members of control, from 1.
  std::string control(size_t member = 1) const { return address(0, member, 8080); }
  /// The same member's listener with TLS, for sites.
  std::string control_tls(size_t member = 1) const { return address(0, member, 8443); }
  std::string control_ip(size_t member) const { return host(0, member); }
  std::string etcd_client(size_t member) const { return "http://" + address(3, member, 2379); }
  std::string etcd_peer(size_t member) const { return "http://" + address(3, member, 2380); }
  std::string gateway(size_t site) const { return address(1, site, 7000); }
  /// The same gateway's listener with TLS for clients.
  std::string gateway_tls(size_t site) const { return address(1, site, 7443); }
  /// Its S3 service, in clear and with TLS.
  std::string s3(size_t site) const { return address(1, site, 7480); }
  std::string s3_tls(size_t site) const { return address(1, site, 7483); }
  /// Where the relay's own connections to gateways come from.
  std::string relay_source() const { return host(2, 1); }
  /// The relay's listener for one camera's traffic to one site.
  std::string camera_to_site(size_t camera, size_t site) const { return address(10 + camera, site, 7000); }
  std::string site_to_site(size_t from, size_t to) const { return address(100 + from, to, 7000); }
  std::string gateway_ip(size_t site) const { return host(1, site); }
  /// The address that the emulated core network knows a camera by.
  static std::string device(size_t camera) { return "10.77.0." + std::to_string(camera); }

 private:
  explicit Layout(int subnet) : subnet_(subnet) {}
  std::string host(size_t third, size_t fourth) const;
  std::string address(size_t third, size_t fourth, int port) const {
    return host(third, fourth) + ":" + std::to_string(port);
  }
  int subnet_;
};

}  // namespace barrio::cli
