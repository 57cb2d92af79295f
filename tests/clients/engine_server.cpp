// What real clients of the engine's protocols are tried on (engine_clients.sh): `barrio engine` without its command
// line.
//
//   engine_server show|load|files [NAME=SETTINGS]...
//
// Serves "echo", an emulated model (UINT8 x to y, the same bytes, 2 ms), and the text models that are named, with the
// settings of their servers (adapters/openai/openai_settings.h). Says on its log where it listens; ends with SIGTERM.

#include <cstdio>
#include <string>
#include <vector>

#include "adapters/openai/openai_backend.h"
#include "adapters/profile/profile_backend.h"
#include "base/log.h"
#include "engine/engine_main.h"

namespace {

using namespace barrio;

Result<engine::ReplicaOptions> options_of(int count, char** arguments) {
  if (count < 2) return fail(Code::invalid, "usage: engine_server show|load|files [NAME=SETTINGS]...");
  engine::ReplicaOptions options{.listen = "127.0.0.1:0"};
  TRY(options.repository, from_json<engine::RepositoryRights>(to_json(std::string(arguments[1]))));
  options.models.push_back({"echo", {.backend = "profile", .builtin = "a=1ms,c=1ms"}});
  std::vector<adapters::OpenaiSettings> servers;
  for (int i = 2; i < count; ++i) {
    const std::string text = arguments[i];
    const size_t end = std::min(text.find('='), text.size() - 1);
    TRY(auto settings, adapters::OpenaiSettings::parse(text.substr(0, end), text.substr(end + 1)));
    servers.push_back(std::move(settings));
  }
  if (servers.empty()) return options;
  options.generation = [servers](net::Reactor& reactor) {
    return std::make_unique<adapters::OpenaiBackend>(reactor, servers);
  };
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  configure_log("engine_server", LogLevel::info, "");
  const auto options = options_of(count, arguments);
  if (!options) {
    std::fprintf(stderr, "%s\n", options.error().text().c_str());
    return 2;
  }
  adapters::ProfileBackend profile;
  return engine::run_engine({.own = *options}, {{"profile", &profile}});
}
