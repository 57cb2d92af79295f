#include "gateway/app_address.h"

#include "base/text.h"

namespace barrio::gateway {

namespace {

std::optional<AppAddress> named(std::string_view app, std::string_view tenant) {
  auto name = AppName::parse(app);
  if (!name) return std::nullopt;
  AppAddress address{std::move(*name), {}, {}, {}};
  if (tenant.empty()) return address;
  auto owner = TenantId::parse(tenant);
  if (!owner) return std::nullopt;
  address.tenant = std::move(*owner);
  return address;
}

std::optional<AppAddress> by_labels(std::string_view host) {
  const size_t first = host.find('.');
  const size_t second = first == std::string_view::npos ? first : host.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  constexpr std::string_view apps = "apps.";
  const std::string_view site = host.substr(second + 1);
  if (!site.starts_with(apps) || !check_label(site.substr(apps.size(), site.substr(apps.size()).find('.')))) {
    return std::nullopt;
  }
  const std::string_view tenant = host.substr(first + 1, second - first - 1);
  return tenant.empty() ? std::nullopt : named(host.substr(0, first), tenant);
}

}  // namespace

std::optional<AppAddress> app_by_host(std::string_view host, std::string_view target) {
  // Most hosts are a gateway's own address: told apart by one look.
  constexpr size_t most_host = 300;
  const size_t dot = host.find('.');
  if (dot == std::string_view::npos || host.size() > most_host || host.front() == '[') return std::nullopt;
  if (const size_t colon = host.rfind(':'); colon != std::string_view::npos) host = host.substr(0, colon);
  if (host.ends_with('.')) host.remove_suffix(1);
  const bool upper = host.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string_view::npos;
  auto address = upper ? by_labels(to_lower(host)) : by_labels(host);
  if (address) address->rest = target;
  return address;
}

std::optional<AppAddress> app_by_name(std::string_view name, std::string_view target) {
  const size_t dot = name.find('.');
  const bool owned = dot != std::string_view::npos;
  if (owned && dot + 1 == name.size()) return std::nullopt;
  auto address = named(name.substr(0, dot), owned ? name.substr(dot + 1) : std::string_view());
  if (address) address->rest = target;
  return address;
}

std::optional<AppAddress> app_by_path(std::string_view target) {
  if (!target.starts_with(apps_prefix)) return std::nullopt;
  const size_t end = std::min(target.find_first_of("/?", apps_prefix.size()), target.size());
  const std::string_view name = target.substr(apps_prefix.size(), end - apps_prefix.size());
  auto address = app_by_name(name, target.substr(end));
  if (!address) return std::nullopt;
  address->prefix = target.substr(0, end);
  return address;
}

std::optional<AppAddress> address_of(const net::RequestHead& head) {
  const auto host = net::find_header(head.headers, net::Field::host);
  if (auto address = app_by_host(host.value_or(""), head.target)) return address;
  if (!head.path.starts_with(models_prefix)) return app_by_path(head.target);
  const std::string_view name = head.path.substr(models_prefix.size());
  return app_by_name(name.substr(0, name.find('/')), head.target);
}

void append_gateway_target(const AppKey& app, std::string_view rest, std::string& out) {
  out.append(apps_prefix).append(app.name.str()).append(".").append(app.tenant.str()).append(rest);
}

void append_app_target(std::string_view rest, std::string& out) {
  if (!rest.starts_with('/')) out.append("/");
  out.append(rest);
}

}  // namespace barrio::gateway
