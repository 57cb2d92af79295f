#pragma once
// Which server answers for a model, as one line: "url=http://127.0.0.1:8000,model=meta/llama-3,first_token=2s".
//   url           needed: http, https or unix, with or without /v1
//   model         its name there; else our own
//   key_file      a file with the key that the server asks for (Authorization: Bearer)
//   owner         as /v1/models tells it
//   kinds         text (chat and completions), embedding, or all (all)
//   first_token   the budget of requests that bring none; none: whenever it comes
//   usage         how the server is asked for the tokens of a stream (end): at its end (end), with each piece, too
//                 (pieces: vLLM and SGLang know that; streams that nobody reads to their end are exact then), or not
//                 (no)
//   timeout       of a whole answer, for requests without a deadline (10m)
//   metrics       how often its /metrics are read (500ms); 0s: never
//   unread, running, waiting, margin, rate
//                 decide::FirstTokenLimits

#include <string>

#include "base/json.h"
#include "decide/batching/first_token.h"
#include "net/url.h"

namespace barrio::adapters {

enum class AskUsage { no, end, pieces };
BARRIO_DESCRIBE_ENUM(AskUsage, no, end, pieces)

struct OpenaiSettings {
  std::string name;  // ours
  net::Url url;      // its path without /v1
  std::string model;
  std::string key;
  std::string owner = "barrio";
  bool text = true;
  bool embedding = true;
  Duration first_token{};  // zero: no budget
  AskUsage usage = AskUsage::end;
  Duration timeout = 10min;
  Duration metrics = 500ms;
  decide::FirstTokenLimits limits = {};

  /// Errors: invalid, naming the setting; not_found (key_file).
  static Result<OpenaiSettings> parse(const std::string& name, std::string_view text);
};

}  // namespace barrio::adapters
