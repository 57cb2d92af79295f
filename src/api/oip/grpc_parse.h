#pragma once
// For the sources of this folder that know protobuf.

#include <google/protobuf/message_lite.h>

#include <string_view>

#include "base/result.h"

namespace barrio::api {

/// Errors: invalid. Says nothing on standard error, whatever strangers send.
Result<void> parse_grpc(std::string_view bytes, google::protobuf::MessageLite& into);

}  // namespace barrio::api
