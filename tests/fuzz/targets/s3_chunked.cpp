// aws-chunked bodies: however they are cut, the same comes of them. The first byte says which of the three encodings.

#include "api/s3/chunked.h"
#include "base/check.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

struct Read {
  bool good = false;
  std::string decoded;
  std::map<std::string, std::string> trailers;
};

Read read(api::s3::Payload payload, std::string_view body, size_t step) {
  api::s3::ChunkedReader reader(payload,
                                {std::string(32, 'k'), "20130524/x/s3/aws4_request", "20130524T000000Z", "seed"});
  Read result;
  for (size_t at = 0; at < body.size(); at += step) {
    if (!reader.take(body.substr(at, step), result.decoded)) return {};
  }
  result.good = reader.finish().has_value();
  result.trailers = reader.trailers();
  return result;
}

}  // namespace

void run_target(std::string_view input) {
  if (input.empty()) return;
  constexpr api::s3::Payload kinds[] = {api::s3::Payload::chunks_trailer, api::s3::Payload::chunks_signed,
                                        api::s3::Payload::chunks_signed_trailer};
  const auto kind = kinds[static_cast<unsigned char>(input.front()) % 3];
  input.remove_prefix(1);
  const Read whole = read(kind, input, input.size() + 1);
  const Read pieces = read(kind, input, 3);
  CHECK(whole.good == pieces.good);
  if (!whole.good) return;
  CHECK(whole.decoded == pieces.decoded && whole.trailers == pieces.trailers);
  CHECK(whole.decoded.size() <= input.size());
}

}  // namespace barrio::fuzz
