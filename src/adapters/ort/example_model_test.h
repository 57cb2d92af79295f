#pragma once
// The example's ONNX model and the library that runs it, for tests; both may be missing.

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "ports/inference_backend.h"

namespace barrio::adapters::test {

inline const std::string source = BARRIO_SOURCE_DIR;
inline const std::string ort_library = source + "/build/onnxruntime/libonnxruntime.so.1";

struct ScratchFolder {
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "barrio-ort-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~ScratchFolder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path + "/" + name, std::ios::binary) << content;
    return path + "/" + name;
  }
  std::string path;
};

/// Says so where the library is missing.
inline bool has_library() {
  if (std::filesystem::exists(ort_library)) return true;
  MESSAGE("SKIPPED: no " << ort_library << " (scripts/fetch-onnxruntime.sh gets it)");
  return false;
}

/// The example's model, made by its script; none where the library or python3-onnx is missing.
inline std::optional<std::string> sobel(const ScratchFolder& folder) {
  if (!has_library()) return std::nullopt;
  const std::string file = folder.path + "/sobel.onnx";
  const std::string command =
      "/usr/bin/python3 '" + source + "/examples/sobel/make_model.py' '" + file + "' >/dev/null 2>&1";
  if (std::system(command.c_str()) != 0) {
    MESSAGE("SKIPPED: examples/sobel/make_model.py failed (is python3-onnx installed?)");
    return std::nullopt;
  }
  return file;
}

inline ports::Tensor image(const std::vector<float>& pixels, int64_t height, int64_t width) {
  ports::Tensor tensor{
      "image", ports::DataType::FP32, {1, 1, height, width}, std::string(pixels.size() * sizeof(float), '\0')};
  std::memcpy(tensor.data.data(), pixels.data(), tensor.data.size());
  return tensor;
}

}  // namespace barrio::adapters::test
