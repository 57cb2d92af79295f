#include "cli/site_kubernetes.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "net/url.h"

namespace barrio::cli {

namespace {

constexpr size_t longest_prefix = 30;
constexpr size_t longest_label_value = 63;

/// "10.0.1.1/32", "fd00::/8"
bool is_network(const std::string& text) {
  const size_t slash = text.find('/');
  const auto bits = slash == std::string::npos ? std::nullopt : parse_uint(std::string_view(text).substr(slash + 1));
  if (!bits) return false;
  const std::string ip = text.substr(0, slash);
  unsigned char bytes[16];
  return (*bits <= 32 && inet_pton(AF_INET, ip.c_str(), bytes) == 1) ||
         (*bits <= 128 && inet_pton(AF_INET6, ip.c_str(), bytes) == 1);
}

bool has_only(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

/// A file that says who somebody is.
Result<void> check_private(const std::string& path, const char* field) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return fail(Code::not_found, "there is no file " + path, field);
  if ((about.st_mode & 0007) != 0)
    return fail(Code::invalid, path + " must not be readable by others (chmod o=)", field);
  return {};
}

Result<adapters::kubernetes::ClusterPlan> plan_of(const KubernetesFile& file, const std::string& site) {
  adapters::kubernetes::ClusterPlan plan{.site = site,
                                         .namespace_prefix = file.namespace_prefix.value_or("barrio"),
                                         .gateway = file.gateway,
                                         .node_selector = file.node_selector};
  if (!check_label(plan.namespace_prefix) || plan.namespace_prefix.size() > longest_prefix)
    return fail(Code::invalid, "must be 1 to 30 lower-case letters, digits and hyphens", "kubernetes.namespace_prefix");
  if (plan.gateway.empty())
    return fail(Code::invalid, "must name the networks that this site's gateway connects from, like [10.0.1.1/32]",
                "kubernetes.gateway");
  for (size_t i = 0; i < plan.gateway.size(); ++i) {
    if (!is_network(plan.gateway[i]))
      return fail(Code::invalid, "'" + plan.gateway[i] + "' must be a network like 10.0.1.1/32",
                  "kubernetes.gateway[" + std::to_string(i) + "]");
  }
  for (const auto& [name, value] : plan.node_selector) {
    if (name.empty() || !has_only(name, "._-/") || value.size() > longest_label_value || !has_only(value, "._-"))
      return fail(Code::invalid, "is no label of a node with its value", "kubernetes.node_selector." + name);
  }
  return plan;
}

Result<net::TlsClientSettings> client_settings(const KubernetesFile& file, const PodSurroundings& pod) {
  net::TlsClientSettings settings;
  settings.ca = file.ca_file.value_or(pod.host.empty() || file.server ? "" : pod.folder + "/ca.crt");
  if (file.client_cert_file.has_value() != file.client_key_file.has_value()) {
    return fail(Code::invalid, "is missing: a certificate and its key go together",
                file.client_cert_file ? "kubernetes.client_key_file" : "kubernetes.client_cert_file");
  }
  settings.certificate = {file.client_cert_file.value_or(""), file.client_key_file.value_or("")};
  return settings;
}

Result<adapters::kubernetes::ApiConfig> api_of(const KubernetesFile& file, SiteTls& tls, const PodSurroundings& pod) {
  const bool inside = !file.server && !pod.host.empty();
  if (!file.server && !inside)
    return fail(Code::invalid, "is missing, and this process runs in no pod of a cluster", "kubernetes.server");
  TRY(const auto settings, client_settings(file, pod));
  TRY(const auto client, tls.client(settings, "kubernetes.ca_file"));
  const std::string host = pod.host.find(':') == std::string::npos ? pod.host : "[" + pod.host + "]";
  const std::string url = inside ? "https://" + host + ":" + pod.port : *file.server;
  auto server = net::parse_server(url, client);
  if (!server || !server->tls)
    return fail(Code::invalid, "must be like https://10.0.1.2:6443, but is '" + url + "'", "kubernetes.server");
  adapters::kubernetes::ApiConfig config;
  config.server = std::move(*server);
  config.token_file = file.token_file.value_or(inside && !file.client_cert_file ? pod.folder + "/token" : "");
  if (config.token_file.empty() == !file.client_cert_file.has_value())
    return fail(Code::invalid, "must be there, or client_cert_file, and not both: who asks has to be said once",
                "kubernetes.token_file");
  return config;
}

Result<adapters::kubernetes::RegistryConfig> registry_of(const RegistryFile& file, SiteTls& tls) {
  adapters::kubernetes::RegistryConfig config;
  TRY(const auto client, tls.client({.ca = file.ca_file.value_or("")}, "kubernetes.registry.ca_file"));
  auto server = net::parse_server(file.server, client);
  if (!server || file.server.starts_with("unix:")) {
    return fail(Code::invalid, "must be like https://10.0.1.5:5000, but is '" + file.server + "'",
                "kubernetes.registry.server");
  }
  config.endpoint = std::move(*server);
  config.pulled_as = file.pulled_as.value_or(config.endpoint.address.str());
  if (config.pulled_as.empty() || !has_only(config.pulled_as, ".-:[]"))
    return fail(Code::invalid, "must be like registry.example:5000", "kubernetes.registry.pulled_as");
  config.prefix = file.prefix.value_or(config.prefix);
  for (const std::string_view part : split(config.prefix, '/')) {
    if (!check_label(part))
      return fail(Code::invalid, "must be lower-case letters, digits and hyphens, with slashes between",
                  "kubernetes.registry.prefix");
  }
  if (file.credentials_file) {
    TRY_DO(check_private(*file.credentials_file, "kubernetes.registry.credentials_file"));
    config.credentials_file = *file.credentials_file;
  }
  return config;
}

}  // namespace

PodSurroundings PodSurroundings::of_this_process() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  return {.host = variable("KUBERNETES_SERVICE_HOST"), .port = variable("KUBERNETES_SERVICE_PORT")};
}

Result<adapters::KubernetesConfig> kubernetes_config(const KubernetesFile& file, const std::string& site, SiteTls& tls,
                                                     const PodSurroundings& pod) {
  adapters::KubernetesConfig config;
  TRY(config.plan, plan_of(file, site));
  TRY(config.api, api_of(file, tls, pod));
  TRY(config.registry, registry_of(file.registry, tls));
  return config;
}

}  // namespace barrio::cli
