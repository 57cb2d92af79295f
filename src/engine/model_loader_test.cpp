#include "engine/model_loader.h"

#include <doctest/doctest.h>

#include "engine/fake_model_test.h"

namespace barrio::engine::model_loader_test {

namespace {

/// Counts its runs by batch size; refuses zeros if it is told so.
class CountingModel final : public ports::Model {
 public:
  explicit CountingModel(ports::ModelInfo info, bool refuses = false) : info_(std::move(info)), refuses_(refuses) {}
  const ports::ModelInfo& info() const override { return info_; }
  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override {
    CHECK(batch.size() <= info_.max_batch);
    sizes.push_back(batch.size());
    std::vector<Result<ports::Outputs>> answers(batch.size(), ports::Outputs{});
    if (refuses_) answers.back() = fail(Code::invalid, "zeros");
    return answers;
  }
  std::vector<size_t> sizes;

 private:
  ports::ModelInfo info_;
  bool refuses_;
};

ports::ModelInfo info_of(std::vector<int64_t> shape, size_t max_batch, ports::DataType type = ports::DataType::FP32) {
  return {"m", "fake", {{"x", type, std::move(shape)}}, {}, max_batch};
}

std::optional<decide::Profile> measured(const ports::ModelInfo& info, size_t most = 256) {
  CountingModel model(info);
  return measure(model, most);
}

}  // namespace

TEST_CASE("a profile is measured for doubling batches up to the largest, and covers those between") {
  CountingModel model(info_of({-1, 3, 8}, 6));
  const auto profile = measure(model, 256);
  REQUIRE(profile);
  CHECK(profile->max_batch() == 6);
  for (size_t batch = 1; batch <= 6; ++batch) CHECK(profile->of(batch) > Duration::zero());
  std::vector<size_t> distinct = model.sizes;
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  CHECK(distinct == std::vector<size_t>{1, 2, 4, 6});
  CHECK(measured(info_of({-1, 3}, 64), 2)->max_batch() == 2);
}

TEST_CASE("nothing is measured where zeros are not like a request") {
  CHECK_FALSE(measured(info_of({1}, 1, ports::DataType::BYTES)));
  CHECK_FALSE(measured(info_of({-1, -1, 3}, 8)));
  CHECK_FALSE(measured(info_of({-1}, 1)));
  CHECK_FALSE(measured(info_of({1 << 30}, 1)));
  CHECK(measured(info_of({3, 4}, 1))->max_batch() == 1);
  CountingModel refusing(info_of({3, 4}, 1), true);
  CHECK_FALSE(measure(refusing, 1));
}

TEST_CASE("a model is run once before it is served, and one that takes bytes is not") {
  CountingModel model(info_of({-1, -1}, 8));
  warm(model);
  CHECK(model.sizes == std::vector<size_t>{1});
  CountingModel bytes(info_of({1}, 1, ports::DataType::BYTES));
  warm(bytes);
  CHECK(bytes.sizes.empty());
}

TEST_CASE("one instance is loaded for each slot, and the first failure is what is told") {
  net::Reactor reactor;
  FakeBackend backend;
  ModelLoader loader(reactor, 2);
  std::optional<Result<LoadedModel>> answer;
  const auto load = [&](const std::string& builtin) {
    answer.reset();
    loader.load({.backend = &backend, .spec = {"m", builtin, ""}, .instances = 5},
                [&](Result<LoadedModel> loaded) { answer = std::move(loaded); });
    const Time limit = reactor.fresh_now() + 10s;
    while (!answer && reactor.now() < limit) reactor.turn(100ms);
    REQUIRE(answer);
  };
  load("good");
  REQUIRE(*answer);
  REQUIRE((*answer)->instances.size() == 5);
  for (const auto& instance : (*answer)->instances) CHECK(instance->info().name == "m");
  bool freed = false;
  loader.free(std::move((*answer)->instances), [&] { freed = true; });
  while (!freed) reactor.turn(100ms);
  load("bad");
  REQUIRE_FALSE(*answer);
  CHECK(answer->error().text() == "bad: no model in it");
}

}  // namespace barrio::engine::model_loader_test
