#pragma once
// Structured logs: one JSON object a line on standard error (and in a file, if configured). Never called per request.
// The sink is the one process-wide object we allow; main() configures it before anything else runs.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace barrio {

enum class LogLevel { debug, info, warning, error };

using LogField = std::pair<std::string_view, std::string>;

/// `process` appears in every line ("gateway mad1"). An empty file means standard error only.
void configure_log(std::string process, LogLevel lowest, const std::string& file);
void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

inline void log_info(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::info, message, fields);
}
inline void log_warning(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::warning, message, fields);
}
inline void log_error(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::error, message, fields);
}

}  // namespace barrio
