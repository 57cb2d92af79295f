#include "base/log.h"
#include "cli/files.h"
#include "cli/roles.h"
#include "cli/service_loop.h"
#include "cli/site_join.h"
#include "cli/site_kubernetes.h"
#include "cli/site_log.h"
#include "cli/site_process.h"
#include "cli/site_tls.h"
#include "net/addresses.h"

namespace barrio::cli {

namespace {

Result<gateway::GatewayConfig> gateway_config(const SiteFile& file, uint64_t seed) {
  TRY(auto site, SiteId::parse(file.site));
  TRY(auto listen, net::SocketAddress::parse(file.listen));
  if (file.access_log) TRY_DO(make_folder(file.access_log->folder, 0750));
  return gateway::GatewayConfig{.site = site,
                                .listen = listen,
                                .peers = file.peers,
                                .peer_secret = file.peer_secret,
                                .limits = {.proxy_peers = file.proxy_peers},
                                .seed = seed,
                                .access_log = file.access_log,
                                .tracing = file.tracing};
}

constexpr int64_t most_busy_poll_us = 10'000;

Result<void> set_busy_poll(const SiteFile& file, net::Reactor& reactor) {
  const int64_t us = file.busy_poll_us.value_or(0);
  if (us < 0 || us > most_busy_poll_us) {
    return fail(Code::invalid, "must be 0 to " + std::to_string(most_busy_poll_us) + " microseconds", "busy_poll_us");
  }
  reactor.set_busy_poll(std::chrono::microseconds(us));
  return {};
}

Result<adapters::HttpControlConfig> link_config(const SiteFile& file, const SiteTls& tls) {
  TRY(auto members, tls.control(file.control));
  TRY(auto site, SiteId::parse(file.site));
  return adapters::HttpControlConfig{
      .members = std::move(members), .site = site, .client_id = file.client_id, .client_secret = file.client_secret};
}

Result<std::optional<net::SocketAddress>> podman_socket(const SiteFile& file) {
  if (!file.podman) return std::nullopt;
  auto socket = net::SocketAddress::parse(*file.podman);
  if (!socket || !socket->is_unix()) {
    return fail(Code::invalid, "must be podman's socket, like unix:/run/podman/podman.sock", "podman");
  }
  return std::optional(*socket);
}

Result<std::optional<adapters::KubernetesConfig>> kubernetes_of(const SiteFile& file, SiteTls& tls) {
  if (!file.kubernetes) return std::nullopt;
  if (file.podman)
    return fail(Code::invalid, "must not be there with podman: one of them runs this site's containers", "kubernetes");
  TRY(auto config, kubernetes_config(*file.kubernetes, file.site, tls, PodSurroundings::of_this_process()));
  return std::optional(std::move(config));
}

/// None: its certificate is made elsewhere. A new site waits here until it is let in; one with a certificate waits for
/// nobody.
Result<std::optional<SiteJoin>> joined(const SiteFile& file) {
  if (!file.peer_tls || !file.peer_tls->from_control.value_or(false)) return std::nullopt;
  TRY(auto join, SiteJoin::prepare(file));
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  if (!join.has_certificate(now)) TRY_DO(join_and_wait(file, join));
  return std::optional(std::move(join));
}

}  // namespace

Result<void> serve_site(const std::string& config) {
  TRY(auto file, read_yaml<SiteFile>(config));
  configure_log("site " + file.site, LogLevel::info, "");
  TRY(auto join, joined(file));
  TRY(auto inherited, net::InheritedSockets::from_environment());
  const auto sockets = std::make_shared<net::InheritedSockets>(std::move(inherited));
  TRY(auto core, adapters::FakeCoreNetwork::load(file.core));
  TRY_DO(make_folder(file.folder + "/engines", 0700));
  TRY(auto usage, UsageMemory::open(file.folder));
  ServiceLoop loop;
  TRY_DO(set_busy_poll(file, loop.reactor()));
  TRY(auto gateway_settings, gateway_config(file, loop.runtime().rng().next()));
  gateway_settings.inherited = sockets;
  TRY(auto tls, SiteTls::load(file));
  tls->add_to(gateway_settings);
  TRY(auto link_settings, link_config(file, *tls));
  TRY(auto podman, podman_socket(file));
  TRY(auto kubernetes, kubernetes_of(file, *tls));
  TRY(auto log, SiteLog::open(loop, file));
  SiteProcess site(loop, {.file = file,
                          .gateway = std::move(gateway_settings),
                          .control = std::move(link_settings),
                          .core = std::move(core),
                          .usage = std::move(usage),
                          .tls = std::move(tls),
                          .join = std::move(join),
                          .podman = std::move(podman),
                          .kubernetes = std::move(kubernetes),
                          .log = std::move(log)});
  TRY_DO(site.start());
  if (!sockets->empty()) log_warning("sockets that were handed over are not used", {{"addresses", sockets->text()}});
  return loop.run();
}

}  // namespace barrio::cli
