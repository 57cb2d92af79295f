#include "adapters/reactor_runtime/exchange.h"
#include "base/crypto.h"
#include "base/log.h"
#include "cli/control_stores.h"
#include "cli/files.h"
#include "cli/roles.h"
#include "cli/service_loop.h"
#include "cli/watched_files.h"
#include "console_assets/console_assets.h"
#include "control/blob_members.h"
#include "control/http_front.h"
#include "net/tls.h"
#include "net/url.h"

namespace barrio::cli {

namespace {

constexpr size_t most_from_member = 257 * 1024 * 1024;  // a model
constexpr Duration start_patience = 1min;
constexpr int64_t most_starts_at_once = 64;
constexpr Duration longest_spare_after = 24h;

/// An address of `members` that no page may name is left out: that member gives out its own page, and others do not go
/// on there. Errors: invalid.
Result<control::Consoles> consoles_of(const ControlFile& file) {
  control::Consoles consoles;
  if (!file.consoles) {
    for (const auto& [member, address] : file.members) {
      if (auto origin = control::parse_origin(address)) consoles.emplace(member, std::move(*origin));
    }
    return consoles;
  }
  for (const auto& [member, text] : *file.consoles) {
    if (!file.members.contains(member))
      return fail(Code::invalid, "'" + member + "' is not among the members", "consoles");
    auto origin = control::parse_origin(text);
    if (!origin) return fail(std::move(origin).error().within("consoles." + member));
    consoles.emplace(member, std::move(*origin));
  }
  return consoles;
}

control::HttpConfig http_config(const ControlFile& file, control::Consoles consoles) {
  control::HttpConfig config{.open_console = file.open_console, .assets = {}, .content_security_policy = {}};
  config.content_security_policy = control::with_consoles(std::string(console::content_security_policy), consoles);
  config.consoles = std::move(consoles);
  for (const console::Asset& asset : console::console_assets()) {
    config.assets[std::string(asset.path)] = {.content_type = std::string(asset.content_type),
                                              .bytes = asset.bytes,
                                              .etag = "\"" + sha256_hex(asset.bytes).substr(0, 20) + "\""};
  }
  return config;
}

control::ControlConfig control_config(const ControlFile& file, Network network,
                                      std::optional<CertificateAuthority> authority) {
  control::ControlConfig config{.network = std::move(network), .accounts = {}, .site_authority = std::move(authority)};
  if (file.member) config.leadership.self = {*file.member, file.members.at(*file.member)};
  config.emulated_models = file.emulated_models.value_or(false);
  if (file.failover) {
    if (const auto& starts = file.failover->starts_at_once) config.moves.at_once = static_cast<size_t>(*starts);
    config.moves.spare_after = file.failover->spare_after.value_or(config.moves.spare_after);
  }
  for (const AccountFile& account : file.accounts) {
    config.accounts.bootstrap.push_back({account.client_id, account.client_secret, account.role, account.subject});
  }
  return config;
}

Result<void> override_state(ControlFile& file, const RoleCommand& command) {
  if (command.state == "sqlite") file.etcd.reset();
  if (!command.etcd_endpoints.empty()) {
    if (command.state == "sqlite") return fail(Code::invalid, "is for --state etcd", "--etcd-endpoints");
    if (!file.etcd) file.etcd.emplace();
    file.etcd->endpoints = command.etcd_endpoints;
  }
  if (command.state == "etcd" && !file.etcd) {
    return fail(Code::invalid, "name etcd's members, here or as etcd.endpoints in the file", "--etcd-endpoints");
  }
  return {};
}

/// The addresses of those beside this one. Errors: invalid.
Result<std::vector<std::string>> other_members(const ControlFile& file) {
  std::vector<std::string> others;
  if (!file.members.empty() && !file.etcd) {
    return fail(Code::invalid, "several members need a state that they share: etcd", "members");
  }
  if (file.member && !file.members.contains(*file.member)) {
    return fail(Code::invalid, "'" + *file.member + "' is not among the members", "member");
  }
  if (!file.members.empty() && !file.member) return fail(Code::invalid, "say which of the members this is", "member");
  for (const auto& [name, address] : file.members) {
    auto parsed = net::parse_server(address, nullptr);
    if (!parsed) return fail(std::move(parsed).error().within("members." + name));
    if (parsed->tls && (!file.tls || !file.tls->member_ca)) {
      return fail(Code::invalid, "is missing, and with it the members that are called with https are verified",
                  "tls.member_ca");
    }
    if (name != *file.member) others.push_back(address);
  }
  return others;
}

/// Signs the certificates of sites; none: nobody here. Errors: invalid, not_found, naming the field or the file.
Result<std::optional<CertificateAuthority>> site_authority(const ControlFile& file) {
  if (!file.tls || !file.tls->site_ca_key) return std::nullopt;
  if (!file.tls->site_ca) return fail(Code::invalid, "is missing: the certificate of site_ca_key", "tls.site_ca");
  TRY(const std::string certificate, read_file(*file.tls->site_ca));
  TRY(const std::string key, read_file(*file.tls->site_ca_key));
  auto authority = CertificateAuthority::from_pem(certificate, key);
  if (!authority) return fail(std::move(authority).error().within("tls.site_ca_key"));
  return std::optional(std::move(*authority));
}

struct ControlTls {
  net::SocketAddress listen;
  std::shared_ptr<net::TlsServer> server;   // null: only in clear
  std::shared_ptr<net::TlsClient> members;  // calls them; null: only in clear
  WatchedFiles files;
  std::vector<std::string> chains;
};

Result<ControlTls> load_tls(const ControlFile& file) {
  ControlTls tls;
  if (!file.tls) return tls;
  TRY(tls.listen, net::SocketAddress::parse(file.tls->listen));
  net::TlsServerSettings settings;
  for (const TlsCertificateFile& one : file.tls->certificates) {
    settings.certificates.push_back({one.chain, one.key});
    tls.chains.push_back(one.chain);
    tls.files.watch(one.chain);
    tls.files.watch(one.key);
  }
  if (file.tls->site_ca) {
    settings.client_certificate = net::ClientCertificate::requested;  // people and programs have tokens alone
    settings.client_ca = *file.tls->site_ca;
    tls.files.watch(*file.tls->site_ca);
  }
  auto loaded = net::TlsServer::load(std::move(settings));
  if (!loaded) return fail(std::move(loaded).error().within("tls"));
  tls.server = std::move(*loaded);
  if (file.tls->member_ca) {
    auto members = net::TlsClient::load({.ca = *file.tls->member_ca});
    if (!members) return fail(std::move(members).error().within("tls.member_ca"));
    tls.members = std::move(*members);
    tls.files.watch(*file.tls->member_ca);
  }
  return tls;
}

void keep_tls(ports::Runtime& runtime, ControlTls& tls, const control::Control& control, Registry& metrics) {
  runtime.offload([&] { expose_certificates(metrics, tls.chains); });
  while (!runtime.stopping()) {
    runtime.sleep_for(WatchedFiles::check_period);
    // A site's key may be of the authority that the members' are of.
    if (const auto known = control.snapshot(); known && tls.members)
      tls.members->refuse_keys({known->revoked_keys.begin(), known->revoked_keys.end()});
    Result<void> reloaded;
    bool changed = false;
    runtime.offload([&] {
      changed = tls.files.changed();
      if (changed) reloaded = tls.server->reload();
      if (changed && reloaded && tls.members) reloaded = tls.members->reload();
      if (changed && reloaded) expose_certificates(metrics, tls.chains);
    });
    if (changed) report_reload(reloaded, "control");
  }
}

}  // namespace

Result<void> FailoverFile::check() const {
  const int64_t starts = starts_at_once.value_or(1);
  if (starts < 1 || starts > most_starts_at_once) {
    return fail(Code::invalid, "is " + std::to_string(starts) + ", must be 1 to " + std::to_string(most_starts_at_once),
                "starts_at_once");
  }
  const Duration spare = spare_after.value_or(Duration());
  if (spare < Duration() || spare > longest_spare_after) {
    return fail(Code::invalid, "is " + to_string(spare) + ", must be 0s to " + to_string(longest_spare_after),
                "spare_after");
  }
  return {};
}

Result<void> serve_control(const RoleCommand& command) {
  configure_log("control", LogLevel::info, "");
  TRY(auto file, read_yaml<ControlFile>(command.config));
  TRY_DO(override_state(file, command));
  TRY(auto others, other_members(file));
  TRY(auto consoles, consoles_of(file));
  TRY(auto network, read_yaml<Network>(file.network));
  TRY(auto address, net::SocketAddress::parse(file.listen));
  TRY_DO(make_folder(file.blobs, 0700));
  TRY(auto tls, load_tls(file));
  TRY(auto authority, site_authority(file));
  ServiceLoop loop;
  TRY(auto stores, ControlStores::open(loop, file));
  control::UsageBook usage(loop.runtime(), stores->usage());
  control::BlobStore blobs(loop.runtime(), {.folder = file.blobs});
  control::Control control(loop.runtime(), stores->state(),
                           control_config(file, std::move(network), std::move(authority)), &blobs, &usage);
  stores->fence_by(control.leadership());
  const control::CallMember call_member = [&loop, &tls](const std::string& member_address, net::Request request,
                                                        Time deadline) -> tl::expected<net::Response, net::CallError> {
    auto member = net::parse_server(member_address, tls.members);
    if (!member) return tl::unexpected(net::CallError{std::move(member).error(), false});
    return adapters::exchange(loop.runtime(), loop.client(), *member, std::move(request), deadline, most_from_member);
  };
  control::BlobMembers members(loop.runtime(), call_member, control.accounts(), others);
  if (!others.empty()) blobs.join(members.peers());
  control::Forwarding forwarding(loop.runtime(), call_member, control.accounts(), control.leadership());
  Registry metrics;
  auto http_settings = http_config(file, std::move(consoles));
  http_settings.sites_have_certificates = file.tls && file.tls->site_ca;
  if (!others.empty()) http_settings.forwarding = &forwarding;
  control::HttpApi http(control, metrics, std::move(http_settings));
  control::HttpFront front(loop.runtime(), loop.reactor(), http, {.body_bytes = 256 * 1024 * 1024});
  loop.runtime().spawn("control", [&] {
    // Among several, another one may have to begin first; etcd may still be choosing its leader. A slow disk may take
    // longer for the first writes than a lease lasts: what is written stays, and the next attempt goes on from there.
    const Time latest = loop.runtime().now() + start_patience;
    for (auto started = control.start(); !started; started = control.start()) {
      const bool may_pass = file.etcd || (started.error().code == Code::unavailable && loop.runtime().now() < latest);
      if (!may_pass || loop.runtime().stopping()) return loop.fail_with(std::move(started).error());
      log_warning("waiting to start", {{"why", started.error().text()}});
      loop.runtime().sleep_for(500ms);
    }
    auto bound = front.listen(address);
    if (!bound) return loop.fail_with(std::move(bound).error().within("listen " + file.listen));
    log_info("serving", {{"address", bound->str()}});
    if (tls.server) {
      auto secure = front.listen(tls.listen, tls.server);
      if (!secure) return loop.fail_with(std::move(secure).error().within("tls.listen"));
      log_info("serving with TLS", {{"address", secure->str()}});
      loop.runtime().spawn("certificates", [&] { keep_tls(loop.runtime(), tls, control, metrics); });
    }
    control.run();
    front.drain();
  });
  return loop.run();
}

}  // namespace barrio::cli
