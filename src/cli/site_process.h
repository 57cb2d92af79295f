#pragma once
// The process of one site: gateway and agent on one loop, and how it gives way to a newer binary (SIGUSR2).
//
// A process that takes over runs its own replicas before it serves: for that time the site holds each model twice.

#include <optional>

#include "adapters/fake_core/fake_core_network.h"
#include "adapters/http_control/http_control_link.h"
#include "adapters/kubernetes/kubernetes_runtime.h"
#include "adapters/podman/podman_runtime.h"
#include "adapters/process/process_runtime.h"
#include "adapters/process/program_runtime.h"
#include "agent/agent.h"
#include "agent/workload_kinds.h"
#include "cli/handover.h"
#include "cli/roles.h"
#include "cli/service_loop.h"
#include "cli/site_join.h"
#include "cli/site_log.h"
#include "cli/site_storage.h"
#include "cli/site_tls.h"
#include "cli/usage_memory.h"
#include "gateway/gateway.h"

namespace barrio::cli {

class SiteProcess {
 public:
  struct Parts {
    SiteFile file;
    gateway::GatewayConfig gateway;
    adapters::HttpControlConfig control;
    adapters::FakeCoreNetwork core;
    UsageMemory usage;
    std::unique_ptr<SiteTls> tls;
    std::optional<SiteJoin> join;  // its certificate is control's
    std::optional<net::SocketAddress> podman;
    std::optional<adapters::KubernetesConfig> kubernetes;
    std::unique_ptr<SiteLog> log;
  };

  SiteProcess(ServiceLoop& loop, Parts parts);
  /// Listens and starts the agent; serves at once, or after it has taken over. Errors: those of Gateway::start.
  Result<void> start();

 private:
  agent::AgentConfig agent_config(const std::string& address) const;
  agent::AgentHooks hooks();
  gateway::GatewayConfig gateway_config(gateway::GatewayConfig config);
  adapters::HttpControlConfig link_config(adapters::HttpControlConfig config);
  std::unique_ptr<adapters::PodmanWorkloadRuntime> with_podman(const std::optional<net::SocketAddress>& socket);
  std::unique_ptr<adapters::KubernetesWorkloadRuntime> with_kubernetes(
      std::optional<adapters::KubernetesConfig> config);
  std::unique_ptr<adapters::ProgramWorkloadRuntime> with_programs();
  ports::WorkloadRuntime* containers();
  std::vector<UsageRecord> cut_usage(std::span<const JournaledPeriod> journaled);
  std::vector<TenantId> resting() const;
  Result<std::unique_ptr<SiteStorage>> open_storage();
  Result<void> start_storage(std::unique_ptr<SiteStorage> storage);
  void end_storage();
  Result<void> try_storage();
  void open_from_service();
  void take_over_storage(std::string told = {});
  void keep_certificates();
  Result<bool> ask_for_certificate();
  void renew_certificate();
  void take_over();
  void serve();
  void begin_upgrade();
  void upgraded(Result<void> ready);
  void end_when_empty(Time latest);

  ServiceLoop& loop_;
  const SiteFile file_;
  const OwnCommand command_;
  Predecessor predecessor_;
  Registry metrics_;
  adapters::FakeCoreNetwork core_;
  UsageMemory usage_;
  std::unique_ptr<SiteTls> tls_;
  const std::optional<SiteJoin> join_;
  Time next_renewal_{};  // of its certificate, where that is due
  std::unique_ptr<SiteLog> log_;
  std::unique_ptr<ports::Signal> hangup_;
  std::unique_ptr<ports::Signal> given_up_;  // storage: a successor takes over
  const std::string incarnation_;  // of this process among those of its site: what two must not share carries it
  adapters::ProcessWorkloadRuntime models_;
  std::unique_ptr<adapters::PodmanWorkloadRuntime> podman_;          // one of these two runs containers,
  std::unique_ptr<adapters::KubernetesWorkloadRuntime> kubernetes_;  // or none does
  std::unique_ptr<adapters::ProgramWorkloadRuntime> programs_;       // null: this site runs none
  agent::WorkloadKinds workloads_;
  adapters::HttpControlLink control_;
  const adapters::HttpControlConfig control_config_;
  const objects::PeerIdentity peers_;
  const std::shared_ptr<net::TlsServer> client_tls_;
  gateway::Gateway gateway_;
  std::optional<agent::Agent> agent_;
  std::shared_ptr<const Snapshot> snapshot_;  // the last
  std::unique_ptr<SiteStorage> storage_;
  std::unique_ptr<Successor> successor_;
  std::string address_;
  bool serving_ = false;
  bool replaced_ = false;
};

}  // namespace barrio::cli
