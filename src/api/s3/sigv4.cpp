#include "api/s3/sigv4.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/digest.h"
#include "base/hash.h"
#include "base/text.h"

namespace barrio::api::s3 {

namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view amz_prefix = "x-amz-";
constexpr auto most_skew = 15min;
constexpr int64_t longest_presigned = 7 * 24 * 3600;
constexpr size_t most_signed_headers = 64;

/// `name`: in lower case.
bool is_header(std::string_view header, std::string_view name) {
  return header.size() == name.size() && std::ranges::equal(header, name, [](char of_header, char of_name) {
           return (of_header >= 'A' && of_header <= 'Z' ? of_header - 'A' + 'a' : of_header) == of_name;
         });
}

std::string collapse(std::string_view value) {
  std::string out;
  for (const char c : trim(value)) {
    if (c == ' ' && out.ends_with(' ')) continue;
    out += c;
  }
  return out;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> items;
  for (const std::string_view item : split(query, '&')) {
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    const std::string name = uri_decode(item.substr(0, equals)).value_or("");
    if (name == "X-Amz-Signature") continue;
    const std::string value = equals == std::string_view::npos ? "" : uri_decode(item.substr(equals + 1)).value_or("");
    items.emplace_back(uri_encode(name, false), uri_encode(value, false));
  }
  std::ranges::sort(items);
  std::string out;
  for (const auto& [name, value] : items) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

std::string canonical_request(const SignatureClaim& claim, const RequestView& request) {
  std::string out(request.method);
  out += "\n" + uri_encode(uri_decode(request.path).value_or(""), true) + "\n" + canonical_query(request.query) + "\n";
  for (const std::string& name : claim.signed_headers) {
    out += name + ":";
    bool first = true;
    for (const auto& [header, value] : request.headers) {
      if (!is_header(header, name)) continue;
      out += (first ? "" : ",") + collapse(value);
      first = false;
    }
    out += "\n";
  }
  out += "\n" + join_text(std::span<const std::string>(claim.signed_headers), ";") + "\n" + claim.payload_text;
  return out;
}

std::string signing_key(std::string_view secret, std::string_view scope) {
  std::string key = "AWS4" + std::string(secret);
  for (const std::string_view part : split(scope, '/')) key = barrio::text_of(hmac_sha256(key, part));
  return key;
}

std::optional<WallTime> time_of(std::string_view text) {
  // 20130524T000000Z
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  const auto part = [&](size_t at, size_t size) { return std::string(text.substr(at, size)); };
  const auto parsed = parse_wall_time(part(0, 4) + "-" + part(4, 2) + "-" + part(6, 2) + "T" + part(9, 2) + ":" +
                                      part(11, 2) + ":" + part(13, 2) + "Z");
  return parsed ? std::optional(*parsed) : std::nullopt;
}

Outcome<void> set_payload(SignatureClaim& claim, std::optional<std::string_view> text) {
  claim.payload_text = text.value_or("UNSIGNED-PAYLOAD");
  if (claim.payload_text == "UNSIGNED-PAYLOAD") {
    claim.payload = Payload::unprotected;
  } else if (claim.payload_text == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") {
    claim.payload = Payload::chunks_signed;
  } else if (claim.payload_text == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") {
    claim.payload = Payload::chunks_signed_trailer;
  } else if (claim.payload_text == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
    claim.payload = Payload::chunks_trailer;
  } else if (claim.payload_text.size() != 64 || !bytes_of_hex(claim.payload_text)) {
    return refuse("InvalidArgument",
                  "x-amz-content-sha256 must be a SHA-256 in hex, UNSIGNED-PAYLOAD or a STREAMING-...");
  }
  return {};
}

/// KEY/20130524/us-east-1/s3/aws4_request
Outcome<void> set_credential(SignatureClaim& claim, std::string_view credential, const char* code) {
  const auto parts = split(credential, '/');
  if (parts.size() != 5 || parts[0].empty() || parts[3] != "s3" || parts[4] != "aws4_request") {
    return refuse(code, "the credential must be KEY/DATE/REGION/s3/aws4_request");
  }
  claim.key_id = parts[0];
  claim.scope = credential.substr(parts[0].size() + 1);
  if (!claim.timestamp.starts_with(parts[1]) || parts[1].size() != 8) {
    return refuse(code, "the credential's date is not that of the request");
  }
  return {};
}

Outcome<void> set_signed_headers(SignatureClaim& claim, std::string_view list, const char* code) {
  for (const std::string_view name : split(list, ';')) claim.signed_headers.emplace_back(name);
  const bool good = claim.signed_headers.size() <= most_signed_headers &&
                    std::ranges::is_sorted(claim.signed_headers) &&
                    std::ranges::find(claim.signed_headers, "host") != claim.signed_headers.end();
  if (!good) return refuse(code, "SignedHeaders must be sorted names in lower case, host among them");
  return {};
}

Outcome<std::optional<SignatureClaim>> claim_in_query(const RequestView& request) {
  constexpr const char* code = "AuthorizationQueryParametersError";
  SignatureClaim claim;
  claim.presigned = true;
  if (request.parameter("X-Amz-Algorithm") != algorithm)
    return refuse(code, "X-Amz-Algorithm must be AWS4-HMAC-SHA256");
  claim.timestamp = request.parameter("X-Amz-Date").value_or("");
  claim.signature = request.parameter("X-Amz-Signature").value_or("");
  const auto expires = parse_uint(request.parameter("X-Amz-Expires").value_or(""));
  if (!expires || *expires < 1 || *expires > longest_presigned) {
    return refuse(code, "X-Amz-Expires must be from 1 to 604800 seconds");
  }
  claim.expires = static_cast<int64_t>(*expires);
  S3_TRY_DO(set_credential(claim, request.parameter("X-Amz-Credential").value_or(""), code));
  S3_TRY_DO(set_signed_headers(claim, request.parameter("X-Amz-SignedHeaders").value_or(""), code));
  const auto in_query = request.parameter("X-Amz-Content-Sha256");
  S3_TRY_DO(set_payload(
      claim, in_query ? std::optional<std::string_view>(*in_query) : request.header("x-amz-content-sha256")));
  return std::optional(std::move(claim));
}

/// One "Name=value" of the Authorization header.
std::string_view field_of(std::string_view list, std::string_view name) {
  for (std::string_view item : split(list, ',')) {
    item = trim(item);
    if (item.size() > name.size() && item.starts_with(name) && item[name.size()] == '=') {
      return item.substr(name.size() + 1);
    }
  }
  return {};
}

Outcome<std::optional<SignatureClaim>> claim_in_header(const RequestView& request, std::string_view authorization) {
  constexpr const char* code = "AuthorizationHeaderMalformed";
  SignatureClaim claim;
  const std::string_view fields = authorization.substr(algorithm.size());
  claim.timestamp = request.header("x-amz-date").value_or("");
  if (claim.timestamp.empty()) return refuse("AccessDenied", "a signed request must have x-amz-date");
  claim.signature = field_of(fields, "Signature");
  S3_TRY_DO(set_credential(claim, field_of(fields, "Credential"), code));
  S3_TRY_DO(set_signed_headers(claim, field_of(fields, "SignedHeaders"), code));
  const auto payload = request.header("x-amz-content-sha256");
  if (!payload) return refuse("InvalidRequest", "x-amz-content-sha256 is missing");
  S3_TRY_DO(set_payload(claim, payload));
  return std::optional(std::move(claim));
}

/// What the service acts on cannot be added by somebody on the way.
Outcome<void> check_coverage(const SignatureClaim& claim, const RequestView& request) {
  for (const auto& [header, value] : request.headers) {
    if (!is_header(header.substr(0, amz_prefix.size()), amz_prefix)) continue;
    const std::string name = to_lower(header);
    if (std::ranges::find(claim.signed_headers, name) != claim.signed_headers.end()) {
      continue;
    }
    if (claim.presigned && name == "x-amz-content-sha256") continue;
    return refuse("AccessDenied", "the header " + name + " is not signed");
  }
  return {};
}

Outcome<void> check_time(const SignatureClaim& claim, WallTime now) {
  const auto signed_at = time_of(claim.timestamp);
  if (!signed_at) return refuse("AccessDenied", "the time of the request must be like 20130524T000000Z");
  if (*signed_at > now + most_skew) return refuse("RequestTimeTooSkewed", "the request's time is in the future");
  if (claim.presigned) {
    if (now > *signed_at + std::chrono::seconds(claim.expires)) return refuse("AccessDenied", "Request has expired");
    return {};
  }
  if (now > *signed_at + most_skew) {
    return refuse("RequestTimeTooSkewed", "the request's time differs from this server's by more than 15 minutes");
  }
  return {};
}

std::string sign_over(const ChunkSigning& signing, std::string_view what, std::string_view rest) {
  return to_hex(hmac_sha256(signing.key, std::string(what) + "\n" + signing.timestamp + "\n" + signing.scope + "\n" +
                                             signing.previous + "\n" + std::string(rest)));
}

std::string request_signature(const SignatureClaim& claim, const RequestView& request, const std::string& key) {
  return to_hex(hmac_sha256(key, std::string(algorithm) + "\n" + claim.timestamp + "\n" + claim.scope + "\n" +
                                     sha256_hex(canonical_request(claim, request))));
}

}  // namespace

std::optional<std::string_view> RequestView::header(std::string_view name) const {
  for (const auto& [header, value] : headers) {
    if (is_header(header, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string> RequestView::parameter(std::string_view name) const {
  for (std::string_view rest = query; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const size_t equals = item.find('=');
    const std::string_view raw = item.substr(0, equals);
    if (raw.find('%') == std::string_view::npos ? raw != name : uri_decode(raw) != name) continue;
    return equals == std::string_view::npos ? std::string() : uri_decode(item.substr(equals + 1));
  }
  return std::nullopt;
}

std::string uri_encode(std::string_view text, bool keep_slashes) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || (c == '/' && keep_slashes);
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> uri_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto byte = bytes_of_hex(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out += *byte;
    i += 2;
  }
  return out;
}

Outcome<std::optional<SignatureClaim>> read_claim(const RequestView& request) {
  const auto authorization = request.header("authorization");
  if (authorization && authorization->starts_with(algorithm)) return claim_in_header(request, *authorization);
  if (authorization && authorization->starts_with("AWS ")) {
    return refuse("InvalidRequest", "Signature Version 2 is not supported: please use AWS4-HMAC-SHA256");
  }
  if (!authorization && request.parameter("X-Amz-Algorithm")) return claim_in_query(request);
  return std::optional<SignatureClaim>();
}

Outcome<ChunkSigning> verify_claim(const SignatureClaim& claim, const RequestView& request, std::string_view secret,
                                   WallTime now) {
  S3_TRY_DO(check_time(claim, now));
  S3_TRY_DO(check_coverage(claim, request));
  const std::string key = signing_key(secret, claim.scope);
  const std::string expected = request_signature(claim, request, key);
  if (!constant_time_equal(expected, claim.signature)) {
    return refuse("SignatureDoesNotMatch",
                  "The request signature we calculated does not match the signature you provided. Check your key and "
                  "signing method.");
  }
  return ChunkSigning{key, claim.scope, claim.timestamp, claim.signature};
}

std::string chunk_signature(const ChunkSigning& signing, std::string_view chunk_sha256) {
  return sign_over(signing, "AWS4-HMAC-SHA256-PAYLOAD", sha256_hex("") + "\n" + std::string(chunk_sha256));
}

std::string trailer_signature(const ChunkSigning& signing, std::string_view trailer_sha256) {
  return sign_over(signing, "AWS4-HMAC-SHA256-TRAILER", trailer_sha256);
}

std::string signature_of(const SignatureClaim& claim, const RequestView& request, std::string_view secret) {
  return request_signature(claim, request, signing_key(secret, claim.scope));
}

}  // namespace barrio::api::s3
