#include <doctest/doctest.h>

#include "base/yaml.h"
#include "model/app.h"

namespace barrio::pipeline_test {

namespace {

const std::string head = R"(name: street-pipeline
objective: {latency: 400ms, percentile: 99}
policy: {jurisdictions: [ES]}
resources: {power: 65W, memory: 512MiB}
)";

const std::string steps = R"(model: {backend: pipeline}
pipeline:
  steps:
  - name: detect
    model: {backend: opencv, builtin: people}
  - name: crop
    model: {backend: opencv, builtin: crop-64x64-grey}
    inputs: {boxes: detect.boxes}
  - name: classify
    model: {backend: onnx, file: edges.onnx}
    inputs: {image: crop.crops}
    for_each: crop.crops
    most: 8
  outputs: {boxes: detect.boxes, energy: classify.energy}
)";

std::string with(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string error_of(const std::string& text) {
  const auto app = from_yaml<AppSpec>(text, "app.yaml");
  return app ? "" : app.error().text();
}

bool names(const std::string& error, std::string_view field, std::string_view words) {
  INFO(error);
  return error.find(std::string(field) + ": ") != std::string::npos && error.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("an app of several steps is read, and survives the way to JSON and back") {
  const auto app = from_yaml<AppSpec>(head + steps, "app.yaml");
  REQUIRE_MESSAGE(app, app.error().text());
  REQUIRE(app->pipeline);
  CHECK(app->pipeline->steps.size() == 3);
  CHECK(app->pipeline->steps[1].inputs.at("boxes").step == "detect");
  CHECK(app->pipeline->steps[2].for_each->str() == "crop.crops");
  CHECK(app->pipeline->steps[0].most == 16);
  const auto back = from_json<AppSpec>(to_json(*app));
  REQUIRE_MESSAGE(back, back.error().text());
  CHECK(print_json(to_json(*back)) == print_json(to_json(*app)));
}

TEST_CASE("slips in a pipeline are told by field") {
  const auto wrong = [](const std::string& from, const std::string& to) {
    return error_of(with(head + steps, from, to));
  };
  CHECK(names(wrong("name: crop", "name: detect"), "pipeline.steps[1].name", "an earlier step"));
  CHECK(names(wrong("name: crop", "name: Crop"), "pipeline.steps[1].name", ""));
  CHECK(names(wrong("boxes: detect.boxes}", "boxes: find.boxes}"), "pipeline.steps[1].inputs.boxes", "no step 'find'"));
  CHECK(names(wrong("boxes: detect.boxes}", "boxes: classify.x}"), "pipeline.steps[1].inputs.boxes", "earlier"));
  CHECK(names(wrong("boxes: detect.boxes}", "boxes: .x}"), "pipeline.steps[1].inputs.boxes", "must be"));
  CHECK(names(wrong("for_each: crop.crops", "for_each: detect.boxes"), "pipeline.steps[2].for_each", "no input"));
  CHECK(names(wrong("most: 8", "most: 65"), "pipeline.steps[2].most", "from 1 to 64"));
  CHECK(names(wrong("energy: classify.energy", "energy: image"), "pipeline.outputs.energy", "not an output"));
  CHECK(names(wrong("model: {backend: opencv, builtin: people}", "model: {backend: pipeline}"),
              "pipeline.steps[0].model.backend", "cannot be"));
  CHECK(names(wrong("builtin: people", "builtin: ''"), "pipeline.steps[0].model", "must name one of"));
  CHECK(names(wrong("backend: pipeline", "backend: opencv, builtin: people"), "model.backend", "must be pipeline"));
  CHECK(names(wrong("backend: pipeline", "backend: pipeline, builtin: people"), "model", "its steps have"));
  CHECK(names(error_of(head + "model: {backend: pipeline}\n"), "pipeline", "is missing"));
  CHECK(names(error_of(head + "model: {backend: pipeline}\npipeline: {steps: []}\n"), "pipeline.steps", "1 to 8"));
}

TEST_CASE("an app says which cameras it takes, how often and how old; slips are told by field") {
  const std::string app = head + "model: {backend: opencv, builtin: people}\nstream: ";
  const auto full = from_yaml<AppSpec>(
      app + "{rate: 2, track_rate: 10, max_age: 250ms, sources: ['rtsp://camera-7.lan/main'], most: 2}\n", "app.yaml");
  REQUIRE_MESSAGE(full, full.error().text());
  CHECK(full->stream->max_age == 250ms);
  CHECK(full->stream->track_rate == 10);
  CHECK(print_json(to_json(*from_json<AppSpec>(to_json(*full)))) == print_json(to_json(*full)));
  const auto plain = from_yaml<AppSpec>(app + "{}\n", "app.yaml");
  REQUIRE_MESSAGE(plain, plain.error().text());
  CHECK(plain->stream->rate == 5);
  CHECK(names(error_of(app + "{rate: 0}\n"), "stream.rate", "from 0.01 to 60"));
  CHECK(names(error_of(app + "{rate: 5, track_rate: 2}\n"), "stream.track_rate", "at least rate"));
  CHECK(names(error_of(app + "{max_age: 1ms}\n"), "stream.max_age", "from 10ms"));
  CHECK(names(error_of(app + "{most: 0}\n"), "stream.most", "from 1 to 64"));
  CHECK(error_of(app + "{fps: 3}\n").find("unknown key 'fps'") != std::string::npos);
  for (const char* bad :
       {"file:///etc/passwd", "/etc/passwd", "concat:a|b", "rtsp://", "rtsp://a b", "ftp://a/b", "http://a/\"b"}) {
    CHECK_MESSAGE(names(error_of(app + "{sources: ['" + bad + "']}\n"), "stream.sources[0]", "URL"), bad);
  }
}

}  // namespace barrio::pipeline_test
