#pragma once
// How a gateway shows what it does, as it stands in a site's file.

#include <string>

#include "base/json.h"
#include "base/quantity.h"
#include "net/address.h"

namespace barrio::gateway {

struct AccessLogConfig {
  std::string folder = {};      // access.log and its predecessors
  double sample = 1;            // share of ordinary requests, 0 to 1
  int errors_per_second = 200;  // of errors, refusals and late answers: logged whatever the sample, up to this rate
  Bytes max_bytes = mib(64);    // of one file
  int files = 5;                // the one being written included
  bool device_address = false;  // the device's IP address is personal data: off unless there is a reason
  static constexpr std::string_view defaulted[] = {"sample", "errors_per_second", "max_bytes", "files",
                                                   "device_address"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(AccessLogConfig, (), (folder, sample, errors_per_second, max_bytes, files, device_address))

struct TracingConfig {
  std::string collector = {};  // "http://IP:PORT" or with a path; without one: /v1/traces (OTLP/HTTP)
  double sample = 0.01;        // share of requests without a traceparent for which a trace is begun
  int most_per_second = 100;   // of traced requests, those that callers ask for included
  static constexpr std::string_view defaulted[] = {"sample", "most_per_second"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(TracingConfig, (), (collector, sample, most_per_second))

struct CollectorUrl {
  net::SocketAddress address;
  std::string path;
};
/// Errors: invalid.
Result<CollectorUrl> parse_collector(const std::string& url);

}  // namespace barrio::gateway
