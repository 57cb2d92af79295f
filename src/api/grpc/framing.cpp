#include "api/grpc/framing.h"

#include <algorithm>

#include "base/check.h"

namespace barrio::api {

namespace {

/// Memory beyond this is taken only as bytes arrive, whatever length was announced.
constexpr size_t most_trusted = 1 << 20;

}  // namespace

void set_grpc_prefix(std::string& out) {
  CHECK(out.size() >= grpc_prefix_size && out.size() - grpc_prefix_size <= UINT32_MAX);
  const auto length = static_cast<uint32_t>(out.size() - grpc_prefix_size);
  out[0] = 0;
  for (size_t i = 0; i < 4; ++i) out[1 + i] = static_cast<char>((length >> (24 - 8 * i)) & 0xff);
}

std::string grpc_frame(std::string_view message) {
  std::string out;
  out.reserve(grpc_prefix_size + message.size());
  out.resize(grpc_prefix_size);
  out += message;
  set_grpc_prefix(out);
  return out;
}

Result<void> GrpcReader::begin() {
  length_ = 0;
  for (size_t i = 1; i < grpc_prefix_size; ++i) length_ = length_ << 8 | prefix_[i];
  if (prefix_[0] == 1)
    return fail(Code::unsupported, "compressed messages are not taken; the encoding must be identity");
  if (prefix_[0] > 1)
    return fail(Code::invalid, "a message begins with byte " + std::to_string(prefix_[0]) + ", not 0");
  if (length_ > most_) {
    return fail(Code::exhausted, "a message of " + std::to_string(length_) + " bytes is longer than " +
                                     std::to_string(most_) + " bytes");
  }
  message_.clear();
  message_.reserve(std::min(length_, most_trusted));
  return {};
}

Result<bool> GrpcReader::read(std::string_view& piece) {
  if (prefix_size_ < grpc_prefix_size) {
    const size_t take = std::min(grpc_prefix_size - prefix_size_, piece.size());
    std::copy_n(piece.begin(), take, prefix_ + prefix_size_);
    prefix_size_ += take;
    piece.remove_prefix(take);
    if (prefix_size_ < grpc_prefix_size) return false;
    TRY_DO(begin());
  }
  const size_t take = std::min(length_ - message_.size(), piece.size());
  message_.append(piece.substr(0, take));
  piece.remove_prefix(take);
  if (message_.size() < length_) return false;
  prefix_size_ = 0;
  return true;
}

}  // namespace barrio::api
