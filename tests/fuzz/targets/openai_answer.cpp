// Answers of a server of OpenAI's API: whose tokens are counted, and what of a stream goes on to the caller. Each line
// is a piece.

#include "adapters/openai/token_count.h"
#include "base/check.h"
#include "base/json.h"
#include "base/text.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

using adapters::openai::TokenCount;

constexpr uint64_t most = 1'000'000'000;

ports::Tokens count(std::string_view input, const TokenCount::Answer& answer) {
  TokenCount count(answer);
  ports::Tokens all;
  const auto add = [&](ports::Tokens more) {
    all.in += more.in;
    all.out += more.out;
  };
  for (const std::string_view piece : split(input, '\n')) {
    const auto read = count.read(piece);
    add(read.more);
    const bool is_json = parse_json(piece).has_value();
    if (!answer.streams || answer.caller_sees || !is_json) CHECK(read.json == piece);
    if (answer.streams && is_json && !read.json.empty()) CHECK(parse_json(read.json).has_value());
  }
  add(count.rest());
  CHECK(count.rest().none());
  CHECK(all.in <= most + answer.prompt_guess && all.out <= most + input.size());
  return all;
}

}  // namespace

void run_target(std::string_view input) {
  const auto hidden = count(input, {.streams = true, .prompt_guess = 9});
  const auto seen = count(input, {.streams = true, .caller_sees = true, .prompt_guess = 9});
  CHECK(hidden.in == seen.in && hidden.out == seen.out);
  count(input, {.prompt_guess = 9});
}

}  // namespace barrio::fuzz
