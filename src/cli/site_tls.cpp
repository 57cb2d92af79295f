#include "cli/site_tls.h"

#include "base/log.h"
#include "base/text.h"
#include "cli/files.h"

namespace barrio::cli {

namespace {

constexpr size_t least_secret_bytes = 16;

std::filesystem::file_time_type time_of(const std::string& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  return error ? std::filesystem::file_time_type::min() : time;
}

Result<std::string> ticket_secret(const std::string& path) {
  if (path.empty()) return std::string();
  TRY(const std::string text, read_file(path));
  const std::string_view secret = trim(text);
  if (secret.size() < least_secret_bytes)
    return fail(Code::invalid, "must hold at least " + std::to_string(least_secret_bytes) + " random bytes", path);
  return std::string(secret);
}

void report(const Result<void>& reloaded, const char* what) {
  if (reloaded)
    log_info("certificates reloaded", {{"for", what}});
  else
    log_error("certificates stay as they were", {{"for", what}, {"why", reloaded.error().text()}});
}

}  // namespace

Result<std::unique_ptr<SiteTls>> SiteTls::load(const SiteFile& file) {
  auto made = std::make_unique<SiteTls>();
  if (file.peer_tls) TRY_DO(made->load_peers(*file.peer_tls));
  if (file.tls) TRY_DO(made->load_clients(*file.tls));
  return made;
}

Result<void> SiteTls::load_peers(const PeerTlsFile& file) {
  for (const std::string& path : {file.ca, file.chain, file.key}) watch(path);
  const net::TlsFiles own{file.chain, file.key};
  TRY(peers_.server,
      net::TlsServer::load(
          {.certificates = {own}, .client_certificate = net::ClientCertificate::requested, .client_ca = file.ca}));
  TRY(peers_.client, net::TlsClient::load({.ca = file.ca, .certificate = own}));
  return {};
}

Result<void> SiteTls::load_clients(const TlsFile& file) {
  TRY(clients_listen_, net::SocketAddress::parse(file.listen));
  net::TlsServerSettings settings;
  for (const TlsCertificateFile& one : file.certificates) {
    settings.certificates.push_back({one.chain, one.key});
    watch(one.chain);
    watch(one.key);
  }
  if (file.client_ca) {
    settings.client_certificate = net::ClientCertificate::required;
    settings.client_ca = *file.client_ca;
    watch(*file.client_ca);
  }
  TRY(settings.tickets.secret, ticket_secret(file.ticket_secret_file.value_or("")));
  auto loaded = net::TlsServer::load(std::move(settings));
  if (!loaded) return fail(std::move(loaded).error().within("tls"));
  clients_ = std::move(*loaded);
  return {};
}

void SiteTls::add_to(gateway::GatewayConfig& config) const {
  config.peer_tls = peers_;
  config.tls = clients_;
  config.tls_listen = clients_listen_;
}

void SiteTls::watch(const std::string& path) {
  times_[path] = time_of(path);
}

bool SiteTls::changed() {
  bool any = false;
  for (auto& [path, time] : times_) {
    const auto now = time_of(path);
    any = any || now != time;
    time = now;
  }
  return any;
}

void SiteTls::reload() {
  if (clients_) report(clients_->reload(), "clients");
  if (!peers_.server) return;
  report(peers_.server->reload(), "peers that call");
  report(peers_.client->reload(), "peers that are called");
}

}  // namespace barrio::cli
