#pragma once
// Requests to a bucket's home over S3, with the tenant's token instead of a signature.

#include "cli/actions.h"

namespace barrio::cli {

/// As control lists it. Errors: not_found.
Result<Json> find_bucket(ControlClient& control, const std::string& name);

/// One S3 request to the home of `bucket`; its answer, which is a 2xx. Errors: S3's, by their status.
Result<net::Response> ask_home(Session& session, ControlClient& control, const Json& bucket, net::Request request);

}  // namespace barrio::cli
