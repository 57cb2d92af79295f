#include "emulation/cameras.h"

#include "adapters/libav/video_file.h"
#include "net/addresses.h"

namespace barrio::emulation {

Cameras::Cameras(net::Reactor& reactor, CamerasConfig config, Print print)
    : reactor_(reactor), client_(reactor, net::ClientLimits{}), config_(std::move(config)), print_(std::move(print)) {}

Result<void> Cameras::start() {
  TRY(pictures_, adapters::sample_video(config_.video, adapters::Sampling{}));
  TRY(auto members, net::parse_addresses(config_.control));
  for (const CameraConfig& camera : config_.cameras) {
    cameras_.push_back(std::make_unique<Camera>(reactor_, client_, members, camera, pictures_));
    auto started = cameras_.back()->start();
    if (!started) return fail(std::move(started).error().within("camera " + camera.name));
  }
  reactor_.call_after(1s, [this] { print_lines(); });
  return {};
}

void Cameras::print_lines() {
  reactor_.call_after(1s, [this] { print_lines(); });
  for (auto& camera : cameras_) print_(camera->take_line());
}

}  // namespace barrio::emulation
