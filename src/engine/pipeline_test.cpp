#include "engine/pipeline.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <optional>

#include "base/yaml.h"
#include "engine/manual_service_test.h"
#include "engine/pipeline_tensors.h"
#include "ports/tensor.h"

namespace barrio::engine::pipeline_test {
using ports::DataType;
using ports::Outputs;
using ports::Tensor;

namespace {

constexpr const char* street = R"(
steps:
- name: detect
  model: {backend: opencv, builtin: people}
- name: crop
  model: {backend: opencv, builtin: crop}
  inputs: {boxes: detect.boxes}
- name: classify
  model: {backend: onnx, file: m.onnx}
  inputs: {picture: crop.crops}
  for_each: crop.crops
  most: 3
outputs: {boxes: detect.boxes, kind: classify.kind}
)";

Tensor bytes(std::string name, const std::vector<std::string>& texts) {
  Tensor tensor{std::move(name), DataType::BYTES, {static_cast<int64_t>(texts.size())}, {}};
  for (const auto& text : texts) tensor.data += ports::pack_bytes(text);
  return tensor;
}

Tensor octets(std::string name, std::vector<int64_t> shape, std::string data) {
  return {std::move(name), DataType::UINT8, std::move(shape), std::move(data)};
}

struct World {
  explicit World(Pipelines::Needs needs = {}) : pipelines(inner, [this] { return now; }, registry, std::move(needs)) {
    inner.models["street.detect"] = {
        "street.detect", "fake", {{"image", DataType::BYTES, {1}}}, {{"boxes", DataType::UINT8, {-1, 4}}}};
    inner.models["street.crop"] = {"street.crop",
                                   "fake",
                                   {{"image", DataType::BYTES, {1}}, {"boxes", DataType::UINT8, {-1, 4}}},
                                   {{"crops", DataType::BYTES, {-1}}}};
    inner.models["street.classify"] = {
        "street.classify", "fake", {{"picture", DataType::BYTES, {1}}}, {{"kind", DataType::UINT8, {1, 2}}}};
    inner.models["other"] = {"other", "fake", {}, {}};
    auto spec = from_yaml<PipelineSpec>(street, "street");
    REQUIRE_MESSAGE(spec, spec.error().text());
    pipelines.add("street", std::move(*spec));
  }

  struct Answer {
    size_t times = 0;
    Served served;
  };
  std::shared_ptr<Answer> send(std::optional<Time> deadline = {}, const std::string& model = "street") {
    auto answer = std::make_shared<Answer>();
    Submission submission;
    submission.model = model;
    submission.tenant = "acme";
    submission.arrived = now;
    submission.deadline = deadline;
    submission.request = {{bytes("image", {"jpeg"})}, "camera 7"};
    last = pipelines.submit(std::move(submission), [answer](Served served) {
      ++answer->times;
      answer->served = std::move(served);
    });
    return answer;
  }

  uint64_t outcome(const char* what) {
    return registry.counter("barrio_engine_pipeline_requests_total", "", {{"pipeline", "street"}, {"outcome", what}})
        .value();
  }

  Time now = Time() + 1h;
  Registry registry;
  ManualService inner;
  Pipelines pipelines;
  uint64_t last = 0;
};

}  // namespace

