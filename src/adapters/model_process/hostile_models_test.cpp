// Models that were made to break what loads them, in the hands of the real library in a real process.

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "adapters/model_process/model_process_backend.h"
#include "adapters/model_process/model_worker.h"
#include "adapters/model_process/test_worker_test.h"
#include "adapters/ort/example_model_test.h"
#include "adapters/ort/onnx_runtime_backend.h"
#include "base/rng.h"

namespace barrio::adapters::hostile_models_test {
using test::ScratchFolder;

namespace {

// Each one starts a process, which takes ten times as long with a sanitizer in it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t changed_models = 40;
constexpr bool limits_memory = false;
#else
constexpr size_t changed_models = 200;
constexpr bool limits_memory = true;
#endif

const char* const ort_worker = "process: ONNX Runtime";

// Protocol Buffers' wire format, as far as models need it.
std::string varint(uint64_t value) {
  std::string bytes;
  while (value >= 0x80) {
    bytes += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  return bytes + static_cast<char>(value);
}
std::string number(uint32_t field, uint64_t value) {
  return varint(field << 3) + varint(value);
}
std::string bytes(uint32_t field, const std::string& content) {
  return varint(field << 3 | 2) + varint(content.size()) + content;
}

// onnx.proto: ModelProto, GraphProto, NodeProto, TensorProto, ValueInfoProto; the numbers are its fields'.
constexpr uint64_t float_type = 1;

std::string value_info(const std::string& name, const std::string& type) {
  return bytes(1, name) + bytes(2, type);
}
std::string tensor_type(const std::vector<uint64_t>& shape) {
  std::string dimensions;
  for (uint64_t size : shape) dimensions += bytes(1, number(1, size));
  return bytes(1, number(1, float_type) + bytes(2, dimensions));
}
std::string node(const std::string& type, const std::vector<std::string>& inputs, const std::string& output,
                 const std::string& attributes = "") {
  std::string all;
  for (const std::string& input : inputs) all += bytes(1, input);
  return all + bytes(2, output) + bytes(4, type) + attributes;
}
std::string model_of(const std::string& graph) {
  return number(1, 7) + bytes(8, number(2, 13)) + bytes(7, graph + bytes(2, "g"));
}
/// y = op(x, w) with a weight of this text.
std::string with_weight(const std::string& weight, const std::vector<uint64_t>& output = {4}) {
  return model_of(bytes(1, node("Add", {"x", "w"}, "y")) + bytes(5, weight) +
                  bytes(11, value_info("x", tensor_type({1}))) + bytes(12, value_info("y", tensor_type(output))));
}
std::string weight_of(const std::vector<uint64_t>& shape, const std::string& data) {
  std::string dimensions;
  for (uint64_t size : shape) dimensions += number(1, size);
  return dimensions + number(2, float_type) + bytes(8, "w") + data;
}
std::string outside(const std::string& path) {
  return weight_of({4}, bytes(13, bytes(1, "location") + bytes(2, path)) +
                            bytes(13, bytes(1, "length") + bytes(2, "16")) + number(14, 1));
}

/// `depth` messages, each the only field of the one around it.
std::string nested(uint32_t field, int depth, std::string inside) {
  for (int i = 0; i < depth; ++i) inside = bytes(field, inside);
  return inside;
}
/// If nodes in the branches of If nodes.
std::string nested_graphs(int depth) {
  std::string graph =
      bytes(1, node("Identity", {"x"}, "y")) + bytes(2, "leaf") + bytes(12, value_info("y", tensor_type({1})));
  for (int i = 0; i < depth; ++i) {
    const std::string then_branch = bytes(1, "then_branch") + bytes(6, graph) + number(20, 5);
    const std::string else_branch = bytes(1, "else_branch") +
                                    bytes(6, bytes(1, node("Identity", {"x"}, "y")) + bytes(2, "e") +
                                                 bytes(12, value_info("y", tensor_type({1})))) +
                                    number(20, 5);
    graph = bytes(1, node("If", {"c"}, "y", bytes(5, then_branch) + bytes(5, else_branch))) + bytes(2, "g") +
            bytes(12, value_info("y", tensor_type({1})));
  }
  return model_of(graph + bytes(11, value_info("x", tensor_type({1}))));
}

/// y = the largest of as many zeros as the shape x asks for: the bytes that it needs are the request's to say.
std::string as_large_as_asked() {
  constexpr uint64_t int64_type = 7;
  const std::string shape = bytes(1, number(1, int64_type) + bytes(2, bytes(1, number(1, 2))));
  const std::string keep_no_dimension = bytes(5, bytes(1, "keepdims") + number(3, 0) + number(20, 2));
  return model_of(bytes(1, node("ConstantOfShape", {"x"}, "zeros")) +
                  bytes(1, node("ReduceMax", {"zeros"}, "y", keep_no_dimension)) + bytes(11, value_info("x", shape)) +
                  bytes(12, value_info("y", tensor_type({}))));
}
Result<ports::Outputs> ask_for(ports::Model& model, int64_t rows, int64_t columns) {
  const int64_t shape[] = {rows, columns};
  std::string data(reinterpret_cast<const char*>(shape), sizeof(shape));
  return ports::run_alone(model, {{{"x", ports::DataType::INT64, {2}, std::move(data)}}, ""});
}

ModelProcessConfig config() {
  ModelProcessConfig made{.arguments = test::program_running(ort_worker)};
  made.memory = mib(256);
  made.load_limit = 20s;
  made.run_limit = 2s;
  made.grace = 1s;
  made.back_off = {.first = 1h, .longest = 1h};
  return made;
}

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Runs it on ones wherever it takes numbers; nothing that it does may reach further than the answer.
void run_on_ones(ports::Model& model) {
  ports::InferenceRequest request;
  for (const auto& spec : model.info().inputs) {
    if (spec.datatype != ports::DataType::FP32) return;
    ports::Tensor tensor{spec.name, spec.datatype, spec.shape, {}};
    size_t count = 1;
    for (int64_t& size : tensor.shape) count *= static_cast<size_t>(size = size < 0 ? 8 : std::min<int64_t>(size, 64));
    if (count > 1u << 20) return;
    tensor.data.assign(count * sizeof(float), '\x3f');
    request.inputs.push_back(std::move(tensor));
  }
  (void)ports::run_alone(model, request);
}

/// Its error; "" where it was loaded, and run.
std::string fate(ModelProcessBackend& backend, const ScratchFolder& folder, const std::string& content) {
  auto model = backend.load({"m", "", folder.write("hostile.onnx", content)});
  if (!model) return std::string(to_string(model.error().code)) + ": " + model.error().text();
  run_on_ones(**model);
  return "";
}

bool finds_edges(ModelProcessBackend& backend, const std::string& sobel) {
  auto model = backend.load({"sobel", "", sobel});
  if (!model) return false;
  const auto answer = ports::run_alone(**model, {{test::image({0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}, 3, 4)}, ""});
  float edge = 0;
  if (answer) std::memcpy(&edge, answer->at(0).data.data() + 5 * sizeof(float), sizeof(edge));
  return edge == 4;
}

bool refused_as_invalid(const std::string& fate) {
  return fate.find("invalid: ") == 0 && fate.find("hostile.onnx: ") != std::string::npos;
}

}  // namespace

TEST_CASE("process: ONNX Runtime" * doctest::skip()) {
  run_model_worker([]() -> Result<std::unique_ptr<ports::InferenceBackend>> {
    auto backend = std::make_unique<OnnxRuntimeBackend>(OnnxRuntimeConfig{test::ort_library});
    TRY_DO(backend->prepare());
    return backend;
  });
}

TEST_CASE("hand-made models are models: what makes them hostile is what is wrong with them") {
  if (!test::has_library()) return;
  const ScratchFolder folder;
  ModelProcessBackend backend(config());
  CHECK(fate(backend, folder, with_weight(weight_of({4}, bytes(9, std::string(16, '\0'))))) == "");
  CHECK(fate(backend, folder, nested_graphs(0)) == "");
}

TEST_CASE("garbage, cut and empty files are refused with a reason") {
  const ScratchFolder folder;
  const auto sobel = test::sobel(folder);
  if (!sobel) return;
  ModelProcessBackend backend(config());
  CHECK(fate(backend, folder, "").find("hostile.onnx: the model file is empty") != std::string::npos);
  CHECK(refused_as_invalid(fate(backend, folder, "this is no model")));
  CHECK(refused_as_invalid(fate(backend, folder, std::string(1 << 20, '\xff'))));
  const std::string good = read_all(*sobel);
  CHECK(refused_as_invalid(fate(backend, folder, good.substr(0, good.size() / 2))));
  CHECK(refused_as_invalid(fate(backend, folder, varint(7 << 3 | 2) + varint(uint64_t{1} << 62))));
  CHECK(finds_edges(backend, *sobel));
}

TEST_CASE("a model that declares more than it has, or than there is memory for, gets neither") {
  if (!test::has_library()) return;
  const ScratchFolder folder;
  ModelProcessBackend backend(config());
  CHECK_FALSE(fate(backend, folder, with_weight(weight_of({1ull << 40}, ""))).empty());
  CHECK_FALSE(fate(backend, folder, with_weight(weight_of({1ull << 62, 1ull << 62}, bytes(9, "1234")))).empty());
  CHECK_FALSE(fate(backend, folder, with_weight(weight_of({~uint64_t{0}}, bytes(9, "1234")))).empty());
  CHECK_FALSE(fate(backend, folder, with_weight(weight_of({4}, bytes(9, "1234")))).empty());
  // Honest bytes, but Expand makes 4 GiB of them.
  std::string target = number(1, 2) + number(2, 7) + bytes(8, "w");
  const int64_t shape[] = {1 << 15, 1 << 15};
  target += bytes(9, std::string(reinterpret_cast<const char*>(shape), sizeof(shape)));
  const std::string expand = model_of(bytes(1, node("Expand", {"x", "w"}, "y")) + bytes(5, target) +
                                      bytes(11, value_info("x", tensor_type({1}))) +
                                      bytes(12, value_info("y", tensor_type({1 << 15, 1 << 15}))));
  auto model = backend.load({"m", "", folder.write("expand.onnx", expand)});
  if (model) {
    const auto answer = ports::run_alone(**model, {{{"x", ports::DataType::FP32, {1}, "1234"}}, ""});
    CHECK_FALSE(answer.has_value());
  }
}

TEST_CASE("a model that grows past its memory fails that request, and after three in a row its process") {
  if (!test::has_library() || !limits_memory) return;
  const ScratchFolder folder;
  const std::string file = folder.write("grows.onnx", as_large_as_asked());
  ModelProcessConfig limited = config();
  limited.run_limit = 20s;
  ModelProcessBackend backend(limited);
  auto model = backend.load({"grows", "", file});
  REQUIRE_MESSAGE(model, model.error().text());
  CHECK(ask_for(**model, 16, 16));
  // 2 GiB, where it may have 256 MiB.
  const auto refused = ask_for(**model, 1 << 15, 1 << 14);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::exhausted);
  CHECK(refused.error().text().find("needs more memory than it may have, 256MiB: ONNX Runtime: ") == 0);
  CHECK(ask_for(**model, 16, 16));
  for (int i = 0; i < 3; ++i) CHECK(ask_for(**model, 1 << 15, 1 << 14).error().code == Code::exhausted);
  CHECK(test::until([&] {
    const auto gone = ask_for(**model, 16, 16);
    return !gone && gone.error().text().find("found no memory for 3 batches in a row") != std::string::npos;
  }));
  // Twice what the first may have, where it may have more.
  ModelProcessBackend roomy(limited);
  auto other = roomy.load({.name = "grows", .builtin = "", .path = file, .memory = gib(2)});
  REQUIRE_MESSAGE(other, other.error().text());
  const auto answered = ask_for(**other, 1 << 14, 1 << 13);
  CHECK_MESSAGE(answered, answered.error().text());
}

TEST_CASE("weights that lie in another file are not read") {
  if (!test::has_library()) return;
  const ScratchFolder folder;
  ModelProcessBackend backend(config());
  folder.write("weights.bin", "0123456789abcdef");
  for (const std::string& path : {std::string("/etc/passwd"), std::string("../../../../etc/passwd"),
                                  std::string("weights.bin"), folder.path + "/weights.bin", std::string("/dev/zero")}) {
    INFO(path);
    CHECK_FALSE(fate(backend, folder, with_weight(outside(path))).empty());
  }
}

TEST_CASE("deep nesting ends a process at most") {
  const ScratchFolder folder;
  const auto sobel = test::sobel(folder);
  if (!sobel) return;
  ModelProcessBackend backend(config());
  // A sequence of sequences of ...; graphs in graphs; unknown groups in groups.
  const std::string type = nested(4, 5000, bytes(1, number(1, float_type)));
  CHECK_FALSE(
      fate(backend, folder, model_of(bytes(11, value_info("x", type)) + bytes(12, value_info("x", type)))).empty());
  CHECK_FALSE(fate(backend, folder, nested_graphs(300)).empty());
  CHECK_FALSE(fate(backend, folder, std::string(200'000, '\x7b')).empty());
  CHECK(finds_edges(backend, *sobel));
}

TEST_CASE("models changed at random are refused, run, or end their own process") {
  const ScratchFolder folder;
  const auto sobel = test::sobel(folder);
  if (!sobel) return;
  const std::string good = read_all(*sobel);
  ModelProcessBackend backend(config());
  Rng rng(20261125);
  size_t loaded = 0;
  size_t refused = 0;
  size_t ended = 0;
  for (size_t i = 0; i < changed_models; ++i) {
    std::string content = good;
    for (uint64_t changes = 1 + rng.below(4); changes > 0; --changes)
      content[rng.below(content.size())] = static_cast<char>(rng.below(256));
    if (rng.below(8) == 0) content.resize(rng.below(content.size()));
    const std::string how = fate(backend, folder, content);
    if (how.empty())
      ++loaded;
    else if (how.find("its process") != std::string::npos)
      ++ended;
    else
      ++refused;
  }
  MESSAGE("of " << changed_models << " changed models " << loaded << " were loaded and run, " << refused << " refused, "
                << ended << " ended their process");
  CHECK(loaded + refused + ended == changed_models);
  CHECK(loaded > 0);
  CHECK(refused > 0);
  CHECK(finds_edges(backend, *sobel));
}

}  // namespace barrio::adapters::hostile_models_test
