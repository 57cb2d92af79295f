#include "control/blob_members.h"

#include "base/crypto.h"
#include "base/log.h"

namespace barrio::control {

namespace {

constexpr Duration copied_within = 60s;

}  // namespace

net::Request BlobMembers::request(const char* method, const std::string& sha256) {
  net::Request made;
  made.method = method;
  made.target = "/barrio/v1/members/blobs/" + sha256;
  made.headers = {{"Authorization", "Bearer " + accounts_.member_token()}};
  return made;
}

Result<void> BlobMembers::copy(const std::string& sha256, const std::string& bytes) {
  const size_t most = (others_.size() + 1) / 2 + 1;
  size_t have = 1;
  std::string why;
  for (const std::string& other : others_) {
    net::Request put = request("PUT", sha256);
    put.body = bytes;
    put.headers.emplace_back("Content-Type", "application/octet-stream");
    auto answered = call_(other, std::move(put), runtime_.now() + copied_within);
    if (answered && answered->status == 201) {
      ++have;
    } else {
      why = other + ": " + (answered ? "HTTP " + std::to_string(answered->status) : answered.error().error.text());
      log_warning("model not copied to a member", {{"sha256", sha256}, {"why", why}});
    }
  }
  if (have >= most) return {};
  return fail(Code::unavailable,
              "only " + std::to_string(have) + " of the " + std::to_string(most) +
                  " members that must have it could store it; " + why,
              sha256);
}

Result<std::string> BlobMembers::fetch(const std::string& sha256) {
  Error failure{Code::not_found, "there is no content with this hash", sha256};
  for (const std::string& other : others_) {
    auto answered = call_(other, request("GET", sha256), runtime_.now() + copied_within);
    if (answered && answered->status == 404) continue;
    if (answered && answered->status == 200) {
      std::string found;
      runtime_.offload([&] { found = sha256_hex(answered->body); });
      if (found == sha256) return std::move(answered->body);
    }
    failure = {Code::unavailable, "a member of control that may have it cannot be asked", sha256};
  }
  return fail(std::move(failure));
}

}  // namespace barrio::control
