#include "base/settings_line.h"

#include "base/text.h"

namespace barrio {

Result<SettingsLine> SettingsLine::parse(std::string_view text) {
  SettingsLine settings;
  if (trim(text).empty()) return settings;
  for (const std::string_view item : split(text, ',')) {
    const size_t equals = item.find('=');
    const std::string key(trim(item.substr(0, equals)));
    if (equals == std::string_view::npos || key.empty())
      return fail(Code::invalid, "'" + std::string(item) + "' must be key=value");
    if (!settings.values_.emplace(key, trim(item.substr(equals + 1))).second)
      return fail(Code::invalid, "is set twice", key);
  }
  return settings;
}

std::optional<std::string> SettingsLine::find(std::string_view key) {
  known_.emplace_back(key);
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  std::string value = std::move(found->second);
  values_.erase(found);
  return value;
}

Result<void> SettingsLine::take(std::string_view key, std::string& into) {
  if (auto value = find(key)) into = std::move(*value);
  return {};
}

Result<void> SettingsLine::take(std::string_view key, Duration& into) {
  const auto value = find(key);
  if (!value) return {};
  auto parsed = parse_duration(*value);
  if (!parsed) return fail(std::move(parsed).error().within(std::string(key)));
  into = *parsed;
  return {};
}

Result<void> SettingsLine::take(std::string_view key, uint64_t& into) {
  const auto value = find(key);
  if (!value) return {};
  const auto parsed = parse_uint(*value);
  if (!parsed) return fail(Code::invalid, "'" + *value + "' must be a whole number", std::string(key));
  into = *parsed;
  return {};
}

Result<void> SettingsLine::take(std::string_view key, double& into) {
  const auto value = find(key);
  if (!value) return {};
  const auto parsed = parse_double(*value);
  if (!parsed) return fail(Code::invalid, "'" + *value + "' must be a number", std::string(key));
  into = *parsed;
  return {};
}

Result<void> SettingsLine::finish() const {
  if (values_.empty()) return {};
  const std::string& key = values_.begin()->first;
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  const auto meant = nearest(key, known);
  const std::string hint = meant ? "; did you mean '" + std::string(*meant) + "'?"
                                 : "; known are " + join_text(std::span<const std::string_view>(known), ", ");
  return fail(Code::invalid, "is not a setting" + hint, key);
}

}  // namespace barrio
