#pragma once
// The process that holds one model: `barrio model-worker`. Its owner (model_process_backend.h) hands it a socket as
// descriptor 3 and says over it what to load. It makes the real backend, gives up everything that confinement.h names,
// and only then looks at the model's bytes.

#include <functional>
#include <memory>

#include "ports/inference_backend.h"

namespace barrio::adapters {

/// Makes the backend that runs the model, with all the files that it needs open or loaded: later it can open none.
using MakeBackend = std::function<Result<std::unique_ptr<ports::InferenceBackend>>()>;

/// Serves its owner until it goes, then ends the process: 0; 1 where nobody handed it a socket; 3 where several batches
/// in a row found no memory.
[[noreturn]] void run_model_worker(const MakeBackend& make_backend);

}  // namespace barrio::adapters
