#include <filesystem>

#include "adapters/fake_core/fake_core_network.h"
#include "adapters/http_control/http_control_link.h"
#include "adapters/process/process_runtime.h"
#include "agent/agent.h"
#include "base/log.h"
#include "cli/files.h"
#include "cli/roles.h"
#include "cli/service_loop.h"
#include "cli/site_tls.h"
#include "gateway/gateway.h"

namespace barrio::cli {

namespace {

Result<gateway::GatewayConfig> gateway_config(const SiteFile& file, uint64_t seed) {
  TRY(auto site, SiteId::parse(file.site));
  TRY(auto listen, net::SocketAddress::parse(file.listen));
  return gateway::GatewayConfig{.site = site,
                                .listen = listen,
                                .peers = file.peers,
                                .peer_secret = file.peer_secret,
                                .limits = {.proxy_peers = file.proxy_peers},
                                .seed = seed};
}

Result<adapters::HttpControlConfig> link_config(const SiteFile& file) {
  TRY(auto control, net::SocketAddress::parse(file.control));
  TRY(auto site, SiteId::parse(file.site));
  return adapters::HttpControlConfig{
      .control = control, .site = site, .client_id = file.client_id, .client_secret = file.client_secret};
}

adapters::ProcessConfig process_config(const SiteFile& file) {
  std::error_code error;
  adapters::ProcessConfig config;
  config.engine_program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  config.folder = file.folder + "/engines";
  config.nice = 5;  // the gateway forwards while engines compute
  return config;
}

/// Reads certificates again when their files change, or at once on SIGHUP.
void keep_certificates(ServiceLoop& loop, ports::Signal& hangup, SiteTls& tls) {
  while (!loop.runtime().stopping()) {
    const bool asked = hangup.wait_until(loop.runtime().now() + SiteTls::check_period);
    if (loop.runtime().stopping()) return;
    loop.runtime().offload([&] {
      if (tls.changed() || asked) tls.reload();
    });
  }
}

}  // namespace

Result<void> serve_site(const std::string& config) {
  TRY(auto file, read_yaml<SiteFile>(config));
  configure_log("site " + file.site, LogLevel::info, "");
  TRY(auto core, adapters::FakeCoreNetwork::load(file.core));
  TRY_DO(make_folder(file.folder + "/engines", 0700));
  ServiceLoop loop;
  TRY(auto gateway_settings, gateway_config(file, loop.runtime().rng().next()));
  TRY(const auto tls, SiteTls::load(file));
  tls->add_to(gateway_settings);
  TRY(auto link_settings, link_config(file));
  Registry metrics;
  adapters::ProcessWorkloadRuntime workloads(loop.runtime(), loop.fetcher(), process_config(file));
  adapters::HttpControlLink control(loop.runtime(), loop.fetcher(), link_settings);
  gateway::Gateway gateway(loop.reactor(), gateway_settings, core, metrics);
  TRY(auto bound, gateway.start());
  agent::Agent agent(
      loop.runtime(), workloads, control,
      {.site = gateway_settings.site, .data_folder = file.folder, .gateway_address = bound.str()},
      {.on_snapshot = [&](std::shared_ptr<const Snapshot> snapshot) { gateway.set_snapshot(std::move(snapshot)); },
       .on_local = [&](std::vector<ports::WorkloadStatus> local) { gateway.set_local(std::move(local)); },
       .flows = [&] { return gateway.flows(); }});
  const auto hangup = loop.runtime().make_signal();
  loop.on_hangup([&] { hangup->notify(); });
  loop.runtime().spawn("agent", [&] { agent.run(); });
  loop.runtime().spawn("certificates", [&] { keep_certificates(loop, *hangup, *tls); });
  log_info("serving", {{"address", bound.str()}});
  return loop.run();
}

}  // namespace barrio::cli
