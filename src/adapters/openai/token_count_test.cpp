#include "adapters/openai/token_count.h"

#include <doctest/doctest.h>

namespace barrio::adapters::openai::token_count_test {

namespace {

/// All that was counted.
struct Sum {
  TokenCount count;
  ports::Tokens all;
  std::string read(std::string_view json) {
    const auto piece = count.read(json);
    all.in += piece.more.in;
    all.out += piece.more.out;
    return std::string(piece.json);
  }
  void end() {
    const ports::Tokens more = count.rest();
    all.in += more.in;
    all.out += more.out;
  }
};

Sum stream() {
  return {TokenCount({.streams = true, .prompt_guess = 50}), {}};
}

Sum whole() {
  return {TokenCount({.prompt_guess = 50, .bytes_per_token = 4}), {}};
}

}  // namespace

TEST_CASE("a stream's pieces are a token each until the server says more; what is counted is not taken back") {
  Sum more = stream();
  more.read(R"({"choices":[{"delta":{"content":"a"}}]})");
  CHECK(more.all.out == 1);
  more.read(R"({"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":20}})");
  more.end();
  CHECK(more.all.in == 8);
  CHECK(more.all.out == 20);
  Sum fewer = stream();
  for (int i = 0; i < 3; ++i) fewer.read(R"({"choices":[{"text":"a"}]})");
  fewer.read(R"({"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2}})");
  fewer.end();
  CHECK(fewer.all.in == 8);
  CHECK(fewer.all.out == 3);
}

TEST_CASE("only what adds text is a token: contents, reasoning, arguments of calls") {
  Sum sum = stream();
  for (const char* nothing :
       {R"({"choices":[{"delta":{"role":"assistant"}}]})", R"({"choices":[{"delta":{"content":null}}]})",
        R"({"choices":[{"delta":{},"finish_reason":"stop"}]})", R"({"choices":[]})", R"({"choices":7})", "[]", "1",
        "no"})
    CHECK(sum.read(nothing) == nothing);
  CHECK(sum.all.none());
  sum.end();
  CHECK(sum.all.none());
  sum.read(R"({"choices":[{"delta":{"reasoning_content":"hm"}}]})");
  sum.read(R"({"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\"a\""}}]}}]})");
  CHECK(sum.all.out == 2);
  sum.end();
  CHECK(sum.all.in == 50);
  sum.end();
  CHECK(sum.all.in == 50);
}

TEST_CASE("a whole answer's usage is found behind texts that look like one, and guessed where there is none") {
  Sum said = whole();
  said.read(R"({"usage":{"prompt_tokens":4,"completion_tokens":6,"prompt_tokens_details":{"cached_tokens":1}},)"
            R"("choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":1000}"}}],"note":"usage"})");
  said.end();
  CHECK(said.all.in == 4);
  CHECK(said.all.out == 6);
  Sum guessed = whole();
  guessed.read(R"({"choices":[{"message":{"content":"ten letters"}}]})");
  guessed.end();
  CHECK(guessed.all.in == 50);
  CHECK(guessed.all.out == 3);
  for (const char* odd :
       {R"({"usage":{"prompt_tokens":-1,"completion_tokens":1e30}})", R"({"usage":{"prompt_tokens":"9"}})"}) {
    Sum sum = whole();
    sum.read(odd);
    CHECK(sum.all.none());
  }
  Sum most = whole();
  most.read(R"({"usage":{"prompt_tokens":9000000000000000000,"completion_tokens":1}})");
  CHECK(most.all.in == 1'000'000'000);
}

}  // namespace barrio::adapters::openai::token_count_test
