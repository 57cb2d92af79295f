#include "ports/batch.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <numeric>

#include "ports/tensor.h"

namespace barrio::ports::batch_test {

namespace {

ModelInfo model_of(DataType type = DataType::UINT8) {
  return {"m", "test", {{"a", type, {-1, -1}}, {"b", type, {-1}}}, {{"y", type, {-1, -1}}}, 8};
}

/// `rows` rows of two bytes for a, and as many of one for b, all of value `fill`.
InferenceRequest request_of(int64_t rows, char fill, int64_t width = 2) {
  const auto n = static_cast<size_t>(rows);
  return {{{"a", DataType::UINT8, {rows, width}, std::string(n * static_cast<size_t>(width), fill)},
           {"b", DataType::UINT8, {rows}, std::string(n, fill)}},
          ""};
}

std::vector<size_t> all_of(const std::vector<InferenceRequest>& batch) {
  std::vector<size_t> positions(batch.size());
  std::iota(positions.begin(), positions.end(), size_t{0});
  return positions;
}

}  // namespace

TEST_CASE("requests that differ only in their rows run as one") {
  std::vector batch{request_of(1, 'x'), request_of(2, 'y'), request_of(1, 'z')};
  batch[1].deadline = Time(5s);
  std::swap(batch[2].inputs[0], batch[2].inputs[1]);  // the order of inputs is the caller's
  const auto groups = join(model_of(), batch, all_of(batch), 8);
  REQUIRE(groups.size() == 1);
  CHECK(groups[0].members == std::vector<size_t>{0, 1, 2});
  CHECK(groups[0].rows == std::vector<int64_t>{1, 2, 1});
  CHECK(groups[0].request.inputs[0].shape == std::vector<int64_t>{4, 2});
  CHECK(groups[0].request.inputs[0].data == "xxyyyyzz");
  CHECK(groups[0].request.inputs[1].data == "xyyz");
  CHECK(groups[0].request.deadline == Time(5s));
}

TEST_CASE("what does not fit together runs apart") {
  std::vector batch{request_of(1, 'x'), request_of(1, 'y', 3), request_of(1, 'z')};
  batch.push_back(request_of(2, 'q'));
  batch[3].inputs[1] = {"b", DataType::UINT8, {1}, "q"};  // its inputs have different rows
  const auto groups = join(model_of(), batch, all_of(batch), 8);
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].members == std::vector<size_t>{0, 2});
  CHECK(groups[1].members == std::vector<size_t>{1});
  CHECK(groups[2].members == std::vector<size_t>{3});
  CHECK(groups[1].request.inputs.empty());
}

TEST_CASE("requests that say different things to the model run apart") {
  std::vector batch{request_of(1, 'a'), request_of(1, 'b'), request_of(1, 'c')};
  batch[0].parameters = batch[2].parameters = {{"threshold", 0.5}};
  const auto groups = join(model_of(), batch, all_of(batch), 8);
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].members == std::vector<size_t>{0, 2});
  CHECK(groups[0].request.parameters == batch[0].parameters);
}

TEST_CASE("a group has no more rows than the model takes; what is larger alone stays whole") {
  const std::vector batch{request_of(3, 'a'), request_of(3, 'b'), request_of(1, 'c'), request_of(9, 'd')};
  const auto groups = join(model_of(), batch, all_of(batch), 4);
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].members == std::vector<size_t>{0, 2});
  CHECK(groups[1].members == std::vector<size_t>{1});
  CHECK(groups[2].members == std::vector<size_t>{3});
}

TEST_CASE("only the wanted requests are grouped, and a stream's name stays only where all share it") {
  std::vector batch{request_of(1, 'a'), request_of(1, 'b'), request_of(1, 'c')};
  batch[0].stream = batch[2].stream = "north";
  const std::vector<size_t> wanted{0, 2};
  const auto groups = join(model_of(), batch, wanted, 8);
  REQUIRE(groups.size() == 1);
  CHECK(groups[0].request.stream == "north");
  CHECK(groups[0].request.inputs[1].data == "ac");
  CHECK(join(model_of(), batch, all_of(batch), 8)[0].request.stream.empty());
}

TEST_CASE("a model with a fixed first dimension anywhere is never joined") {
  const std::vector batch{request_of(1, 'x'), request_of(1, 'y')};
  auto model = model_of();
  CHECK(may_join(model));
  model.outputs[0].shape = {1, -1};
  CHECK_FALSE(may_join(model));
  CHECK(join(model, batch, all_of(batch), 8).size() == 2);
  model = model_of();
  model.inputs[1].shape = {};
  CHECK_FALSE(may_join(model));
  CHECK_FALSE(may_join({"m", "test", {}, {}, 8}));
}

TEST_CASE("outputs whose rows do not add up cannot be taken apart") {
  const std::vector<int64_t> rows{1, 2};
  CHECK_FALSE(split({{"y", DataType::UINT8, {4}, "abcd"}}, rows));
  CHECK_FALSE(split({{"y", DataType::UINT8, {}, "a"}}, rows));
  CHECK_FALSE(split({{"y", DataType::UINT8, {3}, "ab"}}, rows));
  CHECK_FALSE(split({{"y", DataType::BYTES, {3}, "abc"}}, rows));
  const auto parts = split({{"y", DataType::UINT8, {3}, "abc"}}, rows);
  REQUIRE(parts);
  CHECK((*parts)[1][0].data == "bc");
}

TEST_CASE("BYTES go by elements, not by size") {
  const Outputs together{{"y", DataType::BYTES, {3}, pack_bytes("one") + pack_bytes("") + pack_bytes("three")}};
  const std::vector<int64_t> rows{2, 1};
  const auto parts = split(together, rows);
  REQUIRE(parts);
  CHECK((*parts)[0][0].data == pack_bytes("one") + pack_bytes(""));
  CHECK((*parts)[1][0].data == pack_bytes("three"));
  CHECK((*parts)[1][0].shape == std::vector<int64_t>{1});
}

TEST_CASE("what an echoing model answers comes back to each request unchanged, in any mix") {
  CHECK(rc::check([] {
    const auto sizes = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 12));
    const auto most = *rc::gen::inRange<int64_t>(1, 10);
    std::vector<InferenceRequest> batch;
    for (size_t i = 0; i < sizes.size(); ++i)
      batch.push_back(request_of(sizes[i] % 4, static_cast<char>('a' + i % 26), 1 + sizes[i] / 4));
    std::vector<std::string> answers(batch.size(), "none");
    for (const Joined& group : join(model_of(), batch, all_of(batch), most)) {
      const bool alone = group.members.size() == 1;
      const InferenceRequest& run = alone ? batch[group.members[0]] : group.request;
      RC_ASSERT(alone || std::accumulate(group.rows.begin(), group.rows.end(), int64_t{0}) <= most);
      if (alone) {
        answers[group.members[0]] = run.inputs[0].data;
        continue;
      }
      const auto parts = split({run.inputs[0]}, group.rows);
      RC_ASSERT(parts.has_value());
      for (size_t i = 0; i < group.members.size(); ++i) answers[group.members[i]] = (*parts)[i][0].data;
    }
    for (size_t i = 0; i < batch.size(); ++i) RC_ASSERT(answers[i] == batch[i].inputs[0].data);
  }));
}

}  // namespace barrio::ports::batch_test
