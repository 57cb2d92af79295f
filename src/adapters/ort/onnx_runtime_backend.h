#pragma once
// Runs ONNX models on the CPU with ONNX Runtime, which is loaded at run time (dlopen) and never linked. Looked for in
// this order: $BARRIO_ONNXRUNTIME (a file), libonnxruntime.so.1 beside the program, in ../lib beside it, in
// onnxruntime/ beside it (where the build puts it), and where the dynamic linker looks.
// Sessions are single-threaded: the engine runs one worker per core.
//
// Requests run together where the first dimension of every input and output is free and the rows turn out not to mix
// (batch_probe.h, tried once at load). What fails together is run again one by one, so a wrong request fails alone.

#include <memory>
#include <string>

#include "ports/inference_backend.h"

namespace barrio::adapters {

struct OnnxRuntimeConfig {
  std::string library = {};  // a file: used instead of the search
  size_t max_batch = 8;      // requests, and rows, in one run; on a CPU more gains nothing (docs/backends.md)
};

class OnnxRuntimeBackend final : public ports::InferenceBackend {
 public:
  explicit OnnxRuntimeBackend(OnnxRuntimeConfig config = {});
  ~OnnxRuntimeBackend() override;
  /// spec.path is an .onnx file with its weights inside. Errors: unsupported (no library found, or a builtin asked
  /// for), not_found (no such file), invalid (not a model: ONNX Runtime's own words; or one with inputs that are not
  /// tensors).
  Result<std::unique_ptr<ports::Model>> load(const ports::LoadSpec& spec) override;

 private:
  OnnxRuntimeConfig config_;
};

}  // namespace barrio::adapters
