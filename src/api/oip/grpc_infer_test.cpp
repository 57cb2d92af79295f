#include "api/oip/grpc_infer.h"

#include <doctest/doctest.h>
#include <inference.pb.h>
#include <rapidcheck.h>

#include "api/oip/wire.h"
#include "ports/tensor.h"

namespace barrio::api::grpc_infer_test {
namespace {

using ports::DataType;
using ports::Tensor;

std::string bytes_of(const inference::ModelInferRequest& message) {
  return message.SerializeAsString();
}

/// A request for model m with input x.
inference::ModelInferRequest one_input(const std::string& type, const std::vector<int64_t>& shape) {
  inference::ModelInferRequest message;
  message.set_model_name("m");
  auto& input = *message.add_inputs();
  input.set_name("x");
  input.set_datatype(type);
  for (const int64_t dimension : shape) input.add_shape(dimension);
  return message;
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(std::data(values)), values.size() * sizeof(T)};
}

std::string error_of(const inference::ModelInferRequest& message) {
  const auto parsed = parse_grpc_infer_request(bytes_of(message));
  REQUIRE(!parsed);
  CHECK(parsed.error().code == Code::invalid);
  return parsed.error().text();
}

TEST_CASE("a request's model, id, parameters, outputs and raw tensors are read") {
  auto message = one_input("FP32", {2});
  message.set_model_version("3");
  message.set_id("42");
  message.add_raw_input_contents(raw({1.5f, -2.0f}));
  message.add_outputs()->set_name("y");
  auto& parameters = *message.mutable_parameters();
  parameters["stream"].set_string_param("gate-1");
  parameters["sigma"].set_double_param(0.5);
  parameters["count"].set_uint64_param(7);
  parameters["fast"].set_bool_param(true);
  parameters["nothing"];
  const auto parsed = parse_grpc_infer_request(bytes_of(message));
  REQUIRE(parsed);
  CHECK(parsed->model == "m");
  CHECK(parsed->version == "3");
  CHECK(parsed->raw);
  CHECK(parsed->request.id == "42");
  CHECK(parsed->request.stream == "gate-1");
  CHECK(parsed->request.parameters == ports::Parameters{{"count", int64_t{7}}, {"fast", true}, {"sigma", 0.5}});
  CHECK(parsed->request.outputs.at(0).name == "y");
  CHECK(parsed->request.inputs.at(0).data == raw({1.5f, -2.0f}));
  CHECK(parsed->request.inputs.at(0).shape == std::vector<int64_t>{2});
}

TEST_CASE("typed contents of every type become the bytes that a model reads") {
  auto check = [](const std::string& type, auto fill, const std::string& bytes) {
    auto message = one_input(type, {2});
    fill(*message.mutable_inputs(0)->mutable_contents());
    const auto parsed = parse_grpc_infer_request(bytes_of(message));
    REQUIRE_MESSAGE(parsed, type);
    CHECK_FALSE(parsed->raw);
    CHECK_MESSAGE(parsed->request.inputs.at(0).data == bytes, type);
  };
  using Contents = inference::InferTensorContents;
  auto ints = [](Contents& to) { to.add_int_contents(-1), to.add_int_contents(2); };
  auto uints = [](Contents& to) { to.add_uint_contents(1), to.add_uint_contents(2); };
  check("BOOL", [](Contents& to) { to.add_bool_contents(true), to.add_bool_contents(false); }, raw<char>({1, 0}));
  check("INT8", ints, raw<int8_t>({-1, 2}));
  check("INT16", ints, raw<int16_t>({-1, 2}));
  check("INT32", ints, raw<int32_t>({-1, 2}));
  check("INT64", [](Contents& to) { to.add_int64_contents(-1), to.add_int64_contents(2); }, raw<int64_t>({-1, 2}));
  check("UINT8", uints, raw<uint8_t>({1, 2}));
  check("UINT16", uints, raw<uint16_t>({1, 2}));
  check("UINT32", uints, raw<uint32_t>({1, 2}));
  check("UINT64", [](Contents& to) { to.add_uint64_contents(1), to.add_uint64_contents(2); }, raw<uint64_t>({1, 2}));
  check("FP32", [](Contents& to) { to.add_fp32_contents(1), to.add_fp32_contents(2); }, raw<float>({1, 2}));
  check("FP64", [](Contents& to) { to.add_fp64_contents(1), to.add_fp64_contents(2); }, raw<double>({1, 2}));
  check(
      "BYTES", [](Contents& to) { to.add_bytes_contents("ab"), to.add_bytes_contents(""); },
      ports::pack_bytes("ab") + ports::pack_bytes(""));
}

TEST_CASE("what is wrong with a request is said, with the tensor or field") {
  CHECK(error_of(one_input("FP99", {1})).starts_with("input 'x': datatype: 'FP99' must be one of BOOL"));
  CHECK(error_of(one_input("FP32", {2})) ==
        "input 'x': 'contents.fp32_contents' has 0 elements, but shape [2] of FP32 asks for 2");
  CHECK(error_of(one_input("FP16", {1})) == "input 'x': FP16 has no typed form: use raw contents");
  auto narrow = one_input("INT8", {1});
  narrow.mutable_inputs(0)->mutable_contents()->add_int_contents(300);
  CHECK(error_of(narrow) == "input 'x': 300 does not fit into INT8");
  auto both = one_input("UINT8", {1});
  both.mutable_inputs(0)->mutable_contents()->add_uint_contents(1);
  both.add_raw_input_contents("a");
  CHECK(error_of(both) == "input 'x': has 'contents' besides raw contents");
  both.add_raw_input_contents("b");
  CHECK(error_of(both) == "there are 1 inputs, but 2 raw contents");
  auto size = one_input("FP32", {2});
  size.add_raw_input_contents("1234");
  CHECK(error_of(size) == "input 'x': the data has 4 bytes, but shape [2] of FP32 asks for 8");
  auto nameless = one_input("UINT8", {0});
  nameless.mutable_inputs(0)->clear_name();
  CHECK(error_of(nameless) == "inputs[0]: 'name' is missing");
  auto negative = one_input("UINT8", {-1});
  CHECK(error_of(negative).find("negative dimension") != std::string::npos);
  auto parameter = one_input("UINT8", {0});
  (*parameter.mutable_parameters())["stream"].set_int64_param(1);
  CHECK(error_of(parameter) == "parameters.stream: is of the wrong kind");
}

TEST_CASE("repeated fields are bounded before they take memory") {
  std::string many = bytes_of(one_input("UINT8", {0}));
  for (size_t i = 0; i < max_tensors; ++i) append_bytes_field(many, 5, "");
  CHECK(parse_grpc_infer_request(many).error().text() == "inputs: more than 64");
  std::string elements;
  for (size_t i = 0; i <= max_bytes_elements; ++i) append_bytes_field(elements, 8, "");
  std::string tensor;
  append_bytes_field(tensor, 5, elements);
  std::string message;
  append_bytes_field(message, 5, tensor);
  CHECK(parse_grpc_infer_request(message).error().text() == "bytes_contents: more than 1048576");
}

TEST_CASE("bytes that are no message are refused, also texts that are not UTF-8") {
  CHECK(parse_grpc_infer_request("\xff\xff").error().code == Code::invalid);
  std::string truncated = bytes_of(one_input("UINT8", {0}));
  truncated.pop_back();
  CHECK(parse_grpc_infer_request(truncated).error().code == Code::invalid);
  std::string text;
  append_bytes_field(text, 1, "\xff");
  CHECK(parse_grpc_infer_request(text).error().code == Code::invalid);
}

Tensor any_tensor() {
  Tensor tensor;
  tensor.name = *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'z')));
  tensor.type = static_cast<DataType>(*rc::gen::inRange(0, 13));
  tensor.shape = *rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(0, 4));
  if (tensor.shape.size() > 4) tensor.shape.resize(4);
  const size_t count = *ports::element_count(tensor.shape);
  if (tensor.type == DataType::BYTES) {
    for (size_t i = 0; i < count; ++i) tensor.data += ports::pack_bytes(*rc::gen::arbitrary<std::string>());
  } else {
    const size_t size = count * ports::element_size(tensor.type);
    tensor.data = *rc::gen::container<std::string>(size, rc::gen::arbitrary<char>());
    if (tensor.type == DataType::BOOL) {
      for (char& each : tensor.data) each = static_cast<char>(each & 1);
    }
  }
  return tensor;
}

