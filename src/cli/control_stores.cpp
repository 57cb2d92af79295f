#include "cli/control_stores.h"

#include "adapters/reactor_runtime/exchange.h"
#include "cli/files.h"
#include "net/tls.h"
#include "net/url.h"

namespace barrio::cli {

namespace {

constexpr size_t most_endpoints = 9;

Result<std::shared_ptr<net::TlsClient>> tls_to_etcd(const EtcdFile& file) {
  if (file.chain.has_value() != file.key.has_value()) {
    return fail(Code::invalid, "a certificate needs its key, and a key its certificate", "etcd.key");
  }
  return net::TlsClient::load(
      {.ca = file.ca.value_or(""), .certificate = {file.chain.value_or(""), file.key.value_or("")}});
}

Result<std::vector<net::Endpoint>> endpoints_of(const EtcdFile& file) {
  if (file.endpoints.empty() || file.endpoints.size() > most_endpoints) {
    return fail(Code::invalid, "must name 1 to " + std::to_string(most_endpoints) + " members", "etcd.endpoints");
  }
  std::shared_ptr<net::TlsClient> tls;
  std::vector<net::Endpoint> endpoints;
  for (const std::string& text : file.endpoints) {
    auto endpoint = net::parse_server(text);
    if (!endpoint) return fail(Code::invalid, endpoint.error().what, "etcd.endpoints");
    if (endpoint->tls) {
      if (!tls) {
        TRY(tls, tls_to_etcd(file));
      }
      endpoint->tls = tls;
    } else if (file.ca || file.chain) {
      return fail(Code::invalid, "'" + text + "' must be https where certificates are given", "etcd.endpoints");
    }
    endpoints.push_back(std::move(*endpoint));
  }
  return endpoints;
}

}  // namespace

Result<std::unique_ptr<ControlStores>> ControlStores::open(ServiceLoop& loop, const ControlFile& file, Fence fence) {
  auto stores = std::make_unique<ControlStores>();
  if (file.etcd)
    TRY_DO(stores->open_etcd(loop, *file.etcd, fence));
  else
    TRY_DO(stores->open_files(loop.runtime(), file));
  return stores;
}

Result<void> ControlStores::open_files(ports::Runtime& runtime, const ControlFile& file) {
  TRY_DO(make_folder(folder_of(file.state), 0700));
  TRY(state_, adapters::SqliteStateStore::open(runtime, {.path = file.state}));
  const std::string usage_file = folder_of(file.state) + "/usage.db";
  TRY(usage_, adapters::SqliteStateStore::open(runtime, {.path = usage_file, .most = gib(64)}));
  return {};
}

Result<void> ControlStores::open_etcd(ServiceLoop& loop, const EtcdFile& file, Fence fence) {
  adapters::EtcdConfig config;
  TRY(config.endpoints, endpoints_of(file));
  if (file.prefix) config.prefix = *file.prefix;
  if (config.prefix.empty()) return fail(Code::invalid, "must not be empty", "etcd.prefix");
  auto call = [&loop](const net::Endpoint& member, net::Request request, Time deadline) {
    return adapters::exchange(loop.runtime(), loop.client(), member, std::move(request), deadline);
  };
  etcd_ = std::make_unique<adapters::EtcdStateStore>(loop.runtime(), std::move(call), std::move(config));
  constexpr const char* state_section = "state/";
  if (fence == Fence::leader) {
    fence_ =
        std::make_unique<control::FencedStore>(loop.runtime(), *etcd_, control::FenceOptions{.prefix = state_section});
  }
  ports::StateStore& below_usage = fence_ ? static_cast<ports::StateStore&>(*fence_) : *etcd_;
  state_ = std::make_unique<control::Section>(*etcd_, state_section);
  usage_ = std::make_unique<control::Section>(below_usage, "usage/");
  return {};
}

}  // namespace barrio::cli
