#pragma once
// All emulated cameras of one `barrio cameras` process, on one reactor, with one video between them.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "emulation/camera.h"

namespace barrio::emulation {

struct CamerasConfig {
  std::string video;
  std::string control;  // "ip:port", or several with commas between, asked for tokens only
  std::vector<CameraConfig> cameras;
};
BARRIO_DESCRIBE(CamerasConfig, (), (video, control, cameras))

class Cameras {
 public:
  using Print = std::function<void(const CameraLine&)>;
  /// `print` gets one line per camera and second.
  Cameras(net::Reactor& reactor, CamerasConfig config, Print print);
  /// Reads the video (a second or two) and starts all. Errors: not_found, invalid.
  Result<void> start();

 private:
  void print_lines();

  net::Reactor& reactor_;
  net::Client client_;
  CamerasConfig config_;
  Print print_;
  std::vector<std::string> pictures_;
  std::vector<std::unique_ptr<Camera>> cameras_;
};

}  // namespace barrio::emulation
