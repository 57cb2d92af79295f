#pragma once
// A client of S3 as tests have it: signs what it asks, and reads errors.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "api/s3/sigv4.h"
#include "api/s3/xml.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/text.h"
#include "model/bucket.h"
#include "net/http.h"

namespace barrio::objects {

inline const S3Key acme_key{"BRKACME", TenantId::of("acme"), "acme-secret"};
inline const S3Key rival_key{"BRKRIVAL", TenantId::of("rival"), "rival-secret"};

struct Ask {
  std::string method = "GET";
  std::string target = "/";
  std::string body = {};
  net::OwnedHeaders headers = {};
  S3Key key = acme_key;
  std::string host = "somewhere";
};

inline std::string amz_time(WallTime now) {
  const std::string text = to_string(now);  // 2026-11-24T10:00:00.000Z
  return text.substr(0, 4) + text.substr(5, 2) + text.substr(8, 5) + text.substr(14, 2) + text.substr(17, 2) + "Z";
}

inline net::Request signed_request(Ask wanted, WallTime at) {
  const std::string now = amz_time(at);
  auto& headers = wanted.headers;
  headers.emplace_back("Host", wanted.host);
  headers.emplace_back("x-amz-date", now);
  if (!net::find_header(headers, "x-amz-content-sha256")) {
    headers.emplace_back("x-amz-content-sha256", sha256_hex(wanted.body));
  }
  std::string names;
  std::vector<std::string> small;
  for (const auto& [name, value] : headers) small.push_back(to_lower(name));
  std::sort(small.begin(), small.end());
  for (const std::string& name : small) names += (names.empty() ? "" : ";") + name;
  const std::string start = "AWS4-HMAC-SHA256 Credential=" + wanted.key.id + "/" + now.substr(0, 8) +
                            "/x/s3/aws4_request,SignedHeaders=" + names + ",Signature=";
  const size_t mark = wanted.target.find('?');
  api::s3::RequestView view{wanted.method,
                            std::string_view(wanted.target).substr(0, mark),
                            mark == std::string::npos ? "" : std::string_view(wanted.target).substr(mark + 1),
                            {}};
  for (const auto& [name, value] : headers) view.headers.emplace_back(name, value);
  const std::string unsigned_header = start + "0";
  view.headers.emplace_back("Authorization", unsigned_header);
  const auto claim = api::s3::read_claim(view);
  REQUIRE(claim);
  headers.emplace_back("Authorization", start + api::s3::signature_of(**claim, view, wanted.key.secret));
  return {.method = wanted.method, .target = wanted.target, .headers = headers, .body = wanted.body, .peer_ip = {}};
}

inline std::string code_of(const net::Response& response) {
  const auto xml = api::s3::read_xml(response.body);
  return xml ? xml->text_of("Code") : "";
}

}  // namespace barrio::objects