TEST_CASE("a request goes through its steps: once for each crop, the answers together again") {
  World world;
  const auto answer = world.send(world.now + 400ms);
  REQUIRE(world.inner.waiting.size() == 1);
  const Submission& detect = world.inner.waiting[0].submission;
  CHECK(detect.model == "street.detect");
  CHECK(detect.tenant == "acme");
  CHECK(detect.request.stream == "camera 7");
  CHECK(detect.request.inputs.at(0).data == ports::pack_bytes("jpeg"));
  world.inner.answer(0, {octets("boxes", {4, 4}, "aaaabbbbccccdddd")});
  REQUIRE(world.inner.waiting.size() == 1);
  CHECK(world.inner.waiting[0].submission.model == "street.crop");
  CHECK(ports::input_named(world.inner.waiting[0].submission.request, "boxes").shape == std::vector<int64_t>{4, 4});
  CHECK(ports::input_named(world.inner.waiting[0].submission.request, "image").data == ports::pack_bytes("jpeg"));
  world.inner.answer(0, {bytes("crops", {"a", "bb", "ccc", "dddd"})});
  // Four crops, and three at most.
  REQUIRE(world.inner.waiting.size() == 3);
  CHECK(world.inner.waiting[1].submission.request.inputs.at(0).data == ports::pack_bytes("bb"));
  CHECK(world.inner.waiting[1].submission.request.inputs.at(0).shape == std::vector<int64_t>{1});
  CHECK(world.inner.waiting[1].submission.request.inputs.at(0).name == "picture");
  world.inner.answer(1, {octets("kind", {1, 2}, "BB")}, 3ms);
  world.inner.answer(1, {octets("kind", {1, 2}, "CC")}, 5ms);
  CHECK(answer->times == 0);
  world.inner.answer(0, {octets("kind", {1, 2}, "AA")}, 4ms);
  REQUIRE(answer->times == 1);
  REQUIRE_FALSE(answer->served.error);
  REQUIRE(answer->served.outputs.size() == 2);
  CHECK(answer->served.outputs[0].name == "boxes");
  CHECK(answer->served.outputs[0].data == "aaaabbbbccccdddd");
  CHECK(answer->served.outputs[1].data == "AABBCC");
  CHECK(answer->served.outputs[1].shape == std::vector<int64_t>{3, 2});
  CHECK(answer->served.times.run == 5ms);
  CHECK(world.pipelines.in_flight() == 0);
  CHECK(world.outcome("answered") == 1);
}

TEST_CASE("nothing found: the step for each is not run, and its outputs are empty") {
  World world;
  const auto answer = world.send();
  world.inner.answer(0, {octets("boxes", {0, 4}, "")});
  world.inner.answer(0, {bytes("crops", {})});
  REQUIRE(answer->times == 1);
  REQUIRE_FALSE(answer->served.error);
  CHECK(answer->served.outputs.at(1).shape == std::vector<int64_t>{0, 2});
  CHECK(world.inner.submitted == 2);
}

TEST_CASE("each step gets what the later ones do not need of one deadline, and what has passed is gone") {
  const auto needs = [](std::string_view step, Time) {
    return step == "street.detect" ? decide::StepNeed{60ms, 0ms} : decide::StepNeed{20ms, 10ms};
  };
  World world(needs);
  const Time start = world.now;
  world.send(start + 200ms);
  CHECK(world.inner.waiting.at(0).submission.deadline == start + 140ms);
  CHECK(world.inner.waiting.at(0).submission.request.deadline == start + 140ms);
  CHECK_FALSE(world.inner.waiting.at(0).submission.continues);
  world.now += 150ms;  // later than it should
  world.inner.answer(0, {octets("boxes", {1, 4}, "aaaa")});
  // Ten milliseconds are left for two queues of ten.
  CHECK(world.inner.waiting.at(0).submission.deadline == start + 175ms);
  CHECK(world.inner.waiting.at(0).submission.arrived == start);
  // What has cost device time is given up last.
  CHECK(world.inner.waiting.at(0).submission.continues);
  world.inner.answer(0, {bytes("crops", {"a"})});
  CHECK(world.inner.waiting.at(0).submission.deadline == start + 200ms);
}

TEST_CASE("what cannot be finished costs no device time, and is told when it would work") {
  const auto needs = [](std::string_view, Time) { return decide::StepNeed{20ms, 30ms}; };
  World world(needs);
  const auto hopeless = world.send(world.now + 50ms);
  REQUIRE(hopeless->times == 1);
  REQUIRE(hopeless->served.declined);
  CHECK(hopeless->served.declined->why == Declined::Why::too_late);
  CHECK(hopeless->served.declined->earliest == 60ms);
  CHECK(world.inner.submitted == 0);
  CHECK(world.outcome("refused") == 1);
  // In the middle of its way: what is left of its time is too little for the runs that are left.
  const auto late = world.send(world.now + 150ms);
  world.now += 111ms;
  world.inner.answer(0, {octets("boxes", {1, 4}, "aaaa")}, 20ms);
  REQUIRE(late->times == 1);
  REQUIRE(late->served.declined);
  CHECK(late->served.declined->waited);
  CHECK(world.inner.submitted == 1);
  CHECK(world.outcome("given_up") == 1);
}

