#include "adapters/ort/onnx_runtime_backend.h"

#include <doctest/doctest.h>

#include <cstring>

#include "adapters/ort/example_model_test.h"
#include "adapters/ort/ort_abi.h"

namespace barrio::adapters::onnx_runtime_backend_test {
using ports::DataType;
using ports::Tensor;
using test::image;
using test::ScratchFolder;
using test::sobel;

namespace {

float number(const Tensor& tensor, size_t index) {
  float value = 0;
  std::memcpy(&value, tensor.data.data() + index * 4, 4);
  return value;
}

}  // namespace

TEST_CASE("an ONNX model made by the example's script finds the edges") {
  const ScratchFolder folder;
  const auto file = sobel(folder);
  if (!file) return;
  OnnxRuntimeBackend backend({test::ort_library});
  auto model = backend.load({"sobel", "", *file});
  REQUIRE_MESSAGE(model, model.error().text());
  CHECK((*model)->info().name == "sobel");
  CHECK((*model)->info().inputs[0].name == "image");
  CHECK((*model)->info().inputs[0].shape == std::vector<int64_t>{1, 1, -1, -1});
  CHECK((*model)->info().outputs[1].name == "energy");
  // A step from 0 to 1: the inner pixels beside it have a horizontal gradient of 1 + 2 + 1.
  auto answer = ports::run_alone(**model, {{image({0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}, 3, 4)}, ""});
  REQUIRE_MESSAGE(answer, answer.error().text());
  const Tensor& edges = answer->at(0);
  CHECK(edges.shape == std::vector<int64_t>{1, 1, 3, 4});
  CHECK(number(edges, 5) == doctest::Approx(4));
  CHECK(number(edges, 6) == doctest::Approx(4));
  CHECK(number(edges, 4) == doctest::Approx(0));
  float sum = 0;
  for (size_t i = 0; i < 12; ++i) sum += number(edges, i);
  CHECK(number(answer->at(1), 0) == doctest::Approx(sum / 12));
}

// ONNX Runtime 1.30 reports to its maker nine seconds after its start. In a confined process the thread that it starts
// for that ended the process; elsewhere it would have told a third party what runs here.
TEST_CASE("the library starts no thread of its own, and so reports to nobody") {
  const ScratchFolder folder;
  const auto file = sobel(folder);
  if (!file) return;
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  const auto before = threads();
  OnnxRuntimeBackend backend({test::ort_library});
  auto model = backend.load({"sobel", "", *file});
  REQUIRE(model);
  REQUIRE(ports::run_alone(**model, {{image({0, 0, 1, 1}, 2, 2)}, ""}));
  CHECK(threads() == before);
}

TEST_CASE("inputs that do not fit the model are refused before it runs, by name") {
  const ScratchFolder folder;
  const auto file = sobel(folder);
  if (!file) return;
  OnnxRuntimeBackend backend({test::ort_library});
  auto model = backend.load({"sobel", "", *file});
  REQUIRE(model);
  Tensor wrong = image({1, 2}, 1, 2);
  wrong.shape = {1, 2};
  auto refused = ports::run_alone(**model, {{wrong}, ""});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::invalid);
  CHECK(refused.error().text() == "input 'image': has shape [1,2], but the model takes [1,1,-1,-1] (-1: any)");
  wrong = image({1, 2}, 1, 2);
  wrong.type = DataType::INT32;
  CHECK(ports::run_alone(**model, {{wrong}, ""}).error().text() == "input 'image': is INT32, but the model takes FP32");
  CHECK(ports::run_alone(**model, {{}, ""}).error().text() == "input 'image': is missing");
}

TEST_CASE("a file that is not a model is refused in ONNX Runtime's words") {
  if (!test::has_library()) return;
  const ScratchFolder folder;
  OnnxRuntimeBackend backend({test::ort_library});
  auto refused = backend.load({"m", "", folder.write("bad.onnx", "this is no model")});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::invalid);
  CHECK(refused.error().text().find("bad.onnx: ONNX Runtime: ") != std::string::npos);
  CHECK(backend.load({"m", "", folder.path + "/none.onnx"}).error().code == Code::not_found);
}

TEST_CASE("without the library, the error says how to get it") {
  const ScratchFolder folder;
  OnnxRuntimeBackend backend({folder.path + "/libonnxruntime.so.1"});
  auto refused = backend.load({"m", "", folder.write("any.onnx", "x")});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::unsupported);
  CHECK(refused.error().what.find("scripts/fetch-onnxruntime.sh") != std::string::npos);
  CHECK(backend.load({"m", "people", ""}).error().code == Code::unsupported);
}

}  // namespace barrio::adapters::onnx_runtime_backend_test
