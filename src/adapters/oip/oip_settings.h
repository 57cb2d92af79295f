#pragma once
// Which remote model: LoadSpec::builtin,
// "url=http://127.0.0.1:8000,model=resnet,version=3,max_batch=8,timeout=5s,grace=1s".
//   url         needed: http, https or unix speak REST, grpc and grpcs gRPC
//   model       its name there; else our own
//   version     else the server's choice
//   max_batch   rows in one request; else what Triton's configuration says, elsewhere 1
//   timeout     of requests without a deadline, and of loading
//   grace       how long an answer is waited for after its last deadline: the server is at it all the same

#include <cstdint>
#include <string>

#include "net/url.h"
#include "ports/inference_backend.h"

namespace barrio::adapters::oip {

struct OipSettings {
  net::Url url;
  std::string model;
  std::string version;
  uint64_t max_batch = 0;  // 0: not said
  Duration timeout = 10s;
  Duration grace = 1s;

  /// Errors: invalid, naming the setting.
  static Result<OipSettings> parse(const ports::LoadSpec& spec);
  /// "model resnet at 127.0.0.1:8000", for errors.
  std::string where() const { return "model " + model + " at " + url.endpoint.address.str(); }
};

}  // namespace barrio::adapters::oip