TEST_CASE("what the steps took is what is reserved for the next request") {
  World world;
  world.send();
  world.now += 70ms;
  world.inner.answer(0, {octets("boxes", {1, 4}, "aaaa")}, 40ms);
  world.now += 10ms;
  world.inner.answer(0, {bytes("crops", {"a"})}, 10ms);
  world.now += 80ms;
  world.inner.answer(0, {octets("kind", {1, 2}, "AA")}, 50ms);
  const auto refused = world.send(world.now + 99ms);
  REQUIRE(refused->times == 1);
  CHECK(refused->served.declined->earliest == 100ms);
  // 10 for the crop, 50 for the run of the last step and 30 for the queue before it.
  world.send(world.now + 300ms);
  CHECK(world.inner.waiting.at(0).submission.deadline == world.now + 210ms);
  // The queue that was seen is forgotten after a second, the runs after five.
  world.now += 1100ms;
  world.send(world.now + 300ms);
  CHECK(world.inner.waiting.at(1).submission.deadline == world.now + 240ms);
  world.now += 4s;
  CHECK(world.send(world.now + 1ms)->times == 0);
}

TEST_CASE("a part that fails ends the others, and its step is named") {
  World world;
  const auto answer = world.send();
  world.inner.answer(0, {octets("boxes", {1, 4}, "aaaa")});
  world.inner.answer(0, {bytes("crops", {"a", "b", "c"})});
  REQUIRE(world.inner.waiting.size() == 3);
  Served broken;
  broken.error = Error{Code::unavailable, "the model broke"};
  world.inner.answer(1, std::move(broken));
  REQUIRE(answer->times == 1);
  CHECK(answer->served.error->text() == "step classify: the model broke");
  CHECK(world.inner.waiting.empty());
  CHECK(world.inner.cancelled == 2);
  CHECK(world.outcome("failed") == 1);
}

TEST_CASE("a step that is refused is a refusal of the whole") {
  World world;
  world.inner.at_once = [](const Submission&) {
    Served served;
    served.declined = Declined{.why = Declined::Why::overloaded, .what = "the queue is full", .retry_after = 7ms};
    return std::optional(served);
  };
  const auto answer = world.send();
  REQUIRE(answer->times == 1);
  CHECK(answer->served.declined->what == "step detect: the queue is full");
  CHECK(answer->served.declined->retry_after == 7ms);
  CHECK_FALSE(answer->served.declined->waited);
}

TEST_CASE("models that say something else than their shapes break nothing") {
  World world;
  const auto short_data = world.send();
  world.inner.answer(0, {octets("boxes", {2, 4}, "aaaa")});
  REQUIRE(short_data->times == 1);
  CHECK(short_data->served.error->text().starts_with("step detect: output 'boxes': "));
  const auto missing = world.send();
  world.inner.answer(0, {octets("rectangles", {1, 4}, "aaaa")});
  CHECK(missing->served.error->text() == "step detect: the model has no output 'boxes'");
  const auto uneven = world.send();
  world.inner.answer(0, {octets("boxes", {1, 4}, "aaaa")});
  world.inner.answer(0, {bytes("crops", {"a", "b"})});
  world.inner.answer(0, {octets("kind", {1, 2}, "AA")});
  world.inner.answer(0, {octets("kind", {1, 3}, "AAA")});
  CHECK(uneven->served.error->text().starts_with("step classify: output 'kind': has shape [1,3] for one element"));
}

TEST_CASE("a pipeline says what it takes and answers once all its models are there") {
  World world;
  const auto* info = world.pipelines.find("street", "");
  REQUIRE(info != nullptr);
  REQUIRE(info->inputs.size() == 1);
  CHECK(info->inputs[0].name == "image");
  REQUIRE(info->outputs.size() == 2);
  CHECK(info->outputs[1].name == "kind");
  CHECK(info->outputs[1].shape == std::vector<int64_t>{-1, 2});
  CHECK(world.pipelines.find("street", "2") == nullptr);
  CHECK(world.pipelines.find("other", "")->name == "other");
  CHECK(world.pipelines.find("nothing", "") == nullptr);
  world.inner.models["street.crop"].outputs[0].name = "cuts";
  CHECK(world.pipelines.check("street").error().text() == "step crop: the model has no output 'crops'");
  world.inner.models.erase("street.crop");
  CHECK(world.pipelines.find("street", "") == nullptr);
  CHECK(world.pipelines.check("street").error().code == Code::unavailable);
  CHECK(world.pipelines.why_not("street", "").what == "pipeline street: step crop: its model is not loaded");
  CHECK(world.send()->served.declined->why == Declined::Why::not_ready);
}

