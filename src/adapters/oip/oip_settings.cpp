#include "adapters/oip/oip_settings.h"

#include "base/settings_line.h"
#include "base/text.h"

namespace barrio::adapters::oip {

namespace {

constexpr size_t longest_name = 256;
constexpr uint64_t most_batch = 4096;

Result<void> check_name(const std::string& name, const char* key) {
  if (name.size() <= longest_name && is_utf8(name)) return {};
  return fail(Code::invalid, "must be UTF-8 of at most " + std::to_string(longest_name) + " bytes", key);
}

}  // namespace

Result<OipSettings> OipSettings::parse(const ports::LoadSpec& spec) {
  TRY(auto given, SettingsLine::parse(spec.builtin));
  OipSettings settings;
  std::string url;
  settings.model = spec.name;
  TRY_DO(given.take("url", url));
  TRY_DO(given.take("model", settings.model));
  TRY_DO(given.take("version", settings.version));
  TRY_DO(given.take("max_batch", settings.max_batch));
  TRY_DO(given.take("timeout", settings.timeout));
  TRY_DO(given.take("grace", settings.grace));
  TRY_DO(given.finish());
  auto parsed = net::parse_url(url);
  if (!parsed) return fail(std::move(parsed).error().within("url"));
  settings.url = std::move(*parsed);
  TRY_DO(check_name(settings.model, "model"));
  TRY_DO(check_name(settings.version, "version"));
  if (settings.model.empty()) return fail(Code::invalid, "is missing", "model");
  if (settings.max_batch > most_batch)
    return fail(Code::invalid, "must be at most " + std::to_string(most_batch), "max_batch");
  if (settings.timeout < 1ms || settings.timeout > 1h)
    return fail(Code::invalid, "must be between 1ms and 1h", "timeout");
  if (settings.grace < 0s || settings.grace > 1h) return fail(Code::invalid, "must be between 0s and 1h", "grace");
  return settings;
}

}  // namespace barrio::adapters::oip
