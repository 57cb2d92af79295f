#include "cli/site_process.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "adapters/reactor_runtime/stream_call.h"
#include "agent/replica_figures.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/files.h"

namespace barrio::cli {

namespace {

constexpr Duration replicas_ready_within = 60s;  // of a successor
constexpr Duration successor_patience = 90s;     // of its predecessor
constexpr Duration idle_connections = 2s;        // while draining
constexpr Duration drain_grace = 30s;            // for open requests of a predecessor
constexpr Duration check_period = 50ms;
constexpr Duration service_period = 2s;    // an S3 service that is away is asked again
constexpr Duration refused_period = 30s;   // one where something is wrong
constexpr Duration renewal_retry = 10min;  // of a certificate
constexpr size_t most_probed = 64 * 1024;  // of what a stranger's server answers when asked for its health

std::string new_incarnation() {
  const std::string bytes = random_bytes(6);
  return to_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

adapters::ProcessConfig process_config(const SiteFile& file, const std::string& incarnation) {
  std::error_code error;
  adapters::ProcessConfig config;
  config.engine_program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  config.folder = file.folder + "/engines";
  config.arguments = {"engine", "--usage", config.folder};
  config.incarnation = incarnation;
  config.engine_config = file.engine.value_or("");
  config.emulated_models = file.emulated_models.value_or(false);
  return config;
}

}  // namespace

SiteProcess::SiteProcess(ServiceLoop& loop, Parts parts)
    : loop_(loop),
      file_(std::move(parts.file)),
      command_(own_command()),
      predecessor_(Predecessor::from_environment()),
      core_(std::move(parts.core)),
      usage_(std::move(parts.usage)),
      tls_(std::move(parts.tls)),
      join_(std::move(parts.join)),
      log_(std::move(parts.log)),
      hangup_(loop.runtime().make_signal()),
      given_up_(loop.runtime().make_signal()),
      incarnation_(new_incarnation()),
      models_(loop.runtime(), loop.fetcher(), process_config(file_, incarnation_)),
      podman_(with_podman(parts.podman)),
      kubernetes_(with_kubernetes(std::move(parts.kubernetes))),
      programs_(with_programs()),
      workloads_(models_, containers(), programs_.get()),
      control_(loop.runtime(), loop.fetcher(), link_config(parts.control)),
      control_config_(parts.control),
      peers_{file_.peer_secret, parts.gateway.peer_tls.server, parts.gateway.peer_tls.client},
      client_tls_(parts.gateway.tls),
      gateway_(loop.reactor(), gateway_config(std::move(parts.gateway)), core_, metrics_) {}

gateway::GatewayConfig SiteProcess::gateway_config(gateway::GatewayConfig config) {
  config.usage_memory = usage_.memory();
  config.log_call = [this](gateway::LogCall call, std::function<void(net::Response)> answer) {
    log_->answer(std::move(call), std::move(answer));
  };
  config.sign_receipt = [this](const gateway::ReceiptFacts& facts) { return log_->sign_receipt(facts); };
  config.replica_figures = [this](const AppKey& app, size_t lines, std::function<void(std::string)> answer) {
    loop_.runtime().spawn("replica figures", [this, app, lines, answer = std::move(answer)] {
      answer(print_json(to_json(agent::replica_figures(workloads_, SiteId::of(file_.site), app, lines))));
    });
  };
  return config;
}

adapters::HttpControlConfig SiteProcess::link_config(adapters::HttpControlConfig config) {
  config.on_time = [this](WallTime time) { gateway_.hear_control_time(time); };
  return config;
}

std::unique_ptr<adapters::PodmanWorkloadRuntime> SiteProcess::with_podman(
    const std::optional<net::SocketAddress>& socket) {
  if (!socket) return nullptr;
  adapters::PodmanConfig config{.socket = *socket, .site = file_.site};
  config.in_flight = [this](const ReplicaId& id) { return gateway_.in_flight(id); };
  return std::make_unique<adapters::PodmanWorkloadRuntime>(loop_.runtime(), loop_.fetcher(), loop_.fetcher(most_probed),
                                                           std::move(config));
}

std::unique_ptr<adapters::KubernetesWorkloadRuntime> SiteProcess::with_kubernetes(
    std::optional<adapters::KubernetesConfig> config) {
  if (!config) return nullptr;
  config->in_flight = [this](const ReplicaId& id) { return gateway_.in_flight(id); };
  const auto watch = [this](const net::Endpoint& server, net::Request request, Time deadline,
                            adapters::kubernetes::TakePiece take) {
    return adapters::stream(loop_.runtime(), loop_.client(), server, std::move(request), deadline, std::move(take));
  };
  return std::make_unique<adapters::KubernetesWorkloadRuntime>(
      loop_.runtime(),
      adapters::KubernetesWorkloadRuntime::Calls{
          .api = loop_.fetcher(), .watch = watch, .registry = loop_.fetcher(), .probe = loop_.fetcher(most_probed)},
      std::move(*config));
}

std::unique_ptr<adapters::ProgramWorkloadRuntime> SiteProcess::with_programs() {
  if (!file_.programs) return nullptr;
  adapters::ProgramConfig config;
  config.bwrap = file_.programs->bwrap.value_or(config.bwrap);
  config.cgroup = file_.programs->cgroup.value_or("");
  config.without_cgroup = file_.programs->without_cgroup.value_or(false);
  std::error_code error;
  config.folder = std::filesystem::absolute(file_.folder + "/programs", error).string();
  config.incarnation = incarnation_;
  config.site = file_.site;
  config.in_flight = [this](const ReplicaId& id) { return gateway_.in_flight(id); };
  return std::make_unique<adapters::ProgramWorkloadRuntime>(loop_.runtime(), loop_.fetcher(most_probed),
                                                            std::move(config));
}

/// Null: this site runs none.
ports::WorkloadRuntime* SiteProcess::containers() {
  if (kubernetes_) return kubernetes_.get();
  return podman_.get();
}

agent::AgentConfig SiteProcess::agent_config(const std::string& address) const {
  return {.site = SiteId::of(file_.site),
          .data_folder = file_.folder,
          .gateway_address = address,
          .standby = predecessor_.present()};
}

agent::AgentHooks SiteProcess::hooks() {
  return {.on_snapshot =
              [this](std::shared_ptr<const Snapshot> snapshot) {
                log_->set_snapshot(snapshot);
                snapshot_ = snapshot;
                if (storage_) storage_->set_snapshot(snapshot);
                gateway_.set_snapshot(std::move(snapshot));
              },
          .on_local = [this](std::vector<ports::WorkloadStatus> local) { gateway_.set_local(std::move(local)); },
          .flows = [this] { return gateway_.flows(); },
          .cut_usage = [this](std::span<const JournaledPeriod> journaled) { return cut_usage(journaled); },
          .journal_is_ours = [this] { return usage_.is_alone(); },
          .in_flight = [this] { return gateway_.open_requests(); },
          .leaving =
              [this](const ReplicaOrder& order) {
                return agent::LeaveState{.in_flight = gateway_.in_flight(order.id),
                                         .elsewhere = gateway_.served_elsewhere(order.app)};
              },
          .log = &log_->log()};
}

/// What a process before this one left first: its file goes only when the journal has all of it.
std::vector<UsageRecord> SiteProcess::cut_usage(std::span<const JournaledPeriod> journaled) {
  auto records = usage_.left_behind(journaled, loop_.runtime().wall());
  if (records.empty()) records = gateway_.cut_usage(journaled);
  if (storage_) {
    for (UsageRecord& record : storage_->cut_usage(journaled)) records.push_back(std::move(record));
  }
  EngineUsageQuestion question{{journaled.begin(), journaled.end()}, resting()};
  auto counted = models_.cut_usage(std::move(question));
  gateway_.show_counted(counted);
  std::ranges::move(counted, std::back_inserter(records));
  return records;
}

/// Tenants that have spent what they may: gateways refuse their requests, and engines look at none of their streams.
std::vector<TenantId> SiteProcess::resting() const {
  std::vector<TenantId> all;
  if (!snapshot_) return all;
  const WallTime now = loop_.runtime().wall();
  for (const auto& [tenant, stop] : snapshot_->spend_stops) {
    if (stop.holds(now)) all.push_back(TenantId::of(tenant));
  }
  return all;
}

Result<void> SiteProcess::start() {
  const bool standby = predecessor_.present();
  if (standby) gateway_.hold();
  TRY(auto bound, gateway_.start());
  address_ = bound.str();
  agent_.emplace(loop_.runtime(), workloads_, control_, agent_config(address_), hooks());
  loop_.runtime().spawn("agent", [this] { agent_->run(); });
  log_->start([this] { return serving_ && !replaced_; });
  loop_.runtime().spawn("certificates", [this] { keep_certificates(); });
  loop_.on_hangup([this] { hangup_->notify(); });
  loop_.on_upgrade([this] { begin_upgrade(); });
  if (standby) {
    loop_.runtime().spawn("take over", [this] { take_over(); });
  } else {
    if (file_.storage && file_.storage->s3) {
      loop_.runtime().spawn("open storage", [this] { open_from_service(); });
    } else if (file_.storage) {
      TRY(auto storage, open_storage());
      TRY_DO(start_storage(std::move(storage)));
    }
    serve();
  }
  return {};
}

/// One process at a time has a site's storage: a successor opens it when its predecessor has given it up. Blocks.
Result<std::unique_ptr<SiteStorage>> SiteProcess::open_storage() {
  return SiteStorage::open({.file = file_,
                            .control = control_config_,
                            .peers = peers_,
                            .tls = client_tls_,
                            .log = {loop_.reactor(), loop_.runtime(), log_->log()},
                            .metrics = metrics_});
}

Result<void> SiteProcess::start_storage(std::unique_ptr<SiteStorage> storage) {
  storage_ = std::move(storage);
  if (snapshot_) storage_->set_snapshot(snapshot_);
  TRY_DO(storage_->start());
  loop_.runtime().spawn("end storage", [this] { end_storage(); });
  return {};
}

/// While this loop still turns: a request that is answered there may have a leaf to write here.
void SiteProcess::end_storage() {
  while (!loop_.runtime().stopping() && !replaced_) given_up_->wait_until(Time::max());
  loop_.runtime().offload([this] { storage_->stop(); });
}

/// Reads certificates again when their files change, or at once on SIGHUP.
void SiteProcess::keep_certificates() {
  loop_.runtime().offload([&] { tls_->expose(metrics_); });
  while (!loop_.runtime().stopping()) {
    const bool asked = hangup_->wait_until(loop_.runtime().now() + WatchedFiles::check_period);
    if (loop_.runtime().stopping()) return;
    renew_certificate();
    loop_.runtime().offload([&] {
      if ((tls_->changed() || asked) && tls_->reload()) tls_->expose(metrics_);
    });
  }
}

Result<bool> SiteProcess::ask_for_certificate() {
  Result<adapters::HttpControlConfig> config = fail(Code::cancelled, "");
  loop_.runtime().offload([&] { config = joining_link(file_); });
  if (!config) return fail(std::move(config).error());
  adapters::HttpControlLink link(loop_.runtime(), loop_.fetcher(), std::move(*config));
  return join_->ask(link);
}

/// In time before it ends, or after that, where control signs it. One that cannot be renewed stays as long as it is
/// valid.
void SiteProcess::renew_certificate() {
  if (!join_ || loop_.runtime().now() < next_renewal_) return;
  bool due = false;
  loop_.runtime().offload([&] { due = join_->is_due(loop_.runtime().wall()); });
  if (!due) return;
  next_renewal_ = loop_.runtime().now() + renewal_retry;
  const auto approved = ask_for_certificate();
  if (approved && *approved) return;
  log_warning("the site's certificate cannot be renewed yet",
              {{"why", approved ? join_->how_to_approve() : approved.error().text()}});
}

/// What the network believes ready here is ready in this process, too, before it says so.
void SiteProcess::take_over() {
  ports::Runtime& runtime = loop_.runtime();
  const Time latest = runtime.now() + replicas_ready_within;
  std::vector<std::string> missing = {"the site's orders"};
  while (!runtime.stopping()) {
    if (const auto unready = agent_->not_ready()) missing = *unready;
    if (missing.empty()) break;
    if (runtime.now() >= latest) {
      return loop_.fail_with({Code::timed_out, "not ready: " + join_text(std::span<const std::string>(missing), ", "),
                              "site " + file_.site + ": take over"});
    }
    runtime.sleep_for(check_period);
  }
  if (runtime.stopping()) return;
  gateway_.accept();
  agent_->take_over();
  serve();
  predecessor_.say_ready();
  if (file_.storage) take_over_storage();
}

/// What is on the disk, or in the service, is read meanwhile.
Result<void> SiteProcess::try_storage() {
  Result<std::unique_ptr<SiteStorage>> storage = fail(Code::cancelled, "");
  loop_.runtime().offload([&] { storage = open_storage(); });
  return storage ? start_storage(std::move(*storage)) : Result<void>(fail(std::move(storage).error()));
}

/// An S3 service that is away keeps neither models nor requests of the gateway waiting. What is wrong in the site's
/// file ends the process, as everything there does.
void SiteProcess::open_from_service() {
  const auto opened = try_storage();
  if (opened) return;
  if (opened.error().code != Code::unavailable) return loop_.fail_with(opened.error());
  log_error("no storage at this site yet", {{"why", opened.error().text()}});
  loop_.runtime().sleep_for(service_period);
  take_over_storage(opened.error().text());
}

/// Its predecessor gives it up once it knows that this process serves. `told`: the last that was logged.
void SiteProcess::take_over_storage(std::string told) {
  ports::Runtime& runtime = loop_.runtime();
  Time latest = runtime.now() + successor_patience;
  while (!runtime.stopping() && !replaced_) {
    const auto started = try_storage();
    if (started) return;
    const std::string why = started.error().text();
    if (started.error().code == Code::conflict && runtime.now() < latest) {
      runtime.sleep_for(check_period);
      continue;
    }
    if (!file_.storage->s3) return log_error("no storage at this site", {{"why", why}});
    if (std::exchange(told, why) != why) log_error("no storage at this site yet", {{"why", why}});
    runtime.sleep_for(started.error().code == Code::unavailable ? service_period : refused_period);
    latest = runtime.now() + successor_patience;
  }
}

void SiteProcess::serve() {
  serving_ = true;
  const auto written = write_file(file_.folder + "/site.pid", std::to_string(::getpid()) + "\n");
  if (!written) log_warning("cannot write the process's number", {{"why", written.error().text()}});
  notify_systemd();
  log_info("serving", {{"address", address_}, {"pid", std::to_string(::getpid())}});
}

void SiteProcess::begin_upgrade() {
  if (!serving_ || replaced_ || successor_) {
    return log_warning("no upgrade now", {{"why", successor_ ? "one is under way" : "this process does not serve"}});
  }
  auto started = Successor::start(loop_.reactor(), command_, gateway_.share_listeners(), successor_patience,
                                  [this](Result<void> ready) { upgraded(std::move(ready)); });
  if (!started) return log_error("cannot start the new binary", {{"why", started.error().text()}});
  successor_ = std::move(*started);
  log_info("upgrade begins", {{"program", command_.program}, {"pid", std::to_string(successor_->pid())}});
}

void SiteProcess::upgraded(Result<void> ready) {
  if (!ready) {
    log_error("upgrade failed; going on", {{"why", ready.error().text()}});
    loop_.reactor().post([this] { successor_.reset(); });
    return;
  }
  replaced_ = true;
  log_info("the new binary serves; answering what is open", {{"connections", std::to_string(gateway_.connections())}});
  agent_->stand_down();
  if (podman_) podman_->stand_down();
  if (kubernetes_) kubernetes_->stand_down();
  given_up_->notify();
  gateway_.drain(idle_connections);
  end_when_empty(loop_.reactor().now() + drain_grace);
}

void SiteProcess::end_when_empty(Time latest) {
  const size_t open = gateway_.connections();
  if (open != 0 && loop_.reactor().now() < latest) {
    loop_.reactor().call_after(check_period, [this, latest] { end_when_empty(latest); });
    return;
  }
  if (open != 0) log_warning("ending with open connections", {{"connections", std::to_string(open)}});
  loop_.begin_stop();
}

}  // namespace barrio::cli
