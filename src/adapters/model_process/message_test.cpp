#include "adapters/model_process/message.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "ports/tensor.h"

namespace barrio::adapters::message_test {
using ports::DataType;
using ports::Tensor;

namespace {

std::string joined(const Message& message) {
  std::string bodies;
  for (std::string_view body : message.bodies) bodies += body;
  return bodies;
}

ports::ModelInfo two_outputs() {
  ports::ModelInfo info{"m", "test", {}, {}, 8};
  info.inputs = {{"image", DataType::FP32, {1, -1}}};
  info.outputs = {{"boxes", DataType::FP32, {-1, 4}}, {"words", DataType::BYTES, {-1}}};
  return info;
}

Tensor boxes(int64_t count) {
  return {"boxes", DataType::FP32, {count, 4}, std::string(static_cast<size_t>(count) * 16, 'x')};
}

Result<Answers> sent(const Answers& answers) {
  const Message message = pack_answers(answers);
  return unpack_answers(message.head, joined(message), answers.size(), two_outputs());
}

std::string refusal(Tensor output) {
  const auto taken = sent({ports::Outputs{std::move(output)}});
  return taken ? "taken" : taken.error().text();
}

}  // namespace

TEST_CASE("an order, a description and requests come out as they went in") {
  const auto order = unpack_load(pack_load({{"sobel", "", "/m.onnx"}, mib(64)}).head);
  REQUIRE(order);
  CHECK(order->spec.name == "sobel");
  CHECK(order->spec.path == "/m.onnx");
  CHECK(order->memory == mib(64));

  const auto loaded = unpack_loaded(pack_loaded({two_outputs(), "no namespaces"}).head);
  REQUIRE(loaded);
  CHECK(loaded->info.inputs[0].shape == std::vector<int64_t>{1, -1});
  CHECK(loaded->info.outputs[1].datatype == DataType::BYTES);
  CHECK(loaded->info.max_batch == 8);
  CHECK(loaded->unconfined == "no namespaces");

  const ports::InferenceRequest first{{boxes(1), boxes(2)}, "cam", Time{5s}};
  const ports::InferenceRequest second{{}, ""};
  const ports::InferenceRequest* batch[] = {&first, &second};
  const Message message = pack_requests(batch);
  const auto requests = unpack_requests(message.head, joined(message));
  REQUIRE(requests);
  REQUIRE(requests->size() == 2);
  CHECK(requests->at(0).stream == "cam");
  CHECK(requests->at(0).deadline == Time{5s});
  CHECK(requests->at(0).inputs[1].data == first.inputs[1].data);
  CHECK(requests->at(0).inputs[1].shape == std::vector<int64_t>{2, 4});
  CHECK_FALSE(requests->at(1).deadline.has_value());
}

TEST_CASE("answers come out as they went in, failures among them") {
  const Tensor words{"words", DataType::BYTES, {1}, ports::pack_bytes("hello")};
  const auto answers = sent({ports::Outputs{boxes(2), words}, Result<ports::Outputs>(fail(Code::exhausted, "full"))});
  REQUIRE(answers);
  REQUIRE(answers->at(0));
  CHECK(answers->at(0)->at(0).data == boxes(2).data);
  CHECK(answers->at(0)->at(1).data == words.data);
  CHECK(answers->at(1).error().code == Code::exhausted);
  CHECK(answers->at(1).error().what == "full");
}

TEST_CASE("answers that do not fit the model are refused, each with its reason") {
  CHECK(refusal(boxes(3)) == "taken");
  CHECK(refusal({"cats", DataType::FP32, {1}, "1234"}) == "output 'cats': is not one of the model's");
  CHECK(refusal({"boxes", DataType::INT32, {1}, "1234"}) == "output 'boxes': is not of the type it was declared with");
  CHECK(refusal({"boxes", DataType::FP32, {2}, "1234"}).find("output 'boxes': the data has 4 bytes") == 0);
  CHECK(refusal({"boxes", DataType::FP32, {-1}, "1234"}).find("negative") != std::string::npos);
  CHECK(refusal({"boxes", DataType::FP32, {int64_t{1} << 62, 4}, ""}).find("too many") != std::string::npos);
  CHECK(refusal({"words", DataType::BYTES, {1}, std::string("\xff\xff\xff\xff", 4)}).find("4294967295 bytes") !=
        std::string::npos);
  CHECK(sent({ports::Outputs{boxes(1), boxes(1)}}).error().text() == "output 'boxes': is there twice");
  const std::vector<Result<ports::Outputs>> one{ports::Outputs{boxes(1)}};  // the message only points into it
  const Message message = pack_answers(one);
  CHECK_FALSE(unpack_answers(message.head, joined(message), 2, two_outputs()));
  CHECK_FALSE(unpack_answers(message.head, joined(message) + "more", 1, two_outputs()));
  CHECK_FALSE(unpack_answers(message.head + "more", joined(message), 1, two_outputs()));
}

TEST_CASE("descriptions that nothing of ours could carry are refused") {
  const auto refused = [](auto change) {
    Loaded loaded{two_outputs(), ""};
    change(loaded.info);
    return !unpack_loaded(pack_loaded(loaded).head);
  };
  CHECK_FALSE(refused([](ports::ModelInfo&) {}));
  CHECK(refused([](ports::ModelInfo& info) { info.max_batch = 0; }));
  CHECK(refused([](ports::ModelInfo& info) { info.max_batch = 1u << 30; }));
  CHECK(refused([](ports::ModelInfo& info) { info.inputs[0].name = "\xff"; }));
  CHECK(refused([](ports::ModelInfo& info) { info.inputs[0].name = std::string(2000, 'n'); }));
  CHECK(refused([](ports::ModelInfo& info) { info.inputs.push_back(info.inputs[0]); }));
  CHECK(refused([](ports::ModelInfo& info) { info.inputs[0].shape = {-2}; }));
  CHECK(refused([](ports::ModelInfo& info) { info.inputs[0].shape.assign(17, 1); }));
  CHECK(refused([](ports::ModelInfo& info) { info.outputs.assign(2000, info.outputs[0]); }));
}

TEST_CASE("a stranger's words are made fit for a log") {
  const Error error = unpack_error(pack_error({Code::invalid, "bad\nmodel", "f"}).head);
  CHECK(error.code == Code::invalid);
  CHECK(error.text() == "f: bad?model");
  CHECK(unpack_error("").code == Code::unavailable);
}

TEST_CASE("no bytes, however changed, are believed beyond their end") {
  const Tensor words{"words", DataType::BYTES, {2}, ports::pack_bytes("hello") + ports::pack_bytes("you")};
  const std::vector<Result<ports::Outputs>> both{ports::Outputs{boxes(2), words}, ports::Outputs{boxes(1)}};
  const Message answers = pack_answers(both);
  const Message loaded = pack_loaded({two_outputs(), "x"});
  const std::string bodies = joined(answers);
  CHECK(rc::check("what is taken fits the model", [&](size_t position, char value, size_t length, bool cut) {
    std::string head = answers.head;
    head[position % head.size()] = value;
    if (cut) head.resize(length % head.size());
    const auto taken = unpack_answers(head, bodies, 2, two_outputs());
    if (!taken) return;
    for (const auto& answer : *taken) {
      if (!answer) continue;
      for (const Tensor& output : *answer) RC_ASSERT(ports::check_size(output).has_value());
    }
  }));
  CHECK(rc::check("a description is whole or refused", [&](size_t position, char value, size_t length, bool cut) {
    std::string head = loaded.head;
    head[position % head.size()] = value;
    if (cut) head.resize(length % head.size());
    const auto taken = unpack_loaded(head);
    RC_ASSERT(!taken || taken->info.max_batch > 0);
    (void)unpack_error(head);
  }));
}

}  // namespace barrio::adapters::message_test
