#include <doctest/doctest.h>
#include <stdlib.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <optional>

#include "adapters/ort/batch_probe.h"
#include "adapters/ort/onnx_runtime_backend.h"
#include "ports/tensor.h"

namespace barrio::adapters::batch_test {
using ports::DataType;
using ports::Tensor;

namespace {

const std::string source = BARRIO_SOURCE_DIR;
const std::string library = source + "/build/onnxruntime/libonnxruntime.so.1";

/// The models of make_test_models.py; nothing where the library or python3-onnx is missing.
struct Models {
  Models() {
    std::string pattern = (std::filesystem::temp_directory_path() / "barrio-ort-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    const std::string script = "/usr/bin/python3 '" + source + "/src/adapters/ort/make_test_models.py' '";
    there = std::filesystem::exists(library) && std::system((script + folder + "' >/dev/null 2>&1").c_str()) == 0;
    if (!there) MESSAGE("SKIPPED: needs " << library << " (scripts/fetch-onnxruntime.sh) and python3-onnx");
  }
  ~Models() { std::filesystem::remove_all(folder); }
  std::unique_ptr<ports::Model> load(const std::string& name, size_t max_batch = 8) const {
    auto model = OnnxRuntimeBackend({library, max_batch}).load({name, "", folder + "/" + name + ".onnx"});
    REQUIRE_MESSAGE(model, (model ? "" : model.error().text()));
    return std::move(*model);
  }
  std::string folder;
  bool there = false;
};

template <class T>
ports::InferenceRequest request_of(const std::string& name, DataType type, std::vector<int64_t> shape,
                                   const std::vector<T>& values) {
  Tensor tensor{name, type, std::move(shape), std::string(values.size() * sizeof(T), '\0')};
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return {{tensor}, ""};
}

ports::InferenceRequest image(Rng& rng, int64_t rows = 1) {
  std::vector<float> pixels(static_cast<size_t>(rows) * 3 * 96 * 96);
  for (float& pixel : pixels) pixel = static_cast<float>(rng.unit());
  return request_of("image", DataType::FP32, {rows, 3, 96, 96}, pixels);
}

std::vector<float> numbers(const Tensor& tensor) {
  std::vector<float> values(tensor.data.size() / sizeof(float));
  std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

}  // namespace

TEST_CASE("requests run as one batch answer what each answers alone") {
  const Models models;
  if (!models.there) return;
  const auto model = models.load("conv");
  CHECK(model->info().max_batch == 8);
  Rng rng(5);
  const std::vector batch{image(rng), image(rng, 2), image(rng)};
  const auto together = model->run(batch);
  REQUIRE(together.size() == 3);
  for (size_t i = 0; i < batch.size(); ++i) {
    const auto alone = ports::run_alone(*model, batch[i]);
    REQUIRE(alone);
    REQUIRE(together[i]);
    CHECK(together[i]->at(0).shape == std::vector<int64_t>{i == 1 ? 2 : 1, 10});
    const auto expected = numbers(alone->at(0));
    const auto got = numbers(together[i]->at(0));
    REQUIRE(got.size() == expected.size());
    for (size_t k = 0; k < got.size(); ++k) CHECK(got[k] == doctest::Approx(expected[k]).epsilon(1e-3));
  }
  CHECK(numbers(together[0]->at(0)) != numbers(together[2]->at(0)));
}

TEST_CASE("a wrong request in a batch fails alone, also when it is the model that finds it wrong") {
  const Models models;
  if (!models.there) return;
  const auto model = models.load("words");
  CHECK(model->info().max_batch == 8);
  const auto good = request_of<int64_t>("tokens", DataType::INT64, {1, 2}, {1, 2});
  const auto too_large = request_of<int64_t>("tokens", DataType::INT64, {1, 2}, {1, 1000});
  auto misnamed = good;
  misnamed.inputs[0].name = "words";
  const std::vector batch{good, too_large, misnamed, good};
  const auto answers = model->run(batch);
  REQUIRE(answers.size() == 4);
  CHECK(answers[0]);
  CHECK(answers[1].error().code == Code::invalid);
  // In words for who sent it, and not with what is inside of ONNX Runtime.
  const std::string why = answers[1].error().text();
  CHECK(why.find("the model does not run on these inputs: ONNX Runtime: ") == 0);
  for (const char* inside : {"::", ".cc:", ".h:", "onnxruntime", "was false"}) CHECK(why.find(inside) == why.npos);
  CHECK(answers[2].error().where == "input 'tokens'");
  REQUIRE(answers[3]);
  CHECK(answers[3]->at(0).data == answers[0]->at(0).data);
}

TEST_CASE("a free first dimension that is no batch is found out, and requests run alone") {
  const Models models;
  if (!models.there) return;
  for (const char* name : {"sentence", "boxes"}) {
    const auto model = models.load(name);
    CHECK(model->info().max_batch == 1);
    const std::vector batch{request_of<float>("x", DataType::FP32, {1, 4}, {1, 1, 1, 1}),
                            request_of<float>("x", DataType::FP32, {1, 4}, {2, 2, 2, 2})};
    // The contract allows one request a run; the answers of two must not mix all the same.
    const auto answers = model->run(batch);
    const bool is_sentence = std::string(name) == "sentence";
    CHECK(numbers(answers[0]->at(0)) == std::vector<float>(4, is_sentence ? 0.0F : 1.0F));
    CHECK(numbers(answers[1]->at(0)) == std::vector<float>(4, is_sentence ? 0.0F : 2.0F));
  }
  CHECK(models.load("conv", 1)->info().max_batch == 1);
}

namespace {

const ports::ModelInfo plain{"m", "test", {{"x", DataType::FP32, {-1, -1}}}, {{"y", DataType::FP32, {-1, -1}}}, 1};

Result<ports::Outputs> echo(const ports::InferenceRequest& request) {
  Tensor output = request.inputs.front();
  output.name = "y";
  return ports::Outputs{output};
}

}  // namespace

TEST_CASE("the probe believes what it saw: rows alone and together") {
  CHECK(ort::rows_are_independent(plain, echo, Rng(1)));
  const auto shifted = [](const ports::InferenceRequest& request) {
    auto output = echo(request);
    // The second row gets a little of the first: what a net does that looks along its first dimension.
    Tensor& tensor = output->front();
    const auto width = static_cast<size_t>(tensor.shape[1]) * sizeof(float);
    if (tensor.shape[0] > 1) std::memcpy(tensor.data.data() + width, tensor.data.data(), sizeof(float));
    return output;
  };
  CHECK_FALSE(ort::rows_are_independent(plain, shifted, Rng(1)));
  const auto noisy = [n = 0](const ports::InferenceRequest& request) mutable {
    auto output = echo(request);
    float first = 0;
    std::memcpy(&first, output->front().data.data(), sizeof(first));
    first *= 1 + 1e-6F * static_cast<float>(++n);
    std::memcpy(output->front().data.data(), &first, sizeof(first));
    return output;
  };
  CHECK(ort::rows_are_independent(plain, noisy, Rng(1)));
}

TEST_CASE("the probe looks for a size that the model takes, and gives up where there is none") {
  std::vector<int64_t> tried;
  const auto picky = [&](const ports::InferenceRequest& request) -> Result<ports::Outputs> {
    tried.push_back(request.inputs[0].shape[1]);
    if (tried.back() != 224) return fail(Code::invalid, "too small");
    return echo(request);
  };
  CHECK(ort::rows_are_independent(plain, picky, Rng(1)));
  CHECK(tried.front() == 32);
  CHECK(tried.back() == 224);
  const auto broken = [](const ports::InferenceRequest&) -> Result<ports::Outputs> {
    return fail(Code::invalid, "no size will do");
  };
  CHECK_FALSE(ort::rows_are_independent(plain, broken, Rng(1)));
  auto text = plain;
  text.inputs[0].datatype = DataType::BYTES;
  CHECK_FALSE(ort::rows_are_independent(text, echo, Rng(1)));
}

}  // namespace barrio::adapters::batch_test
