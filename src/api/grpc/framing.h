#pragma once
// gRPC's Length-Prefixed-Message: one byte that says whether it is compressed, four of length (big-endian), the
// message.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio::api {

constexpr size_t grpc_prefix_size = 5;

/// Writes the prefix of a message that begins grpc_prefix_size bytes into `out` and ends with it.
void set_grpc_prefix(std::string& out);
/// The message with its prefix.
std::string grpc_frame(std::string_view message);

/// Puts messages together from the pieces of a body.
class GrpcReader {
 public:
  /// Messages longer than `most` bytes are refused.
  explicit GrpcReader(size_t most) : most_(most) {}

  /// Takes from the front of `piece` what belongs to the present message. True: it is complete, in message(). Call
  /// again until `piece` is empty and false is returned. Errors: unsupported (compressed), exhausted (too long),
  /// invalid; then it is over.
  Result<bool> read(std::string_view& piece);
  /// The complete message; it may be moved away.
  std::string& message() { return message_; }
  /// At the end of a body: is a message cut off?
  bool inside() const { return prefix_size_ > 0; }

 private:
  Result<void> begin();

  size_t most_;
  unsigned char prefix_[grpc_prefix_size] = {};
  size_t prefix_size_ = 0;  // bytes of it that are known
  size_t length_ = 0;
  std::string message_;
};

}  // namespace barrio::api
