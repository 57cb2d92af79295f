#pragma once
// How requests reach an S3 service: blocking, on any thread. Behind an interface, so that tests can lose requests,
// answers and time.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace barrio::adapters::s3 {

struct HttpCall {
  std::string method;
  std::string target;                                        // path and query, encoded
  std::vector<std::pair<std::string, std::string>> headers;  // with Host
  std::string_view body;
};

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  /// Empty: there is none.
  std::string header(std::string_view name) const;
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// Errors: unavailable (no connection: nothing was sent), denied (nothing was sent either: who answers shows a
  /// certificate that is not trusted; names the field that decides about that), timed_out (no answer, or none that is
  /// whole: whether it was done, nobody knows).
  virtual Result<HttpAnswer> call(const HttpCall& call) = 0;
  virtual WallTime wall() = 0;
  virtual void pause(Duration duration) = 0;
};

/// libcurl. `endpoint`: "https://host:port" or "http://host:port"; `ca_file`: empty: those of the system.
std::unique_ptr<Transport> make_curl_transport(std::string endpoint, std::string ca_file);

}  // namespace barrio::adapters::s3