TEST_CASE("for all requests and answers, raw and typed: what is printed is read as the same") {
  CHECK(rc::check([] {
    std::vector<Tensor> tensors;
    const int count = *rc::gen::inRange(0, 4);
    for (int i = 0; i < count; ++i) tensors.push_back(any_tensor());
    const bool half = std::ranges::any_of(tensors, [](const Tensor& each) { return each.type == DataType::FP16; });
    const bool as_raw = half || *rc::gen::arbitrary<bool>();
    const auto same = [&](const std::vector<Tensor>& read) {
      RC_ASSERT(read.size() == tensors.size());
      for (size_t i = 0; i < read.size(); ++i) {
        RC_ASSERT(read[i].name == tensors[i].name && read[i].type == tensors[i].type);
        RC_ASSERT(read[i].shape == tensors[i].shape && read[i].data == tensors[i].data);
      }
    };
    std::string bytes;
    GrpcInferRequest request{"m", "1", as_raw, {}};
    request.request.inputs = tensors;
    request.request.parameters = {{"a", std::string("b")}};
    RC_ASSERT(append_grpc_infer_request(request, bytes).has_value());
    const auto asked = parse_grpc_infer_request(bytes);
    RC_ASSERT(asked.has_value());
    RC_ASSERT(asked->request.parameters == request.request.parameters);
    same(asked->request.inputs);
    bytes.clear();
    const TensorForm form = as_raw ? TensorForm::raw : TensorForm::typed;
    RC_ASSERT(append_grpc_infer_response({"m", "id", tensors, "1"}, form, bytes).has_value());
    const auto answered = parse_grpc_infer_response(bytes);
    RC_ASSERT(answered.has_value());
    RC_ASSERT(answered->model_name == "m" && answered->id == "id" && answered->model_version == "1");
    same(answered->outputs);
    inference::ModelInferResponse by_protobuf;
    RC_ASSERT(by_protobuf.ParseFromString(bytes));
    RC_ASSERT(by_protobuf.raw_output_contents_size() == (as_raw ? count : 0));
  }));
}

TEST_CASE("an answer with FP16 is raw, whatever was asked") {
  std::string bytes;
  const Tensor half{"h", DataType::FP16, {1}, "ab"};
  REQUIRE(append_grpc_infer_response({"m", "", {half}, ""}, TensorForm::typed, bytes));
  CHECK(parse_grpc_infer_response(bytes)->outputs.at(0).data == "ab");
}

TEST_CASE("a stream's answers and errors are read by protobuf") {
  std::string answer;
  REQUIRE(append_grpc_infer_response({"m", "7", {}, ""}, TensorForm::raw, answer));
  std::string bytes;
  append_grpc_stream_response(answer, bytes);
  inference::ModelStreamInferResponse read;
  REQUIRE(read.ParseFromString(bytes));
  CHECK(read.infer_response().id() == "7");
  bytes.clear();
  append_grpc_stream_error("no such model", "8", bytes);
  REQUIRE(read.ParseFromString(bytes));
  CHECK(read.error_message() == "no such model");
  CHECK(read.infer_response().id() == "8");
}

}  // namespace
}  // namespace barrio::api::grpc_infer_test
