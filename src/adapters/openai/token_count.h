#pragma once
// How many tokens one answer takes. Its server says so in `usage`: in a whole answer, and at the end of a stream (or
// with each piece), where it was asked to. Until it does, a piece with text counts as one token for each choice that
// has some: servers send each token as soon as it is there, and what they gather is more. What was counted is never
// taken back, so what a caller holds is counted before it has it. Pure.

#include <string>
#include <string_view>

#include "ports/generation_backend.h"

namespace barrio::adapters::openai {

class TokenCount {
 public:
  struct Answer {
    bool streams = false;
    bool caller_sees = false;    // what the server says in a stream, since it asked for that itself
    uint64_t prompt_guess = 0;   // where the server never says
    double bytes_per_token = 4;  // the same, of a whole answer
  };
  struct Piece {
    ports::Tokens more;     // than before
    std::string_view json;  // as it goes on to the caller, until the next call; empty: it is not the caller's
  };

  TokenCount() = default;
  explicit TokenCount(const Answer& answer) : answer_(answer) {}
  /// A chunk of a stream, or all of a whole answer.
  Piece read(std::string_view json);
  /// The answer is over, or nobody reads on.
  ports::Tokens rest();
  /// Of the prompt, as the server said; 0: it has not.
  uint64_t prompt() const { return prompt_said_ ? counted_.in : 0; }

 private:
  Piece read_chunk(std::string_view json);
  ports::Tokens read_whole(std::string_view json);
  ports::Tokens grow(ports::Tokens to);

  Answer answer_;
  ports::Tokens counted_;
  bool prompt_said_ = false;
  bool begun_ = false;  // there was text
  std::string own_;     // a chunk that was written anew
};

}  // namespace barrio::adapters::openai
