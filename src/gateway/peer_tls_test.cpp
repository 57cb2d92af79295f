#include <doctest/doctest.h>

#include "decide/routing/world_test.h"
#include "gateway/gateway.h"
#include "model/site_identity.h"
#include "net/client.h"
#include "net/tls_test_files.h"

namespace barrio::gateway::peer_tls_test {
namespace {

using decide::test::site_at;

class Nowhere final : public ports::CoreNetwork {
 public:
  Result<DeviceLocation> locate(std::string_view) const override { return fail(Code::not_found, "no core"); }
};

/// Gateways of bio1 and mad1 that know each other by certificates.
struct World {
  struct Member {
    Registry registry;
    net::TlsFiles certificate;
    std::unique_ptr<Gateway> gateway;
    net::SocketAddress address;
  };

  World() {
    for (Member* member : {&bio, &mad}) {
      const std::string site = member == &bio ? "bio1" : "mad1";
      member->certificate = certificate_of(site);
      GatewayConfig config{.site = SiteId::of(site), .listen = *net::SocketAddress::parse("127.0.0.1:0")};
      config.peer_secret = "s3cret";
      config.peer_tls.server = files.server({.certificates = {member->certificate},
                                             .client_certificate = net::ClientCertificate::requested,
                                             .client_ca = files.authority()});
      config.peer_tls.client = files.client(member->certificate);
      member->gateway = std::make_unique<Gateway>(reactor, std::move(config), core, member->registry);
      member->address = *member->gateway->start();
    }
    tell({});
  }
  void tell(std::vector<std::string> revoked) {
    auto snapshot = decide::test::snapshot_of({site_at("bio1", -2.9), site_at("mad1", -3.7)}, {});
    snapshot->gateways = {{"bio1", bio.address.str()}, {"mad1", mad.address.str()}};
    snapshot->revoked_keys = std::move(revoked);
    for (Member* member : {&bio, &mad}) member->gateway->set_snapshot(snapshot);
    for (int i = 0; i < 5; ++i) reactor.turn(1ms);
  }

  std::string key_of(const Member& member) const {
    std::ifstream file(member.certificate.key);
    const std::string pem(std::istreambuf_iterator<char>(file), {});
    return PrivateKey::from_pem(pem)->fingerprint();
  }
  void run_until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 20s;
    while (!done() && reactor.now() < limit) reactor.turn(100ms);
    CHECK(done());
  }

  net::TlsFiles certificate_of(const std::string& site) {
    return files.issue(site, {site_host(SiteId::of(site))}, {site_uri(SiteId::of(site))});
  }

  /// What bio1 answers to somebody who asks as a peer does: a status, or the error.
  std::string asked(std::shared_ptr<net::TlsClient> tls) {
    net::Endpoint endpoint(bio.address);
    if (tls) endpoint.name = site_host(SiteId::of("bio1"));
    endpoint.tls = std::move(tls);
    std::optional<Result<net::Response>> answer;
    client.fetch(endpoint,
                 {.method = "GET",
                  .target = "/barrio/peer/v1/load",
                  .headers = {{"Barrio-Peer", "s3cret"}},
                  .body = {},
                  .peer_ip = {}},
                 reactor.fresh_now() + 20s, [&](Result<net::Response> got) { answer = std::move(got); });
    while (!answer) reactor.turn(10ms);
    return *answer ? std::to_string((*answer)->status) : "error";
  }

  net::TestFiles files;
  net::Reactor reactor;
  Nowhere core;
  Member bio;
  Member mad;
  net::Client client{reactor, {}};
};

TEST_CASE("with certificates only a certificate makes a peer, whatever a header says") {
  World w;
  CHECK(w.asked(w.files.client(w.mad.certificate)) == "200");
  CHECK(w.asked(nullptr) == "403");
  CHECK(w.asked(w.files.client()) == "403");
  CHECK(w.asked(w.files.client(w.bio.certificate)) == "403");
  CHECK(w.asked(w.files.client(w.certificate_of("vgo1"))) == "403");
  CHECK(w.asked(w.files.client(w.files.issue("device", {"device.example"}))) == "403");
}

TEST_CASE("a certificate whose key was revoked makes no peer, and another one of the same site does") {
  World w;
  w.tell({w.key_of(w.mad)});
  CHECK(w.asked(w.files.client(w.mad.certificate)) == "403");
  CHECK(w.asked(w.files.client(w.certificate_of("mad1"))) == "200");
}

TEST_CASE("a certificate of a foreign authority is refused in the handshake") {
  World w;
  const net::TestFiles foreign;
  const net::TlsFiles forged = foreign.issue("mad1", {site_host(SiteId::of("mad1"))}, {site_uri(SiteId::of("mad1"))});
  CHECK(w.asked(w.files.client(forged)) == "error");
}

TEST_CASE("gateways reach each other with mutual TLS, until the key of the one that is called is revoked") {
  World w;
  const auto up = [](World::Member& member) {
    const std::string text = member.registry.text();
    const size_t at = text.find("\nbarrio_gateway_peers_up{");
    return at != std::string::npos && text.substr(text.find("} ", at) + 2, 1) == "1";
  };
  w.run_until([&] { return up(w.bio) && up(w.mad); });
  w.tell({w.key_of(w.mad)});
  w.run_until([&] { return !up(w.bio); });
  w.tell({});
  w.run_until([&] { return up(w.bio) && up(w.mad); });
}

}  // namespace
}  // namespace barrio::gateway::peer_tls_test
