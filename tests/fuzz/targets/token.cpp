// Access tokens. The input is tried as a token (nobody can guess a signature), as an Authorization field, and, signed
// with a good key, as the claims of a token, which is how the reader of claims is reached.

#include "api/oauth/token.h"
#include "base/check.h"
#include "base/text.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

const WallTime now{std::chrono::seconds(1'800'000'000)};

struct Signer {
  Es256Key key = *Es256Key::generate();
  std::vector<VerifyingKey> keys = {api::verifying_key(key)};

  std::string sign(std::string_view header, std::string_view claims) const {
    const std::string part = base64url(header) + "." + base64url(claims);
    return part + "." + base64url(key.sign(part));
  }
};

void check_identity(const api::Identity& identity) {
  CHECK(identity.expires > now);
  CHECK(!api::scopes_of(identity.role).empty());
  CHECK(!identity.subject.empty());
  for (const std::string& scope : identity.scopes) CHECK(!scope.empty() && scope.find(' ') == std::string::npos);
}

}  // namespace

void run_target(std::string_view input) {
  static const Signer signer;
  const auto bearer = api::bearer_token(input);
  CHECK(!bearer || bearer->size() < input.size());
  CHECK(!api::verify_token(input, signer.keys, now));
  if (bearer) CHECK(!api::verify_token(*bearer, signer.keys, now));

  const std::string header = R"({"alg":"ES256","kid":")" + signer.keys[0].kid + "\"}";
  const auto identity = api::verify_token(signer.sign(header, input), signer.keys, now);
  if (identity) check_identity(*identity);
  const auto other_header = api::verify_token(signer.sign(input, "{}"), signer.keys, now);
  CHECK(!other_header);
  CHECK(other_header.error().code == Code::denied || other_header.error().code == Code::invalid);
}

}  // namespace barrio::fuzz
