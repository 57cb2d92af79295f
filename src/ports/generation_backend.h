#pragma once
// Text generation and embeddings that run elsewhere: servers that speak OpenAI's API (vLLM, NIM ...). What is asked and
// answered stays the JSON of that API, without its HTTP; fronts (engine) frame it for their callers.
//
// Everything happens on the caller's loop, nothing blocks.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace barrio::ports {

/// POST /v1/chat/completions, /v1/completions, /v1/embeddings.
enum class GenerationKind { chat, completion, embedding };

struct GenerationRequest {
  GenerationKind kind = GenerationKind::chat;
  std::string model;        // as the caller names it; the backend puts its server's own name into the body
  std::string body;         // the request object, valid JSON; its members are the caller's, known to us or not
  bool stream = false;      // as the body's "stream" says
  size_t prompt_bytes = 0;  // text that has to be read before the first token, for the backend's estimate
  std::optional<uint64_t> most_tokens;   // what the caller allows the answer; none: the model's default
  std::string tenant;                    // empty: the app's own
  std::optional<Time> first_token = {};  // the answer is worthless if it begins later
  std::optional<Time> deadline = {};     // and if it is not complete by then
};

/// What an answer takes, in the tokens of its model.
struct Tokens {
  uint64_t in = 0;   // of the prompt, or of the texts to embed
  uint64_t out = 0;  // of the answer
  bool none() const { return in == 0 && out == 0; }
};

/// Why there is no (whole) answer. Codes:
///   exhausted    it cannot begin in time, or too many wait: ask elsewhere, or again after `retry_after`
///   not_found    the model is not known     invalid      the server refused the request as such
///   timed_out    first_token or deadline passed           unavailable  no server, or it broke off
///   unsupported  this kind is not served
struct GenerationFailure {
  Error error;
  Duration retry_after{};  // zero: not known
  int status = 0;          // what the server answered, 4xx or 5xx; 0: it did not
  std::string body = {};   // its error object, if it sent one; at most 64 KiB
};

/// Who waits for one answer; lives until on_end, on_failure or cancel(). Calls may come before start() returns.
class GenerationSink {
 public:
  virtual ~GenerationSink() = default;
  /// Streamed: the JSON of one chunk ("data:" and "[DONE]" are taken off). Otherwise: the whole answer object, in one
  /// piece. False: no more until resume(), apart from what has been read already.
  virtual bool on_piece(std::string_view json) = 0;
  /// So much was used beyond what was said before. Of a piece, before on_piece; of the rest, before the last call.
  virtual void on_tokens(Tokens more) = 0;
  /// Complete. The last call.
  virtual void on_end() = 0;
  /// Over without (the rest of) an answer. The last call.
  virtual void on_failure(GenerationFailure failure) = 0;
};

struct GenerationModel {
  std::string name;
  std::string owner;   // "barrio", or what its server says
  WallTime created{};  // epoch: not known
  bool chat = true;    // kinds it answers
  bool embedding = true;
  bool ready = true;  // its server answers
};

class GenerationBackend {
 public:
  virtual ~GenerationBackend() = default;
  /// The number cancels; it is never 0 and means nothing after the sink's last call.
  virtual uint64_t start(GenerationRequest request, GenerationSink& sink) = 0;
  /// The caller is gone: the server is told (its connection or stream is closed) and the sink hears no more. Returns
  /// what was used until now and has not been said.
  virtual Tokens cancel(uint64_t id) = 0;
  /// After on_piece said false: there is room again.
  virtual void resume(uint64_t id) = 0;
  virtual std::vector<GenerationModel> models() const = 0;
};

}  // namespace barrio::ports
