#include "objects/s3_call.h"

#include <algorithm>

#include "base/base64.h"
#include "base/hash.h"
#include "base/text.h"

namespace barrio::objects {

using api::s3::ChecksumKind;
using api::s3::Outcome;
using api::s3::Payload;
using api::s3::refuse;

namespace {

/// Whether x-amz-trailer names this field.
bool announces(const S3Call& call, const std::string& name) {
  const std::string list = to_lower(call.header("x-amz-trailer"));
  const auto names = split(list, ',');
  return std::ranges::any_of(names, [&](std::string_view one) { return trim(one) == name; });
}

}  // namespace

RequestTally::Kind S3Call::kind() const {
  using Kind = RequestTally::Kind;
  if (view.method == "DELETE") return Kind::remove;
  const std::string what = subresource();
  if (view.method == "POST" && key.empty() && what == "delete") return Kind::remove;
  if (view.method == "PUT" || view.method == "POST") return Kind::write;
  const bool lists = key.empty() ? what.empty() || what == "uploads" || what == "versions" : what == "uploadId";
  return view.method == "GET" && lists ? Kind::list : Kind::read;
}

bool S3Call::adds_content() const {
  if (key.empty() || (view.method != "PUT" && view.method != "POST")) return false;
  const std::string what = subresource();
  return what.empty() || what == "uploads" || what == "uploadId";
}

std::string S3Call::subresource() const {
  static const std::vector<std::string_view> known = split(
      "accelerate acl analytics attributes cors delete encryption inventory legal-hold lifecycle "
      "location logging metrics notification object-lock ownershipControls policy policyStatus "
      "publicAccessBlock replication requestPayment restore retention select tagging torrent uploadId "
      "uploads versioning versions website",
      ' ');
  auto first = known.end();
  for (const std::string_view item : split(view.query, '&')) {
    const auto name = api::s3::uri_decode(item.substr(0, item.find('='))).value_or("");
    first = std::min(first, std::ranges::find(known, name));
  }
  return first == known.end() ? std::string() : std::string(*first);
}

void S3Call::set_version(const std::optional<ports::ObjectVersion>& spoken_of) {
  if (!spoken_of) return;
  version = {{"x-amz-version-id", spoken_of->id()}};
  if (spoken_of->marker) version.emplace_back("x-amz-delete-marker", "true");
}

void S3Call::reply(int status, net::OwnedHeaders headers, std::string_view body) {
  headers.emplace_back("x-amz-request-id", request_id);
  headers.insert(headers.end(), cors.begin(), cors.end());
  headers.insert(headers.end(), version.begin(), version.end());
  conversation.reply(status, headers, body);
}

void S3Call::reply(const api::s3::Fault& fault) {
  if (conversation.has_begun()) return conversation.abort();
  const int status = api::s3::status_of(fault.code);
  net::OwnedHeaders headers = {{"Content-Type", "application/xml"}};
  if (status == 503) headers.emplace_back("Retry-After", "1");
  // HEAD has no body to say it in.
  if (view.method == "HEAD") return reply(status, {{"x-barrio-reason", fault.code}}, "");
  reply(status, std::move(headers), api::s3::error_xml(fault, view.path, request_id));
}

Outcome<CheckedBody> CheckedBody::of(S3Call& call) {
  CheckedBody body(call);
  const Payload payload = call.claim ? call.claim->payload : Payload::unprotected;
  body.length_ = call.conversation.head().length;
  if (!call.conversation.head().has_body) body.length_ = 0;
  if (api::s3::is_chunked(payload)) {
    body.length_ = parse_uint(call.header("x-amz-decoded-content-length"));
    if (!body.length_) return refuse("MissingContentLength", "x-amz-decoded-content-length is missing");
    body.chunks_.emplace(payload, call.signing);
  }
  if (payload == Payload::hashed && call.claim) body.sha256_.emplace(HashKind::sha256);
  if (const auto md5 = call.view.header("content-md5")) {
    auto expected = from_base64(*md5);
    if (!expected || expected->size() != 16) return refuse("InvalidDigest", "Content-MD5 must be 16 bytes in base64");
    body.expected_md5_ = std::move(*expected);
    body.md5_.emplace(HashKind::md5);
  }
  for (const ChecksumKind kind : api::s3::all_checksums) {
    const auto value = call.view.header(api::s3::header_of(kind));
    if (!value && !announces(call, api::s3::header_of(kind))) continue;
    if (body.checksum_) return refuse("InvalidRequest", "there is more than one checksum");
    body.checksum_.emplace(kind);
    body.checksum_in_trailer_ = !value;
    const auto bytes = from_base64(value.value_or(""));
    if (value && (!bytes || bytes->size() != api::s3::bytes_of(kind))) {
      return refuse("InvalidRequest", "Value for " + api::s3::header_of(kind) + " header is invalid.");
    }
    if (value) body.expected_checksum_ = *value;
  }
  if (body.checksum_in_trailer_ && !body.chunks_) return refuse("InvalidRequest", "only a body in chunks has trailers");
  if (!body.checksum_) body.checksum_.emplace(ChecksumKind::crc64nvme);
  return body;
}

Outcome<std::string> CheckedBody::read(std::string spare) {
  while (true) {
    auto piece = call_->conversation.read(std::move(spare));
    if (!piece) return refuse("IncompleteBody", piece.error().what);
    if (piece->empty()) {
      S3_TRY_DO(check_end());
      return std::string();
    }
    std::string decoded;
    if (chunks_) {
      S3_TRY_DO(chunks_->take(*piece, decoded));
    } else {
      decoded.swap(*piece);
    }
    spare = std::move(*piece);
    S3_TRY_DO(take(decoded));
    if (!decoded.empty()) return decoded;
  }
}

Outcome<void> CheckedBody::take(std::string_view decoded) {
  received_ += decoded.size();
  if (length_ && received_ > *length_) return refuse("IncompleteBody", "the body is longer than it says");
  checksum_->add(decoded);
  if (sha256_) sha256_->add(decoded);
  if (md5_) md5_->add(decoded);
  return {};
}

Outcome<void> CheckedBody::check_end() {
  if (length_ && received_ != *length_) return refuse("IncompleteBody", "the body is shorter than it says");
  if (chunks_) S3_TRY_DO(chunks_->finish());
  if (sha256_ && hex_of(sha256_->finish()) != to_lower(call_->claim->payload_text)) {
    return refuse("XAmzContentSHA256Mismatch", "the body is not the one whose SHA-256 x-amz-content-sha256 gives");
  }
  if (md5_ && md5_->finish() != expected_md5_) {
    return refuse("BadDigest", "the body is not the one whose MD5 Content-MD5 gives");
  }
  const std::string value = checksum_->finish();
  if (checksum_in_trailer_) {
    const auto found = chunks_->trailers().find(api::s3::header_of(checksum_->kind()));
    if (found == chunks_->trailers().end())
      return refuse("IncompleteBody", "the trailer that was announced is missing");
    expected_checksum_ = found->second;
  }
  if (expected_checksum_ && *expected_checksum_ != value) {
    return refuse("BadDigest", "the body has another " + std::string(api::s3::name_of(checksum_->kind())) + " than " +
                                   api::s3::header_of(checksum_->kind()) + " gives");
  }
  kept_checksum_.emplace(checksum_->kind(), value);
  return {};
}

Outcome<std::string> CheckedBody::read_all(size_t most) {
  std::string all;
  while (true) {
    S3_TRY(std::string piece, read());
    if (piece.empty()) return all;
    all += piece;
    if (all.size() > most)
      return refuse("InvalidRequest", "the request is longer than " + std::to_string(most) + " bytes");
  }
}

api::s3::Fault fault_of(const Error& error, std::string_view not_found_code) {
  switch (error.code) {
    case Code::not_found: return {std::string(not_found_code), error.text()};
    case Code::conflict: return {"PreconditionFailed", error.text()};
    case Code::denied: return {"AccessDenied", error.text()};
    case Code::invalid: return {"InvalidRequest", error.text()};
    case Code::exhausted: return {"InsufficientStorage", error.text()};
    case Code::unsupported: return {"NotImplemented", error.text()};
    case Code::unavailable:
    case Code::timed_out:
    case Code::cancelled: return {"ServiceUnavailable", error.text()};
  }
  return {"InternalError", error.text()};
}

}  // namespace barrio::objects
