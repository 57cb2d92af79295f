#include "adapters/kept_server/kept_server.h"

#include <sys/stat.h>

namespace barrio::adapters {

Result<std::string> loopback_of(uint32_t pid, int port) {
  struct stat seen{};
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  struct stat ours{};
  if (pid == 0 || ::stat(path.c_str(), &seen) != 0 || ::stat("/proc/self/ns/net", &ours) != 0)
    return fail(Code::unavailable, "cannot see its network", path);
  // Never our own loopback, where others listen who trust it.
  if (seen.st_ino == ours.st_ino) return fail(Code::denied, "it has no network of its own", path);
  return "netns:" + std::to_string(pid) + ":" + std::to_string(seen.st_ino) + "@127.0.0.1:" + std::to_string(port);
}

bool answers(ports::Runtime& runtime, const ProbeServer& probe, const std::string& endpoint, const HealthCheck& check) {
  const auto address = net::SocketAddress::parse(endpoint);
  if (!address) return false;
  net::Request request{
      .method = "GET", .target = check.path, .headers = {{"User-Agent", "barrio-health"}}, .body = {}, .peer_ip = {}};
  const auto answer = probe(*address, std::move(request), runtime.now() + check.timeout);
  return answer && answer->status >= 200 && answer->status < 400;
}

}  // namespace barrio::adapters
