#include "adapters/openai/openai_settings.h"

#include <fstream>

#include "base/settings_line.h"
#include "base/text.h"

namespace barrio::adapters {

namespace {

Result<std::string> read_key(const std::string& file) {
  if (file.empty()) return std::string();
  std::ifstream in(file);
  std::string key;
  if (!in || !std::getline(in, key)) return fail(Code::not_found, "'" + file + "' cannot be read", "key_file");
  key = trim(key);
  for (const char c : key) {
    if (c <= ' ' || c > '~') return fail(Code::invalid, "'" + file + "' holds no key of printable letters", "key_file");
  }
  return key;
}

Result<void> take_limits(SettingsLine& given, decide::FirstTokenLimits& limits) {
  uint64_t running = limits.running;
  uint64_t waiting = limits.waiting;
  double rate = 0;
  TRY_DO(given.take("unread", limits.unread_tokens));
  TRY_DO(given.take("running", running));
  TRY_DO(given.take("waiting", waiting));
  TRY_DO(given.take("margin", limits.margin));
  TRY_DO(given.take("rate", rate));
  if (running < 1 || running > 65536) return fail(Code::invalid, "must be between 1 and 65536", "running");
  if (waiting > 65536) return fail(Code::invalid, "must be at most 65536", "waiting");
  if (!(limits.margin >= 0.1 && limits.margin <= 10)) return fail(Code::invalid, "must be from 0.1 to 10", "margin");
  if (!(rate >= 0 && rate <= 1e9)) return fail(Code::invalid, "must be tokens per second", "rate");
  limits.running = running;
  limits.waiting = waiting;
  if (rate > 0) limits.rate = rate;
  return {};
}

Result<void> take_usage(SettingsLine& given, AskUsage& usage) {
  std::string how = to_name(usage);
  TRY_DO(given.take("usage", how));
  TRY(usage, from_json<AskUsage>(Json(how), "usage"));
  return {};
}

Result<void> check_times(const OpenaiSettings& settings) {
  if (settings.first_token < Duration::zero()) return fail(Code::invalid, "must not be negative", "first_token");
  if (settings.timeout < 1ms || settings.timeout > 24h)
    return fail(Code::invalid, "must be between 1ms and 24h", "timeout");
  if (settings.metrics != Duration::zero() && settings.metrics < 10ms)
    return fail(Code::invalid, "must be 0s or at least 10ms", "metrics");
  return {};
}

}  // namespace

Result<OpenaiSettings> OpenaiSettings::parse(const std::string& name, std::string_view text) {
  TRY(auto given, SettingsLine::parse(text));
  OpenaiSettings settings;
  settings.name = settings.model = name;
  std::string url;
  std::string key_file;
  std::string kinds = "all";
  TRY_DO(given.take("url", url));
  TRY_DO(given.take("model", settings.model));
  TRY_DO(given.take("key_file", key_file));
  TRY_DO(given.take("owner", settings.owner));
  TRY_DO(given.take("kinds", kinds));
  TRY_DO(given.take("first_token", settings.first_token));
  TRY_DO(take_usage(given, settings.usage));
  TRY_DO(given.take("timeout", settings.timeout));
  TRY_DO(given.take("metrics", settings.metrics));
  TRY_DO(take_limits(given, settings.limits));
  TRY_DO(given.finish());
  auto parsed = net::parse_url(url);
  if (!parsed) return fail(std::move(parsed).error().within("url"));
  if (parsed->grpc) return fail(Code::invalid, "must be http, https or unix", "url");
  settings.url = std::move(*parsed);
  constexpr std::string_view version = "/v1";
  if (settings.url.path.ends_with(version)) settings.url.path.resize(settings.url.path.size() - version.size());
  if (kinds != "all" && kinds != "text" && kinds != "embedding")
    return fail(Code::invalid, "'" + kinds + "' must be text, embedding or all", "kinds");
  settings.text = kinds != "embedding";
  settings.embedding = kinds != "text";
  if (settings.name.empty() || settings.model.empty() || !is_utf8(settings.model))
    return fail(Code::invalid, "must be a name", "model");
  TRY_DO(check_times(settings));
  TRY(settings.key, read_key(key_file));
  return settings;
}

}  // namespace barrio::adapters
