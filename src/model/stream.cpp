// What model/app.h says of streams.

#include "model/app.h"

namespace barrio {

namespace {

constexpr size_t max_sources = 64;
constexpr size_t max_url = 2000;

/// Only what is fetched over a network: a file: or concat: URL would read this machine's own disk.
Result<void> check_url(const std::string& url, std::string where) {
  const size_t colon = url.find("://");
  const std::string before = url.substr(0, colon == std::string::npos ? 0 : colon);
  const bool known = before == "rtsp" || before == "rtsps" || before == "http" || before == "https";
  if (!known) return fail(Code::invalid, "must be an rtsp, rtsps, http or https URL", std::move(where));
  const bool printable =
      url.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%") ==
      std::string::npos;
  if (printable && url.size() > colon + 3 && url.size() <= max_url) return {};
  return fail(Code::invalid, "is not a URL of at most " + std::to_string(max_url) + " characters", std::move(where));
}

Result<void> check_frames(double rate, const char* where) {
  if (rate >= 0.01 && rate <= 60) return {};
  return fail(Code::invalid, "must be from 0.01 to 60 a second", where);
}

}  // namespace

Result<void> StreamSpec::check() const {
  TRY_DO(check_frames(rate, "rate"));
  if (track_rate) {
    TRY_DO(check_frames(*track_rate, "track_rate"));
    if (*track_rate < rate) return fail(Code::invalid, "must be at least rate", "track_rate");
  }
  if (max_age < 10ms || max_age > 60s) return fail(Code::invalid, "must be from 10ms to 60s", "max_age");
  if (most < 1 || most > 64) return fail(Code::invalid, "must be from 1 to 64 streams", "most");
  if (sources.size() > max_sources) {
    return fail(Code::invalid, "must be at most " + std::to_string(max_sources) + " URLs", "sources");
  }
  for (size_t i = 0; i < sources.size(); ++i) TRY_DO(check_url(sources[i], "sources[" + std::to_string(i) + "]"));
  return {};
}

}  // namespace barrio
