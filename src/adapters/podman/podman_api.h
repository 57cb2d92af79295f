#pragma once
// What is asked of podman, over its REST API (libpod) on a Unix socket. Each call parks the calling fiber and answers
// with values; podman's own words stand in the errors.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "net/address.h"
#include "net/http.h"
#include "ports/runtime.h"

namespace barrio::adapters {

/// One HTTP call that parks the calling fiber; main() binds adapters/reactor_runtime's fetch to a client. (Adapters do
/// not see one another.)
using FetchPodman = std::function<Result<net::Response>(const net::SocketAddress&, net::Request, Time deadline)>;

struct PodmanHost {
  std::string version;
  std::string runtime;  // "runc"
  bool cgroups_v2 = false;
  bool limits_memory = false;  // by cgroups, and so on
  bool limits_cpu = false;
  bool limits_processes = false;
};

struct FoundContainer {
  std::string name;
  bool running = false;
  std::map<std::string, std::string> labels;
};

struct ContainerState {
  bool running = false;
  uint32_t pid = 0;  // of its first process, on this machine
  int64_t exit_code = 0;
  bool out_of_memory = false;
  std::map<std::string, std::string> labels;
};

struct ContainerUsage {
  Duration cpu{};  // since it was started
  Bytes memory;
  int64_t processes = 0;
};

class PodmanApi {
 public:
  PodmanApi(ports::Runtime& runtime, FetchPodman fetch, net::SocketAddress socket)
      : runtime_(runtime), fetch_(std::move(fetch)), socket_(std::move(socket)) {}

  /// Errors of all: unavailable (podman does not answer, or fails), not_found (no such container), invalid (it
  /// refuses).
  Result<PodmanHost> host();
  /// Puts an archive's image into podman's store; the id of the image, whose digest must be this one. Errors: denied
  /// (the archive holds another image).
  Result<std::string> load_image(const std::string& archive, const std::string& digest);
  Result<std::vector<FoundContainer>> containers(const std::string& label);
  Result<ContainerState> inspect(const std::string& name);
  Result<void> create(const Json& specification);
  Result<void> start(const std::string& name);
  /// Asks it to end, and kills it after `grace`.
  Result<void> stop(const std::string& name, Duration grace);
  /// Kills it first, where it runs; one that is not there is success.
  Result<void> remove(const std::string& name);
  Result<std::vector<std::string>> logs(const std::string& name, size_t lines);
  Result<ContainerUsage> usage(const std::string& name);

 private:
  Result<std::string> call(const char* method, std::string target, Duration within, std::string body = {},
                           const char* type = nullptr);
  Result<Json> get(std::string target);

  ports::Runtime& runtime_;
  FetchPodman fetch_;
  net::SocketAddress socket_;
};

/// The lines in an answer of podman's logs: frames of a stream's number, three zeros, a length of four bytes, a text.
std::vector<std::string> lines_of_frames(std::string_view frames);

}  // namespace barrio::adapters