TEST_CASE("other models pass through, and bad inputs are named") {
  World world;
  const auto other = world.send({}, "other");
  world.inner.answer(0, {octets("y", {1}, "a")});
  CHECK(other->served.outputs.at(0).data == "a");
  world.send({}, "other");
  world.pipelines.cancel(world.last);
  CHECK(world.inner.waiting.empty());
  const auto answer = std::make_shared<World::Answer>();
  Submission submission{.model = "street"};
  submission.request.inputs = {octets("image", {3}, "ab")};
  world.pipelines.submit(submission, [answer](Served served) { answer->served = std::move(served); });
  CHECK(answer->served.error->text().starts_with("input 'image': "));
  submission.request.inputs.clear();
  world.pipelines.submit(submission, [answer](Served served) { answer->served = std::move(served); });
  CHECK(answer->served.error->text() == "input 'image': is missing");
}

TEST_CASE("every request ends once, or not at all if it is cancelled; nothing of it is left beneath") {
  REQUIRE(rc::check("conservation", [] {
    World world;
    struct Sent {
      std::shared_ptr<World::Answer> answer;
      uint64_t id;
      bool cancelled = false;
    };
    std::vector<Sent> sent;
    const auto some_served = [&](const std::string& model) {
      Served served;
      const int luck = *rc::gen::inRange(0, 10);
      if (luck == 0) {
        served.error = Error{Code::unavailable, "broke"};
      } else if (luck == 1) {
        served.declined = Declined{};
      } else if (model == "street.detect") {
        served.outputs = {octets("boxes", {1, 4}, "aaaa")};
      } else if (model == "street.crop") {
        served.outputs = {bytes("crops", std::vector<std::string>(static_cast<size_t>(*rc::gen::inRange(0, 6)), "c"))};
      } else {
        served.outputs = {octets("kind", {1, 2}, "AA")};
      }
      return served;
    };
    world.inner.at_once = [&](const Submission& submission) {
      return *rc::gen::inRange(0, 4) == 0 ? std::optional(some_served(submission.model)) : std::nullopt;
    };
    const int steps = *rc::gen::inRange(1, 80);
    for (int i = 0; i < steps; ++i) {
      world.now += Duration(*rc::gen::inRange(0, 20'000'000));
      const int what = *rc::gen::inRange(0, 6);
      if (what == 0) {
        auto answer = world.send(*rc::gen::element(std::optional<Time>(), std::optional(world.now + 100ms)));
        sent.push_back({answer, world.last});
      } else if (what == 1 && !sent.empty()) {
        Sent& one = sent[*rc::gen::inRange<size_t>(0, sent.size())];
        if (one.answer->times > 0) continue;
        one.cancelled = true;
        world.pipelines.cancel(one.id);
      } else if (!world.inner.waiting.empty()) {
        const size_t index = *rc::gen::inRange<size_t>(0, world.inner.waiting.size());
        world.inner.answer(index, some_served(world.inner.waiting[index].submission.model));
      }
    }
    world.inner.at_once = {};
    while (!world.inner.waiting.empty()) {
      world.inner.answer(0, some_served(world.inner.waiting[0].submission.model));
    }
    RC_ASSERT(world.pipelines.in_flight() == 0u);
    for (const Sent& one : sent) RC_ASSERT(one.answer->times == (one.cancelled ? 0u : 1u));
  }));
}

TEST_CASE("a tensor taken apart and put together is the same") {
  REQUIRE(rc::check("split and join", [] {
    const auto texts = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(rc::gen::string<std::string>()));
    const Tensor tensor = bytes("t", texts);
    auto parts = split_tensor(tensor, texts.size());
    RC_ASSERT(parts.has_value() && parts->size() == texts.size());
    const auto whole = join_tensors(std::move(*parts));
    RC_ASSERT(whole.has_value() && whole->data == tensor.data && whole->shape == tensor.shape);
  }));
  const Tensor matrix = octets("m", {3, 2}, "aabbcc");
  auto parts = split_tensor(matrix, 2);
  REQUIRE(parts->size() == 2);
  CHECK(parts->at(1).data == "bb");
  CHECK_FALSE(split_tensor(octets("s", {}, "a"), 2));
}

}  // namespace barrio::engine::pipeline_test
