#include "model/server.h"

#include <algorithm>

#include "model/ids.h"

namespace barrio {

namespace {

constexpr size_t most_text = 4096;
constexpr size_t most_words = 256;

bool is_variable(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && name.size() <= 128 && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// What the kernel takes as one word of a command or an environment.
bool is_word(const std::string& text) {
  return text.size() <= most_text && text.find('\0') == std::string::npos;
}

Result<void> check_words(const std::vector<std::string>& words, const char* where) {
  if (words.size() > most_words || !std::ranges::all_of(words, is_word)) {
    return fail(
        Code::invalid,
        "must be at most " + std::to_string(most_words) + " words of at most " + std::to_string(most_text) + " bytes",
        where);
  }
  return {};
}

Result<void> check_variables(const ServerSpec& spec) {
  if (spec.environment.size() + spec.secrets.size() > most_words)
    return fail(Code::invalid, "has too many variables: at most " + std::to_string(most_words), "environment");
  for (const auto& [name, value] : spec.environment) {
    if (!is_variable(name) || !is_word(value))
      return fail(Code::invalid, "is no name and value of an environment variable", "environment." + name);
  }
  for (const auto& [name, secret] : spec.secrets) {
    if (!is_variable(name)) return fail(Code::invalid, "is no name of an environment variable", "secrets." + name);
    if (spec.environment.contains(name)) return fail(Code::invalid, "stands in environment, too", "secrets." + name);
    if (auto good = check_secret_name(secret); !good) return fail(std::move(good).error().within("secrets." + name));
  }
  return {};
}

Result<void> check_range(int64_t value, int64_t low, int64_t high, const char* where) {
  if (value >= low && value <= high) return {};
  return fail(Code::invalid, "must be from " + std::to_string(low) + " to " + std::to_string(high), where);
}

}  // namespace

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<void> HealthCheck::check() const {
  const bool visible = std::ranges::all_of(path, [](char c) { return c > 0x20 && c < 0x7f; });
  if (path.empty() || path.front() != '/' || path.size() > 1024 || !visible)
    return fail(Code::invalid, "must be a path like /healthz", "path");
  if (every < 100ms || every > 300s) return fail(Code::invalid, "must be from 100ms to 300s", "every");
  if (timeout < 10ms || timeout > 60s) return fail(Code::invalid, "must be from 10ms to 60s", "timeout");
  return check_range(failures, 1, 100, "failures");
}

Result<void> ServerSpec::check() const {
  if (file.empty() && sha256.empty()) return fail(Code::invalid, "is missing: what is run", "file");
  if (!sha256.empty() && !is_sha256(sha256))
    return fail(Code::invalid, "must be 64 hexadecimal digits in lower case", "sha256");
  TRY_DO(check_words(command, "command"));
  TRY_DO(check_words(arguments, "arguments"));
  TRY_DO(check_variables(*this));
  TRY_DO(check_range(port, 1, 65535, "port"));
  TRY_DO(check_range(processes, 1, 4096, "processes"));
  TRY_DO(check_range(files, 16, 65536, "files"));
  if (scratch < kib(64) || scratch > gib(16)) return fail(Code::invalid, "must be from 64KiB to 16GiB", "scratch");
  if (start_within < 1s || start_within > 600s) return fail(Code::invalid, "must be from 1s to 600s", "start_within");
  return {};
}

Result<void> check_secret_name(std::string_view name) {
  if (check_label(name)) return {};
  return fail(Code::invalid, "a secret's name must be 1 to 63 lower-case letters, digits and hyphens");
}

}  // namespace barrio
