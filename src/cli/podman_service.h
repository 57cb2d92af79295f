#pragma once
// The podman that `barrio up` starts for its sites, with images and containers in a folder of its own, and the example
// images that the story deploys. Containers outlive the sites; with this they end.

#include <memory>
#include <string>

#include "base/result.h"
#include "net/child_process.h"

namespace barrio::cli {

class PodmanService {
 public:
  /// Starts it, builds the images, and runs one once: what is claimed has been tried. Errors: unsupported, with what is
  /// missing on this machine.
  static Result<std::unique_ptr<PodmanService>> start(const std::string& folder);
  /// Removes all of its containers, and ends.
  ~PodmanService();
  PodmanService(const PodmanService&) = delete;
  PodmanService& operator=(const PodmanService&) = delete;

  std::string address() const { return "unix:" + socket_; }
  /// The signed app file of a version, "1" or "2".
  std::string app_file(const std::string& version) const { return folder_ + "/images/app-" + version + ".yaml"; }

 private:
  explicit PodmanService(std::string folder);
  Result<void> begin();
  Result<void> try_one();
  Result<void> run(std::vector<std::string> arguments, Duration within) const;
  std::vector<std::string> podman(std::vector<std::string> arguments) const;

  std::string folder_;
  std::string socket_;
  std::unique_ptr<net::ChildProcess> process_;
};

}  // namespace barrio::cli
