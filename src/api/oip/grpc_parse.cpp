#include "api/oip/grpc_parse.h"

#include <google/protobuf/stubs/logging.h>

#include <climits>

namespace barrio::api {

Result<void> parse_grpc(std::string_view bytes, google::protobuf::MessageLite& into) {
  // It would log texts that are not UTF-8.
  [[maybe_unused]] static const auto before = google::protobuf::SetLogHandler(nullptr);
  const bool parsed = bytes.size() <= INT_MAX && into.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (!parsed) return fail(Code::invalid, "the message is not well-formed protobuf, or a text in it is not UTF-8");
  return {};
}

}  // namespace barrio::api
