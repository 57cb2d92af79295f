#include "model/container.h"

#include <algorithm>

#include "base/text.h"

namespace barrio {

namespace {

/// "1000" or "1000:1000", of the ids that a container has.
bool is_user(std::string_view text) {
  const auto parts = split(text, ':');
  return parts.size() <= 2 && std::ranges::all_of(parts, [](std::string_view part) {
           const auto id = parse_uint(part);
           return id && *id <= 65535;
         });
}

}  // namespace

Result<ImageReference> ImageReference::parse(std::string_view text) {
  constexpr std::string_view separator = "@sha256:";
  const size_t at = text.find(separator);
  ImageReference image;
  if (at != std::string_view::npos) {
    image.name = text.substr(0, at);
    image.digest = text.substr(at + separator.size());
  }
  const bool named = !image.name.empty() && image.name.size() <= 255 &&
                     image.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-/:") == std::string::npos;
  if (named && is_sha256(image.digest)) return image;
  return fail(Code::invalid, "must be an image by digest, like hello@sha256: and 64 hexadecimal digits");
}

Result<void> ContainerSpec::check() const {
  TRY_DO(ServerSpec::check());
  if (user && !is_user(*user)) return fail(Code::invalid, "must be numbers up to 65535, like 1000:1000", "user");
  return {};
}

Result<void> ContainerSpec::check_signature() const {
  const auto bytes = from_base64url(signature);
  const auto good = bytes ? signed_by.verify(image.signed_text(), *bytes)
                          : Result<void>(fail(Code::denied, "the signature is not base64url"));
  if (good) return {};
  return fail(Code::denied,
              "no signature of " + image.str() + " by " + signed_by.str() + " (" + good.error().what +
                  "); 'barrio image sign' makes one",
              "signature");
}

BARRIO_JSON_HERE(ContainerSpec)

}  // namespace barrio
