#pragma once
// One request for text on its way to a GenerationBackend, and the answer back: whole, or as server-sent events. What a
// slow client does not read stops its server from writing. Knows no dialect; lives on the loop.
//
// Request fields beside those of request_fields.h:
//   Barrio-First-Token-Ms: 500     the answer is worthless if it begins later
// The deadline of an answer that streams is that of its beginning, too; that of a whole one, of its end.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/metrics.h"
#include "engine/request_fields.h"
#include "net/server.h"
#include "ports/generation_backend.h"

namespace barrio::engine {

struct GenerationLimits {
  size_t body_bytes = 16 * 1024 * 1024;      // over it: 413
  std::optional<Duration> first_token = {};  // of requests that stream and say nothing
};

struct GenerationMetrics {
  explicit GenerationMetrics(Registry& registry);
  Counter& answered;
  Counter& refused;   // 429: it could not begin in time
  Counter& rejected;  // other 4xx
  Counter& failed;
  Counter& cancelled;  // the client left
  Counter& tokens_in;
  Counter& tokens_out;
  Histogram& first_piece;  // from the request's first byte
};

/// So many more tokens are on somebody's bill.
using ChargeTokens = std::function<void(ports::Tokens more)>;

/// What the calls of a front share.
struct GenerationParts {
  net::Reactor& reactor;
  ports::GenerationBackend& backend;
  GenerationMetrics& metrics;
  const GenerationLimits& limits;
  const ChargeTokens& charge;  // none: nobody is to pay
};

/// An answer that is no event stream. Bodies are JSON.
struct GenerationReply {
  int status = 200;
  std::string body;
  Duration retry_after{};  // zero: none
};

/// How one dialect asks and answers.
class GenerationDialect {
 public:
  virtual ~GenerationDialect() = default;
  /// What the body asks for: all but tenant and times. Errors: see bad_request.
  virtual Result<ports::GenerationRequest> read(std::string body) = 0;
  /// A piece of the backend's, in the dialect's words.
  virtual std::string piece(std::string_view json) = 0;
  /// What ends an event stream, as it stands on the wire.
  virtual std::string_view last_event() const = 0;
  virtual GenerationReply bad_request(const Error& error) const = 0;
  virtual GenerationReply too_long(size_t most) const = 0;
  virtual GenerationReply failure(const ports::GenerationFailure& failure) const = 0;
};

/// From the request's head to its end.
class GenerationCall final : private ports::GenerationSink {
 public:
  GenerationCall(net::Exchange& exchange, const GenerationParts& parts, std::unique_ptr<GenerationDialect> dialect);
  ~GenerationCall() override;
  GenerationCall(const GenerationCall&) = delete;
  GenerationCall& operator=(const GenerationCall&) = delete;

  void body(std::string_view piece);
  void ended();
  void writable();

 private:
  bool on_piece(std::string_view json) override;
  void on_tokens(ports::Tokens more) override;
  void on_end() override;
  void on_failure(ports::GenerationFailure failure) override;

  Result<ports::GenerationRequest> read();
  void reply(const GenerationReply& reply);
  bool send_event(std::string_view json);

  net::Exchange& exchange_;
  GenerationParts parts_;
  std::unique_ptr<GenerationDialect> dialect_;
  std::string body_;
  uint64_t id_ = 0;  // of what was started and is not over
  bool streams_ = false;
  bool begun_ = false;  // an event has been sent
  bool over_ = false;   // answered
  bool ended_ = false;  // the backend has said its last
};

}  // namespace barrio::engine
