#pragma once
// Models that run elsewhere: behind a server of the Open Inference Protocol (Triton, OpenVINO Model Server, another
// `barrio engine`), over REST with binary tensors or over gRPC. What is to be decided about a request is decided here,
// by the engine's scheduler: the server is given one request at a time per loaded model, so that its own queue stays
// empty, and is told what is left of its time (Triton's `timeout` in microseconds, Barrio-Deadline-Ms, grpc-timeout).
// A run that takes longer is waited for until the last deadline of its batch and a grace after it: the server is at it
// all the same, and a request sent meanwhile would queue behind it, be late itself, and so on for good. Then its
// connection is closed.
//
// Requests that fit together go as one where the server says how many rows it takes (oip_settings.h). One that the
// server fails is tried without the others, so a wrong request fails alone.

#include "ports/inference_backend.h"

namespace barrio::adapters {

class OipBackend final : public ports::InferenceBackend {
 public:
  /// spec.builtin are settings (oip_settings.h). Reads the model's metadata from its server. Errors: invalid (a
  /// setting), unsupported (a file is asked for), not_found (the server knows no such model), unavailable, timed_out.
  Result<std::unique_ptr<ports::Model>> load(const ports::LoadSpec& spec) override;
};

}  // namespace barrio::adapters
