#pragma once
// An emulated device: its models take exactly as long as their settings say (profile_plan.h) and compute nothing, so
// that scheduling is testable without a GPU. For tests and measurements.
// A model takes `x` (UINT8, any length) and gives `y` (UINT8): the input's bytes, cut or filled with zeros to the
// length that is set, so that an answer that went to the wrong request shows.

#include "adapters/profile/device_clock.h"
#include "ports/inference_backend.h"

namespace barrio::adapters {

class ProfileBackend final : public ports::InferenceBackend {
 public:
  ProfileBackend() : clock_(precise_) {}
  /// The clock is used on the threads that load and run models, and outlives them.
  explicit ProfileBackend(DeviceClock& clock) : clock_(clock) {}
  /// spec.builtin are settings. Errors: invalid (a setting; or load_fails is set), unsupported (a file is asked for).
  Result<std::unique_ptr<ports::Model>> load(const ports::LoadSpec& spec) override;

 private:
  PreciseClock precise_;
  DeviceClock& clock_;
};

}  // namespace barrio::adapters
