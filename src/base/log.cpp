#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/json.h"

namespace barrio {

namespace {

std::string process_name;

spdlog::level::level_enum native(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

const char* name(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "info";
}

}  // namespace

void configure_log(std::string process, LogLevel lowest, const std::string& file) {
  process_name = std::move(process);
  std::shared_ptr<spdlog::logger> logger;
  try {
    logger =
        file.empty()
            ? std::make_shared<spdlog::logger>("barrio", std::make_shared<spdlog::sinks::stderr_sink_mt>())
            : std::make_shared<spdlog::logger>("barrio", std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
  } catch (const spdlog::spdlog_ex&) {
    logger = std::make_shared<spdlog::logger>("barrio", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  }
  logger->set_pattern("%v");
  logger->set_level(native(lowest));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  auto* logger = spdlog::default_logger_raw();
  if (logger == nullptr || !logger->should_log(native(level))) return;
  JsonObject line;
  line["time"] = to_string(std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()));
  line["level"] = name(level);
  if (!process_name.empty()) line["process"] = process_name;
  line["message"] = boost::json::string(message.data(), message.size());
  for (const auto& [key, value] : fields) line[key] = value;
  logger->log(native(level), "{}", print_json(line));
}

}  // namespace barrio
