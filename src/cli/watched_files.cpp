#include "cli/watched_files.h"

#include "base/log.h"
#include "base/read_file.h"
#include "base/x509.h"

namespace barrio::cli {

namespace {

std::filesystem::file_time_type time_of(const std::string& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  return error ? std::filesystem::file_time_type::min() : time;
}

}  // namespace

void WatchedFiles::watch(const std::string& path) {
  times_[path] = time_of(path);
}

bool WatchedFiles::changed() {
  bool any = false;
  for (auto& [path, time] : times_) {
    const auto now = time_of(path);
    any = any || now != time;
    time = now;
  }
  return any;
}

void expose_certificates(Registry& metrics, const std::vector<std::string>& chains) {
  for (const std::string& path : chains) {
    const auto text = read_file(path);
    const auto chain = text ? Certificate::read_all(*text) : Result<std::vector<Certificate>>(fail(text.error()));
    if (!chain || chain->empty()) continue;
    const auto ends = chain->front().info().not_after.time_since_epoch();
    metrics
        .gauge("barrio_certificate_expires_seconds", "When a certificate in use ends, as Unix time", {{"file", path}})
        .set(static_cast<double>(std::chrono::floor<std::chrono::seconds>(ends).count()));
  }
}

void report_reload(const Result<void>& reloaded, const char* what) {
  if (reloaded)
    log_info("certificates reloaded", {{"for", what}});
  else
    log_error("certificates stay as they were", {{"for", what}, {"why", reloaded.error().text()}});
}

}  // namespace barrio::cli
