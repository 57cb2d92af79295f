#pragma once
// An app that is a container: an image that is signed, and runs as model/server.h says.

#include "base/ed25519.h"
#include "model/server.h"

namespace barrio {

/// An image and the content that it must have: "hello@sha256:<64 hex digits>", the digest of its manifest.
class ImageReference {
 public:
  /// Errors: invalid.
  static Result<ImageReference> parse(std::string_view text);
  std::string str() const { return name + "@sha256:" + digest; }
  /// What is signed: the digest says all of the content.
  std::string signed_text() const { return "barrio image sha256:" + digest; }

  std::string name;
  std::string digest;  // 64 hex digits
};

struct ContainerSpec : ServerSpec {  // `file`: an OCI archive
  ImageReference image;
  Ed25519PublicKey signed_by;
  std::string signature;            // over image.signed_text(), in base64url
  std::optional<std::string> user;  // "1000" or "1000:1000" inside; none: 65534:65534
  Result<void> check() const;
  /// Errors: denied.
  Result<void> check_signature() const;
};
BARRIO_DESCRIBE(ContainerSpec, (),
                (image, file, sha256, signed_by, signature, command, arguments, environment, secrets, port, user,
                 processes, files, scratch, ready, live, start_within))
BARRIO_JSON_APART(ContainerSpec)

}  // namespace barrio
