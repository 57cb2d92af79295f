#include "cli/site_tls.h"

#include "base/log.h"
#include "base/text.h"
#include "cli/files.h"
#include "net/url.h"

namespace barrio::cli {

namespace {

constexpr size_t least_secret_bytes = 16;

Result<std::string> ticket_secret(const std::string& path) {
  if (path.empty()) return std::string();
  TRY(const std::string text, read_file(path));
  const std::string_view secret = trim(text);
  if (secret.size() < least_secret_bytes)
    return fail(Code::invalid, "must hold at least " + std::to_string(least_secret_bytes) + " random bytes", path);
  return std::string(secret);
}

}  // namespace

Result<std::unique_ptr<SiteTls>> SiteTls::load(const SiteFile& file) {
  auto made = std::make_unique<SiteTls>();
  if (file.peer_tls) TRY_DO(made->load_peers(*file.peer_tls));
  if (file.tls) TRY_DO(made->load_clients(*file.tls));
  return made;
}

Result<void> SiteTls::load_peers(const PeerTlsFile& file) {
  for (const std::string& path : {file.ca, file.chain, file.key}) files_.watch(path);
  chains_.push_back(file.chain);
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
    files_.watch(one.chain);
    files_.watch(one.key);
    chains_.push_back(one.chain);
  }
  if (file.client_ca) {
    settings.client_certificate = net::ClientCertificate::required;
    settings.client_ca = *file.client_ca;
    files_.watch(*file.client_ca);
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

Result<std::vector<net::Endpoint>> SiteTls::control(const std::string& urls) const {
  std::vector<net::Endpoint> members;
  for (const std::string_view url : split(urls, ',')) {
    auto member = net::parse_server(trim(url), peers_.client);
    if (!member) return fail(Code::invalid, member.error().what, "control");
    if (member->tls && !peers_.client)
      return fail(Code::invalid, "is missing, and https needs its certificates", "peer_tls");
    members.push_back(std::move(*member));
  }
  return members;
}

Result<std::shared_ptr<net::TlsClient>> SiteTls::client(const net::TlsClientSettings& settings, const char* field) {
  auto loaded = net::TlsClient::load(settings);
  if (!loaded) return fail(std::move(loaded).error().within(field));
  for (const std::string& path : {settings.ca, settings.certificate.chain, settings.certificate.key}) {
    if (!path.empty()) files_.watch(path);
  }
  if (!settings.certificate.chain.empty()) chains_.push_back(settings.certificate.chain);
  others_.push_back(*loaded);
  return std::move(*loaded);
}

bool SiteTls::reload() {
  bool good = true;
  const auto report = [&](const Result<void>& reloaded, const char* what) {
    report_reload(reloaded, what);
    good = good && reloaded;
  };
  for (const auto& other : others_) report(other->reload(), "others that are called");
  if (clients_) report(clients_->reload(), "clients");
  if (!peers_.server) return good;
  report(peers_.server->reload(), "peers that call");
  report(peers_.client->reload(), "peers that are called");
  return good;
}

}  // namespace barrio::cli
