// Who signed an S3 request: a line with method, path and query, then header lines. Nothing that is not signed with the
// secret is taken.

#include "api/s3/sigv4.h"
#include "base/check.h"
#include "base/text.h"
#include "target.h"

namespace barrio::fuzz {

void run_target(std::string_view input) {
  const auto lines = split(input, '\n');
  const auto first = split(lines.front(), ' ');
  if (first.size() != 2) return;
  const size_t mark = first[1].find('?');
  api::s3::RequestView request{first[0],
                               first[1].substr(0, mark),
                               mark == std::string_view::npos ? std::string_view() : first[1].substr(mark + 1),
                               {}};
  for (size_t i = 1; i < lines.size() && i < 64; ++i) {
    const size_t colon = lines[i].find(':');
    if (colon != std::string_view::npos)
      request.headers.emplace_back(lines[i].substr(0, colon), trim(lines[i].substr(colon + 1)));
  }
  const auto claim = api::s3::read_claim(request);
  if (!claim || !*claim) return;
  const auto now = *parse_wall_time("2013-05-24T00:00:00Z");
  CHECK(!api::s3::verify_claim(**claim, request, "a secret that nobody knows", now));
  api::s3::SignatureClaim signed_claim = **claim;
  signed_claim.signature = api::s3::signature_of(**claim, request, "secret");
  const auto verified = api::s3::verify_claim(signed_claim, request, "secret", now);
  // Whatever else speaks against it (its time, a header that is not signed), the signature itself matches.
  CHECK(verified || verified.error().code != "SignatureDoesNotMatch");
}

}  // namespace barrio::fuzz
