#pragma once
// A video file as JPEG pictures, decoded once: what the emulated cameras see. Blocking; nobody calls it on a busy loop.

#include <string>
#include <vector>

#include "base/result.h"

namespace barrio::adapters {

struct Sampling {
  int every = 10;   // one frame of so many
  int width = 512;  // pixels after scaling
  int height = 384;
  size_t most = 120;  // pictures at most
};

/// JPEG pictures in the order of the video. Errors: not_found (no such file), invalid (no video in it), unavailable.
Result<std::vector<std::string>> sample_video(const std::string& file, const Sampling& sampling);

}  // namespace barrio::adapters
