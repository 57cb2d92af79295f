#include "engine/request_fields.h"

#include <algorithm>

#include "api/grpc/status.h"
#include "api/oip/parameters.h"
#include "base/text.h"

namespace barrio::engine {

namespace {

constexpr std::string_view deadline_field = "Barrio-Deadline-Ms";
constexpr double most_deadline_ms = 3'600'000;
constexpr size_t most_tenant = 64;

Result<Duration> deadline_of(std::string_view text) {
  const auto ms = parse_double(text);
  if (!ms || !(*ms >= -most_deadline_ms && *ms <= most_deadline_ms)) {
    return fail(Code::invalid, "'" + std::string(text) + "' is not a number of milliseconds",
                std::string(deadline_field));
  }
  return from_ms(*ms);
}

}  // namespace

Result<RequestFields> read_request_fields(const net::RequestHead& head, Time first_byte) {
  RequestFields fields;
  std::optional<Duration> left;
  for (const net::Header& header : head.headers) {
    if (net::same_name(header.name, deadline_field)) {
      TRY(const Duration deadline, deadline_of(header.value));
      left = std::min(deadline, left.value_or(deadline));
    } else if (net::same_name(header.name, api::grpc_timeout_header)) {
      auto timeout = api::parse_grpc_timeout(header.value);
      if (!timeout) return fail(std::move(timeout).error().within(std::string(api::grpc_timeout_header)));
      left = std::min(*timeout, left.value_or(*timeout));
    } else if (net::same_name(header.name, "Barrio-Class")) {
      TRY(fields.urgency, from_json<UrgencyClass>(to_json(std::string(header.value)), "Barrio-Class"));
    } else if (net::same_name(header.name, "Barrio-Tenant")) {
      if (header.value.size() > most_tenant)
        return fail(Code::invalid, "is longer than " + std::to_string(most_tenant) + " bytes", "Barrio-Tenant");
      fields.tenant = header.value;
    }
  }
  if (left) fields.deadline = first_byte + *left;
  return fields;
}

Result<void> take_timeout(ports::Parameters& parameters, Time arrived, std::optional<Time>& deadline) {
  constexpr int64_t most = 3'600'000'000;
  TRY(const auto timeout, api::take_parameter<int64_t>(parameters, "timeout"));
  if (!timeout || *timeout <= 0) return {};
  const Time end = arrived + std::chrono::microseconds(std::min(*timeout, most));
  deadline = std::min(end, deadline.value_or(end));
  return {};
}

}  // namespace barrio::engine
