#pragma once
// An app that brings its own server, which answers HTTP on a port: what its container (model/container.h) or its
// program (model/program.h) has in common.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace barrio {

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

struct ServerSpec {
  std::string file;                  // relative to the app file; the CLI uploads it and says its `sha256`
  std::string sha256;                // of what was uploaded
  std::vector<std::string> command;  // empty: what the image or the program says
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> secrets;  // environment variable -> name of a secret of the tenant
  int port = 8080;                             // where it answers HTTP/1.1
  int processes = 64;                          // and threads
  int files = 1024;                            // open at once, in each process
  Bytes scratch = mib(16);                     // of /tmp, in memory
  std::optional<HealthCheck> ready;            // none: the default of each field
  std::optional<HealthCheck> live;             // none: it lives while its process does
  Duration start_within = 60s;
  static constexpr std::string_view defaulted[] = {"file",  "sha256",  "port",        "processes",
                                                   "files", "scratch", "start_within"};
  Result<void> check() const;
};

/// 64 hexadecimal digits in lower case.
bool is_sha256(std::string_view text);
/// Of a secret of a tenant: 1 to 63 lower-case letters, digits and hyphens.
Result<void> check_secret_name(std::string_view name);

}  // namespace barrio
