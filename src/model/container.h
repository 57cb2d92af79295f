#pragma once
// An app that brings its own server: a container image that answers HTTP on a port.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ed25519.h"
#include "base/json.h"

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

/// A question over HTTP whose answer of 200 to 399 is yes.
struct HealthCheck {
  std::string path = "/";
  Duration every = 1s;
  Duration timeout = 1s;
  int failures = 3;  // in a row that mean no
  static constexpr std::string_view defaulted[] = {"path", "every", "timeout", "failures"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(HealthCheck, (), (path, every, timeout, failures))

struct ContainerSpec {
  ImageReference image;
  std::string file;    // an OCI archive, relative to the app file; the CLI uploads it and says its `sha256`
  std::string sha256;  // of the archive
  Ed25519PublicKey signed_by;
  std::string signature;             // over image.signed_text(), in base64url
  std::vector<std::string> command;  // empty: the image's
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> secrets;  // environment variable -> name of a secret of the tenant
  int port = 8080;                             // where it answers HTTP/1.1
  std::optional<std::string> user;             // "1000" or "1000:1000" inside; none: 65534:65534
  int processes = 64;                          // and threads
  int files = 1024;                            // open at once, in each process
  Bytes scratch = mib(16);                     // of /tmp, in memory
  std::optional<HealthCheck> ready;            // none: the default of each field
  std::optional<HealthCheck> live;             // none: it lives while its process does
  Duration start_within = 60s;
  static constexpr std::string_view defaulted[] = {"file",  "sha256",  "port",        "processes",
                                                   "files", "scratch", "start_within"};
  Result<void> check() const;
  /// Errors: denied.
  Result<void> check_signature() const;
};
BARRIO_DESCRIBE(ContainerSpec, (),
                (image, file, sha256, signed_by, signature, command, arguments, environment, secrets, port, user,
                 processes, files, scratch, ready, live, start_within))
BARRIO_JSON_APART(ContainerSpec)

/// Of a secret of a tenant: 1 to 63 lower-case letters, digits and hyphens.
Result<void> check_secret_name(std::string_view name);

}  // namespace barrio
