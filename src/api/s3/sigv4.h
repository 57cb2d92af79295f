#pragma once
// AWS Signature Version 4 as S3 uses it ("Authenticating Requests", S3 API reference): in the Authorization header, in
// the query (presigned URLs), and over each chunk of a body. Pure: secrets and the time are arguments.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/s3/fault.h"
#include "base/time.h"

namespace barrio::api::s3 {

/// A request as it came. Views.
struct RequestView {
  std::string_view method;
  std::string_view path;   // as sent, still encoded
  std::string_view query;  // as sent
  std::vector<std::pair<std::string_view, std::string_view>> headers;

  /// The first of this name, which is in lower case.
  std::optional<std::string_view> header(std::string_view name) const;
  /// The value of one query parameter, decoded.
  std::optional<std::string> parameter(std::string_view name) const;
};

std::string uri_encode(std::string_view text, bool keep_slashes);
/// Nothing for a bad escape. '+' is itself.
std::optional<std::string> uri_decode(std::string_view text);

/// How the body is protected: x-amz-content-sha256.
enum class Payload { hashed, unprotected, chunks_signed, chunks_signed_trailer, chunks_trailer };
constexpr bool is_chunked(Payload payload) {
  return payload == Payload::chunks_signed || payload == Payload::chunks_signed_trailer ||
         payload == Payload::chunks_trailer;
}

/// What a request says about its signature; nothing of it is believed yet.
struct SignatureClaim {
  std::string key_id;
  std::string scope;      // "20130524/us-east-1/s3/aws4_request"
  std::string timestamp;  // "20130524T000000Z"
  std::vector<std::string> signed_headers;
  std::string signature;  // hex
  bool presigned = false;
  int64_t expires = 0;  // seconds from the timestamp, of a presigned one
  std::string payload_text;
  Payload payload = Payload::hashed;
};

/// None: the request is not signed.
Outcome<std::optional<SignatureClaim>> read_claim(const RequestView& request);

/// What the signatures of chunks go on from.
struct ChunkSigning {
  std::string key;  // the signing key of this day, region and service
  std::string scope;
  std::string timestamp;
  std::string previous;  // signature, hex
};

/// The claim is that of who holds `secret`, over this very request, now. A header that the service acts on (host,
/// x-amz-*) must be signed.
Outcome<ChunkSigning> verify_claim(const SignatureClaim& claim, const RequestView& request, std::string_view secret,
                                   WallTime now);

/// Of the next chunk with this SHA-256 (hex), or of trailers.
std::string chunk_signature(const ChunkSigning& signing, std::string_view chunk_sha256);
std::string trailer_signature(const ChunkSigning& signing, std::string_view trailer_sha256);

/// As a client signs.
std::string signature_of(const SignatureClaim& claim, const RequestView& request, std::string_view secret);

}  // namespace barrio::api::s3
