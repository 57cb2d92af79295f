#include "gateway/telemetry_config.h"

namespace barrio::gateway {

namespace {

Result<void> check_share(double share) {
  if (share >= 0 && share <= 1) return {};
  return fail(Code::invalid, "must be a share from 0 to 1", "sample");
}

Result<void> check_rate(int rate, const char* field) {
  if (rate >= 0 && rate <= 1'000'000) return {};
  return fail(Code::invalid, "must be from 0 to 1000000", field);
}

}  // namespace

Result<void> AccessLogConfig::check() const {
  if (folder.empty()) return fail(Code::invalid, "must name a folder", "folder");
  TRY_DO(check_share(sample));
  TRY_DO(check_rate(errors_per_second, "errors_per_second"));
  if (max_bytes < kib(64)) return fail(Code::invalid, "must be at least 64KiB", "max_bytes");
  if (files < 1 || files > 1000) return fail(Code::invalid, "must be from 1 to 1000", "files");
  return {};
}

Result<void> TracingConfig::check() const {
  if (const auto url = parse_collector(collector); !url) return fail(url.error());
  TRY_DO(check_share(sample));
  return check_rate(most_per_second, "most_per_second");
}

Result<CollectorUrl> parse_collector(const std::string& url) {
  constexpr std::string_view scheme = "http://";
  const auto wrong = [] {
    return fail(Code::invalid, "must be like http://127.0.0.1:4318/v1/traces, with a numeric address", "collector");
  };
  if (!url.starts_with(scheme)) return wrong();
  const std::string rest = url.substr(scheme.size());
  const size_t slash = rest.find('/');
  auto address = net::SocketAddress::parse(rest.substr(0, slash));
  if (!address || address->is_unix()) return wrong();
  const std::string path = slash == std::string::npos || slash + 1 == rest.size() ? "/v1/traces" : rest.substr(slash);
  if (path.find_first_of(" \t\r\n#") != std::string::npos) return wrong();
  return CollectorUrl{*address, path};
}

}  // namespace barrio::gateway
