#pragma once
// Seeded changes to an input: what libFuzzer does without its feedback, so that plain builds look a little further than
// the corpus.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"

namespace barrio::fuzz {

inline constexpr size_t most_input_bytes = 4096;

/// A few random changes; pieces of other files of `corpus` and words of `dictionary` may come in.
std::string mutate(std::string input, std::span<const std::string> corpus, std::span<const std::string> dictionary,
                   Rng& rng);

/// The words of a libFuzzer dictionary: lines of name="text" with \xAB, \\ and \" as escapes.
std::vector<std::string> read_dictionary(std::string_view text);

}  // namespace barrio::fuzz
