#include "objects/peers.h"

#include "model/site_identity.h"

namespace barrio::objects {

Peers::Peers(PeerCalls& calls, ports::Runtime& runtime, const Directory& directory, SiteId own, PeerIdentity identity)
    : calls_(calls), runtime_(runtime), directory_(directory), own_(std::move(own)), identity_(std::move(identity)) {}

Result<net::Endpoint> Peers::endpoint(const SiteId& site) const {
  const auto address = net::SocketAddress::parse(directory_.address(site));
  if (!address) return fail(Code::unavailable, "the site " + site.str() + " is not known here yet");
  net::Endpoint endpoint(*address);
  if (identity_.client) {
    endpoint.tls = identity_.client;
    endpoint.name = site_host(site);
  } else if (identity_.secret.empty()) {
    return fail(Code::unavailable, "this site has no way to other sites: it has neither peer_tls nor peer_secret");
  }
  return endpoint;
}

std::vector<net::Header> Peers::introduction(const net::Endpoint& endpoint) const {
  std::vector<net::Header> headers = {{"Barrio-Forwarded-By", own_.str()}};
  if (!endpoint.tls) headers.emplace_back("Barrio-Peer", identity_.secret);
  return headers;
}

Result<net::Response> Peers::ask(const SiteId& site, net::Request request, Duration patience) {
  TRY(const auto to, endpoint(site));
  for (const net::Header& header : introduction(to)) request.headers.emplace_back(header.name, header.value);
  struct Waiting {
    std::unique_ptr<ports::Signal> answered;
    std::optional<Result<net::Response>> answer;
  };
  auto waiting = std::make_shared<Waiting>();
  waiting->answered = runtime_.make_signal();
  calls_.fetch(to, std::move(request), runtime_.now() + patience, [waiting](Result<net::Response> answer) {
    waiting->answer = std::move(answer);
    waiting->answered->notify();
  });
  while (!waiting->answer && !runtime_.stopping()) waiting->answered->wait_until(Time::max());
  if (!waiting->answer) return fail(Code::cancelled, "this site is stopping");
  return std::move(*waiting->answer);
}

}  // namespace barrio::objects
