#include "adapters/ort/plain_words.h"

#include <doctest/doctest.h>

namespace barrio::adapters::ort::plain_words_test {

TEST_CASE("what a client can mend stays, and places, functions and checks go") {
  CHECK(
      plain_words("Non-zero status code returned while running Reshape node. Name:'flatten' Status Message: "
                  "/onnxruntime_src/onnxruntime/core/providers/cpu/tensor/reshape_helper.h:47 "
                  "onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&, "
                  "onnxruntime::TensorShapeVector&, bool) input_shape_size == size was false. The input tensor cannot "
                  "be reshaped to the requested shape. Input shape:{1,3}, requested shape:{2,2}\n") ==
      "its node of kind Reshape, 'flatten': The input tensor cannot be reshaped to the requested shape. Input "
      "shape:{1,3}, requested shape:{2,2}");
  CHECK(plain_words("Non-zero status code returned while running Gather node. Name:'' Status Message: indices element "
                    "out of data bounds, idx=9 must be within the inclusive range [-3,2]") ==
        "its node of kind Gather: indices element out of data bounds, idx=9 must be within the inclusive range [-3,2]");
  CHECK(plain_words(
            "Load model from /models/a.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model.cc:181 "
            "onnxruntime::Model::Model(onnx::ModelProto&&, const PathString&, bool (*)(int), "
            "const onnxruntime::logging::Logger&) Unsupported model IR version: 99, max supported IR version: 10") ==
        "Load model from /models/a.onnx failed: Unsupported model IR version: 99, max supported IR version: 10");
  CHECK(
      plain_words("/a/b/element_wise_ops.h:663 void onnxruntime::(anonymous namespace)::BroadcastIterator::Append("
                  "ptrdiff_t, ptrdiff_t) const [with T = float] axis == 1 || axis == largest was false. Attempting to "
                  "broadcast an axis by a dimension other than 1. 2 by 3") ==
      "Attempting to broadcast an axis by a dimension other than 1. 2 by 3");
  CHECK(plain_words("Got invalid dimensions for input: x for the following indices\n index: 1 Got: 3 Expected: 2") ==
        "Got invalid dimensions for input: x for the following indices index: 1 Got: 3 Expected: 2");
}

TEST_CASE("what is all insides is said in other words, and what is long is cut") {
  CHECK(plain_words("/a/b.cc:7 onnxruntime::f(int) x > 0 was false.") == "it does not fit the model");
  CHECK(plain_words("std::bad_cast") == "it does not fit the model");
  CHECK(plain_words("").find("fit") != std::string::npos);
  CHECK(plain_words(std::string(5000, 'x')).size() < 700);
  // No place in a source, though it looks a little like one.
  CHECK(plain_words("the file a.cc:x is bad (really)") == "the file a.cc:x is bad (really)");
}

}  // namespace barrio::adapters::ort::plain_words_test
