#pragma once
// One gRPC call on an exchange: what comes is put together to messages, what goes gets its prefix, headers and
// trailers. Knows no methods. Owned by its front's call; lives on the loop.

#include <span>
#include <string>

#include "api/grpc/framing.h"
#include "api/grpc/status.h"
#include "net/server.h"

namespace barrio::engine {

/// How a call ends without (more of) an answer.
struct GrpcFailure {
  api::GrpcStatus status = api::GrpcStatus::unknown;
  std::string what = {};
  Duration retry_after{};                 // zero: not known; else said by grpc-retry-pushback-ms
  std::optional<Duration> earliest = {};  // said by barrio-earliest-ms
};
GrpcFailure grpc_failure(const Error& error);

class GrpcExchange {
 public:
  GrpcExchange(net::Exchange& exchange, size_t message_bytes) : exchange_(exchange), reader_(message_bytes) {}

  const net::RequestHead& head() const { return exchange_.request(); }
  Time first_byte() const { return exchange_.first_byte(); }
  /// The method is POST, and its messages are not compressed. Errors: unsupported.
  Result<void> check_head() const;

  /// Room for the prefix, to which a message is appended; then it goes to send().
  static std::string frame() { return std::string(api::grpc_prefix_size, '\0'); }
  void begin(std::span<const net::Header> headers = {});
  /// False: wait until the exchange is writable.
  bool send(std::string frame);
  /// After messages: status 0.
  void finish();
  /// begin, send and finish.
  void answer(std::string frame, std::span<const net::Header> headers = {});
  /// Where nothing was sent, this is all of the answer.
  void fail(const GrpcFailure& failure);
  bool over() const { return over_; }

  api::GrpcReader& reader() { return reader_; }
  void pause() { exchange_.pause(); }
  void resume() { exchange_.resume(); }

 private:
  net::Exchange& exchange_;
  api::GrpcReader reader_;
  bool begun_ = false;
  bool over_ = false;
};

}  // namespace barrio::engine
