#include "api/oip/grpc_messages.h"

#include <doctest/doctest.h>
#include <inference.pb.h>

#include "api/oip/generate.h"

namespace barrio::api::grpc_messages_test {
namespace {

using ports::DataType;

const ports::ModelInfo model{"m", "onnxruntime_onnx", {{"x", DataType::FP32, {-1, 3}}}, {{"y", DataType::BYTES, {1}}}};

template <class Message>
Message read(const std::string& bytes) {
  Message message;
  REQUIRE(message.ParseFromString(bytes));
  return message;
}

TEST_CASE("a model's metadata and configuration name its tensors") {
  const std::vector<std::string> versions = {"1", "2"};
  const auto metadata = read<inference::ModelMetadataResponse>(print_grpc_model_metadata(model, versions));
  CHECK(metadata.name() == "m");
  CHECK(metadata.versions_size() == 2);
  CHECK(metadata.platform() == "onnxruntime_onnx");
  CHECK(metadata.inputs(0).datatype() == "FP32");
  CHECK(metadata.inputs(0).shape(0) == -1);
  CHECK(metadata.outputs(0).name() == "y");
  const auto config = read<inference::ModelConfigResponse>(print_grpc_model_config(model)).config();
  CHECK(config.max_batch_size() == 0);
  CHECK(config.input(0).data_type() == inference::TYPE_FP32);
  CHECK(config.output(0).data_type() == inference::TYPE_STRING);
}

TEST_CASE("flags, the server and the index") {
  CHECK(read<inference::ServerLiveResponse>(print_grpc_flag(true)).live());
  CHECK_FALSE(read<inference::ModelReadyResponse>(print_grpc_flag(false)).ready());
  const auto server = read<inference::ServerMetadataResponse>(print_grpc_server_metadata());
  const auto rest = parse_json(print_server_metadata());
  REQUIRE(rest);
  CHECK(rest->at("name") == to_json(server.name()));
  CHECK(rest->at("version") == to_json(server.version()));
  const JsonArray& extensions = rest->at("extensions").as_array();
  REQUIRE(extensions.size() == static_cast<size_t>(server.extensions_size()));
  CHECK(extensions.size() > 3);
  for (size_t i = 0; i < extensions.size(); ++i)
    CHECK(extensions[i] == to_json(server.extensions(static_cast<int>(i))));
  const std::vector<RepositoryEntry> entries = {{"m", "1", "READY", ""}, {"n", "2", "UNAVAILABLE", "unloaded"}};
  const auto index = read<inference::RepositoryIndexResponse>(print_grpc_index(entries));
  CHECK(index.models(1).reason() == "unloaded");
  CHECK(print_index(entries) == R"([{"name":"m","version":"1","state":"READY","reason":""},)"
                                R"({"name":"n","version":"2","state":"UNAVAILABLE","reason":"unloaded"}])");
}

TEST_CASE("statistics are the same over gRPC and REST") {
  VersionStatistics one{.name = "m", .version = "1", .last_inference = 5, .inference_count = 8, .execution_count = 2};
  one.inference_stats.success = {8, 800};
  one.batch_stats.push_back({.batch_size = 4, .compute_infer = {2, 600}});
  const auto message = read<inference::ModelStatisticsResponse>(print_grpc_statistics({&one, 1}));
  CHECK(message.model_stats(0).inference_stats().success().ns() == 800);
  CHECK(message.model_stats(0).batch_stats(0).compute_infer().count() == 2);
  const auto json = parse_json(print_statistics({&one, 1}));
  const JsonObject& stat = json->at("model_stats").at(0).as_object();
  CHECK(stat.at("inference_stats").at("success").at("ns") == 800);
  CHECK(stat.at("batch_stats").at(0).at("batch_size") == 4);
  CHECK(stat.at("response_stats").as_object().empty());
}

TEST_CASE("requests about the repository are read in both forms") {
  inference::RepositoryModelLoadRequest load;
  load.set_model_name("m");
  (*load.mutable_parameters())["backend"].set_string_param("onnx");
  (*load.mutable_parameters())["version"].set_int64_param(2);
  const auto read_load = parse_grpc_repository_request(load.SerializeAsString());
  REQUIRE(read_load);
  CHECK(read_load->model == "m");
  CHECK(read_load->parameters == ports::Parameters{{"backend", std::string("onnx")}, {"version", int64_t{2}}});
  CHECK(*parse_repository_request(R"({"parameters":{"backend":"onnx","version":2}})") == read_load->parameters);
  CHECK(parse_repository_request("")->empty());
  CHECK(parse_repository_request(R"({"parameters":{"a":[]}})").error().where == "parameters.a");
  CHECK_FALSE(*parse_index_request(""));
  CHECK(*parse_index_request(R"({"ready":true})"));
  CHECK(parse_index_request("[]").error().code == Code::invalid);
  inference::RepositoryIndexRequest index;
  index.set_ready(true);
  CHECK(*parse_grpc_index_request(index.SerializeAsString()));
}

TEST_CASE("text to generate becomes a completion, and its answer text") {
  const auto request =
      parse_generate_request(R"({"id":"42","text_input":"Hi","parameters":{"temperature":0},"max_tokens":5})");
  REQUIRE(request);
  const auto body = parse_json(print_generate_completion(*request, "llama", GenerateForm::streamed));
  CHECK(body->at("prompt") == "Hi");
  CHECK(body->at("model") == "llama");
  CHECK(body->at("stream") == true);
  CHECK(body->at("temperature") == 0);
  CHECK(body->at("max_tokens") == 5);
  CHECK(print_generate_response(*request, "llama", R"({"choices":[{"text":"Ho"}]})") ==
        R"({"id":"42","model_name":"llama","model_version":"1","text_output":"Ho"})");
  CHECK(print_generate_response(*request, "llama", R"({"choices":[]})").ends_with(R"("text_output":""})"));
  CHECK(parse_generate_request(R"({"id":"1"})").error().what == "'text_input' is missing");
  CHECK(parse_generate_request(R"({"text_input":1})").error().where == "text_input");
  CHECK(parse_generate_request(R"({"text_input":"","parameters":[]})").error().where == "parameters");
}

}  // namespace
}  // namespace barrio::api::grpc_messages_test
