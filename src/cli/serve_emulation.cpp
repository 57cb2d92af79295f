#include <sys/resource.h>

#include <cstdio>

#include "base/log.h"
#include "cli/files.h"
#include "cli/roles.h"
#include "cli/signals.h"
#include "emulation/cameras.h"
#include "emulation/wan.h"
#include "net/thread_priority.h"

namespace barrio::cli {

namespace {

/// Hundreds of links with a connection or two each: the usual soft limit of 1024 descriptors is too low.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Result<void> serve_wan(const std::string& config) {
  configure_log("wan", LogLevel::info, "");
  raise_descriptor_limit();
  TRY(auto file, read_yaml<emulation::WanConfig>(config));
  net::Reactor reactor;
  Signals signals(reactor, [&] { reactor.stop(); });
  emulation::WanRelay relay(reactor, std::move(file));
  TRY_DO(relay.start());
  log_info("relaying", {{"links", std::to_string(relay.addresses().size())}});
  net::carry_requests();
  reactor.run();
  return {};
}

Result<void> serve_cameras(const std::string& config) {
  configure_log("cameras", LogLevel::info, "");
  // What cameras compute happens elsewhere in the world: it should not take this machine's cores from the network.
  net::compute_in_background();
  TRY(auto file, read_yaml<emulation::CamerasConfig>(config));
  net::Reactor reactor;
  Signals signals(reactor, [&] { reactor.stop(); });
  emulation::Cameras cameras(reactor, std::move(file), [](const emulation::CameraLine& line) {
    std::printf("%s\n", print_json(to_json(line)).c_str());
    std::fflush(stdout);
  });
  TRY_DO(cameras.start());
  reactor.run();
  return {};
}

}  // namespace barrio::cli
